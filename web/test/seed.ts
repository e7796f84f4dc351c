import { Api, type Schemas } from './api'
import { shop, people, type Deed, type Person } from './shop'
import type { Scenario, Stack, StackOptions } from './stage'

export interface ShopOptions {
  /** How many people visit; none leaves results empty. */
  readonly units?: number
}

// The shop's first day, and the first of its traffic, in days before now.
const opening = 28
const traffic = 20

/** What the stack of a shop needs: a past. */
export const shopOptions: StackOptions = { clock: `-${opening * 24}h` }

/**
 * seedShop fills a ledger, made with shopOptions, with four weeks of a shop: about 40 experiments that people of several
 * teams made, changed, switched on and off, and traffic that decides some of them. What happens is
 * the same each time; when it happens is reckoned from now.
 */
export async function seedShop(stack: Stack, { units = 10_000 }: ShopOptions = {}): Promise<void> {
  const { api } = stack
  const by = await hire(api)
  for (const segment of shop.segments) await by.ann.create('/segments', segment)
  for (const metric of shop.metrics) await by.ann.create('/metric-definitions', metric)
  for (const layer of shop.layers) await by.ben.create('/layers', layer)
  for (const holdout of shop.holdouts) await by.ben.create('/holdouts', holdout)

  const deeds = shop.experiments
    .flatMap((experiment): readonly Deed[] => [
      { day: experiment.day, who: experiment.who, reason: experiment.why, body: experiment.body },
      ...experiment.story.map((deed) => ({ ...deed, key: String(experiment.body['key']) })),
    ])
    .sort((a, b) => a.day - b.day)
  let today = 0
  for (const deed of deeds) {
    if (deed.day !== today) {
      today = deed.day
      await stack.setClock(`-${Math.round((opening - today) * 24 * 60)}m`)
    }
    await carryOut(by[deed.who], deed)
  }
  await stack.setClock('0s')
  if (units > 0) await visit(stack, units)
}

async function hire(api: Api): Promise<Record<Person, Api>> {
  const entries = await Promise.all(
    Object.entries(people).map(async ([person, { name, role }]) => [person, api.as(await api.createKey(name, role))] as const),
  )
  return Object.fromEntries(entries) as Record<Person, Api>
}

async function carryOut(api: Api, { key, body, status, reason }: Deed): Promise<void> {
  if (key === undefined) await api.createExperiment(body ?? {}, reason)
  else if (status !== undefined) await api.setStatus(key, status, reason)
  else await api.patchExperiment(key, body ?? {}, reason)
}

// visit has people come through the shop, and returns when results count them.
async function visit(stack: Stack, units: number): Promise<void> {
  const truth = shop.truth.flatMap(({ key, effects = [] }) => ['--experiment', key, ...effects.flatMap(([flag, what]) => [`--${flag}`, `${key}/${what}`])])
  const days = ['--days', String(traffic), '--warmup', '3', '--seed', '7', '--units', String(units)]
  await stack.assay('simulate', '--url', stack.url, ...days, ...truth)
  // What is known of both is a second old at most: counted is all when nothing has come for longer.
  let head = -1
  for (let left = 60; ; left--) {
    const { tracking } = await stack.api.get<Pick<Schemas['System'], 'tracking'>>('/system')
    if (tracking.backlog === 0 && tracking.head === head) return
    if (left === 0) throw new Error('what was tracked is not counted')
    head = tracking.head ?? -1
    await new Promise((resolve) => setTimeout(resolve, 2_000))
  }
}

/** seedMany makes so many small experiments, every third of them active. */
export async function seedMany(api: Api, count = 1_000): Promise<void> {
  const areas = ['checkout', 'search', 'home', 'product', 'account', 'delivery', 'mail', 'app']
  const subjects = ['button', 'banner', 'ranking', 'order of fields', 'headline', 'price label', 'reminder', 'layout', 'photo size', 'filter']
  const owners = ['growth', 'search', 'design', 'payments', 'logistics', 'crm']
  const commands = Array.from({ length: count }, (_, i) => {
    const area = areas[i % areas.length] ?? ''
    const subject = subjects[Math.floor(i / areas.length) % subjects.length] ?? ''
    const number = String(i + 1).padStart(4, '0')
    return {
      op: 'create',
      body: {
        key: `${area}-${subject.replaceAll(' ', '-')}-${number}`,
        name: `${area[0]?.toUpperCase()}${area.slice(1)}: ${subject} ${number}`,
        owner: owners[i % owners.length],
        tags: [area, ...(i % 5 === 0 ? ['q4'] : [])],
      },
    }
  })
  const active = commands.filter((_, i) => i % 3 === 0).map(({ body }) => ({ op: 'status', id: body.key, body: { status: 'active' } }))
  for (const all of [commands, active]) {
    for (let from = 0; from < all.length; from += 250) await api.batch(all.slice(from, from + 250), 'planned for the quarter')
  }
}

/** The shop, for tests that only look. */
export const shopScenario: Scenario = { name: 'shop', options: shopOptions, prepare: (_, stack) => seedShop(stack) }

/** A thousand experiments, for tests that only look. */
export const manyScenario: Scenario = { name: 'many', prepare: (api) => seedMany(api) }
