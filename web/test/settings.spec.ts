import { expect, test } from '@playwright/test'
import type { JsonObject } from '../src/experiment/json'
import { changesOf, merge } from '../src/experiment/merge'
import { mergePatch, newSettings, patchOf, phaseFields, type Settings } from '../src/experiment/settings'
import { boundaryLimits, moveBoundary, sharesOf, slots, weightsOf } from '../src/experiment/split'

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
const weighted = (...weights: readonly number[]) => weights.map((weight, i) => ({ key: `v${i}`, weight }))

test.describe('the split', () => {
  test('all slots are dealt, by the largest remainder', () => {
    expect(sharesOf(weighted(1, 1))).toEqual([500_000, 500_000])
    expect(sharesOf(weighted(1, 1, 1))).toEqual([333_334, 333_333, 333_333])
    expect(sharesOf(weighted(0, 0))).toEqual([0, 0])
    // A tie goes to whoever would else give up a slot.
    expect(sharesOf(weighted(1, 1, 1), [{ variation: 'v2', from: 0, to: 333_334 }, { variation: 'v0', from: 333_334, to: 666_667 }])).toEqual([333_333, 333_333, 333_334])
    const dealt = Array.from({ length: 500 }, (_, i) => sum(sharesOf(weighted((i * 7919) % 1_000_001, (i * 104_729) % 1_000_001, i, 1_000_000))))
    expect(new Set(dealt)).toEqual(new Set([slots]))
  })

  test('the weights of shares give those shares exactly', () => {
    const wrong = Array.from({ length: 500 }, (_, i) =>
      moveBoundary(moveBoundary([400_000, 350_000, 250_000], 0, (i * 7919) % 750_000), 1, 400_000 + ((i * 104_729) % 600_000)),
    ).filter((shares) => {
      const weights = weightsOf(shares)
      const whole = weights.every((weight) => Number.isInteger(weight) && weight >= 0 && weight <= slots)
      return sum(shares) !== slots || !whole || sharesOf(weighted(...weights)).some((share, i) => share !== shares[i])
    })
    expect(wrong).toEqual([])
    expect(weightsOf([900_000, 100_000])).toEqual([9, 1])
    expect(weightsOf([500_000, 500_000], weighted(3, 3))).toEqual([3, 3])
  })

  test('a boundary moves between its neighbours only', () => {
    expect(boundaryLimits([200_000, 300_000, 500_000], 1)).toEqual([200_000, 1_000_000])
    expect(moveBoundary([200_000, 300_000, 500_000], 0, 900_000)).toEqual([500_000, 0, 500_000])
    expect(moveBoundary([200_000, 300_000, 500_000], 1, 0)).toEqual([200_000, 0, 800_000])
  })
})

// RFC 7396, as it is written there.
function applyPatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const result: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = applyPatch(result[name], value)
  }
  return result
}

const base: Settings = { ...newSettings, name: 'Checkout', salt: 's', audience: { country: { $in: ['US'] }, plan: 'pro' }, overrides: { u1: 'control' } }

test.describe('the patch', () => {
  test('turns one state into another and names nothing else', () => {
    const next: Settings = {
      ...base,
      name: 'Till',
      audience: { country: { $nin: ['US'] } },
      overrides: { u2: 'treatment' },
      analysis: { ...base.analysis, mde: 0.02 },
      schedule: { stop_at: '2030-01-01T00:00:00Z' },
    }
    const patch = patchOf(base, next)
    expect(Object.keys(patch).sort()).toEqual(['analysis', 'audience', 'name', 'overrides', 'schedule'])
    expect(applyPatch(base, patch)).toEqual(next)
    expect(patchOf(base, base)).toEqual({})
    const { schedule: _, ...without } = next
    expect(patchOf(next, without)).toEqual({ schedule: null })
  })

  test('keeps a null that a condition compares with', () => {
    for (const audience of [{ plan: null }, { plan: { $eq: null } }, { $not: { 'a.b': { $ne: null } } }] as const) {
      const applied = applyPatch(base, patchOf(base, { ...base, audience })) as Settings
      expect(applied.audience).toEqual({ $and: [audience], country: undefined, plan: undefined })
    }
    expect(mergePatch({ a: 1 }, { a: 1 } as JsonObject)).toBeUndefined()
  })

  test('asks for a share of a layer without giving up what is held', () => {
    const held = { ...base, layer: { key: 'checkout', slots: [{ from: 0, to: 100 }] } }
    expect(patchOf(held, { ...base, layer: { key: 'checkout', share_ppm: 200 } })).toEqual({ layer: { share_ppm: 200 } })
    expect(patchOf(held, { ...base, layer: { key: 'search', share_ppm: 200 } })).toEqual({ layer: { key: 'search', share_ppm: 200 } })
    expect(patchOf(held, base)).toEqual({ layer: null })
  })

  test('says what makes a phase necessary', () => {
    expect(phaseFields(base, { ...base, name: 'x', traffic_ppm: 1 })).toEqual([])
    expect(phaseFields(base, { ...base, salt: 't', audience: {} })).toEqual(['audience', 'salt'])
    expect(phaseFields(base, { ...base, audience: { plan: 'pro', country: { $in: ['US'] } } })).toEqual([])
  })
})

test.describe('merging', () => {
  const reweigh = (settings: Settings, weight: number): Settings => ({ ...settings, variations: settings.variations.map((v, i) => (i === 1 ? { ...v, weight } : v)) })
  const rename = (settings: Settings, name: string): Settings => ({ ...settings, variations: settings.variations.map((v, i) => (i === 1 ? { ...v, name } : v)) })

  test('puts mine on theirs where each changed something else', () => {
    const theirs = reweigh({ ...base, owner: 'grace', analysis: { ...base.analysis, alpha: 0.01 } }, 3)
    const mine = rename({ ...base, hypothesis: 'It sells.', analysis: { ...base.analysis, mde: 0.1 } }, 'Green')
    const both = merge(base, theirs, mine)
    expect(both.conflicts).toEqual([])
    const merged = both.merged(() => 'theirs')
    expect(merged).toEqual(rename({ ...theirs, hypothesis: 'It sells.', analysis: { ...theirs.analysis, mde: 0.1 } }, 'Green'))
    expect(changesOf(theirs, merged).map((change) => change.path).sort()).toEqual(['/analysis/mde', '/hypothesis', '/variations/treatment/name'])
  })

  test('asks where both changed the same, unless to the same', () => {
    const theirs = { ...base, owner: 'grace', name: 'A', overrides: {} }
    const mine = { ...base, owner: 'ada', name: 'A', overrides: { u1: 'treatment' } }
    const both = merge(base, theirs, mine)
    expect(both.conflicts).toEqual(['/owner', '/overrides/u1'])
    expect(both.merged(() => 'mine')).toEqual(mine)
    expect(both.merged(() => 'theirs')).toEqual(theirs)
  })

  test('takes variations as one where their keys differ', () => {
    const added = { ...base, variations: [...base.variations, { key: 'blue', name: 'Blue', value: 1, weight: 1 }] }
    const both = merge(base, added, reweigh(base, 9))
    expect(both.conflicts).toEqual(['/variations'])
    expect(both.merged(() => 'mine')).toEqual(reweigh(base, 9))
    expect(both.merged(() => 'theirs')).toEqual(added)
  })

  test('removes what either removed', () => {
    const scheduled = { ...base, schedule: { start_at: '2030-01-01T00:00:00Z', stop_at: '2030-02-01T00:00:00Z' } }
    const both = merge(scheduled, { ...scheduled, schedule: { stop_at: '2030-02-01T00:00:00Z' } }, { ...scheduled, schedule: { start_at: '2030-01-01T00:00:00Z' } })
    expect(both.conflicts).toEqual([])
    expect(both.merged(() => 'mine')).toEqual(base)
  })
})
