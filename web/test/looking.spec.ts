import { shopScenario } from './seed'
import { expect, expectNoViolations, setTheme, test } from './stage'
import type { Schemas } from './api'

// What the console shows is what the API answers: of the shop, which nobody changes here.
test.use({ scenario: shopScenario })

const day = 86_400_000

const pages: readonly (readonly [string, string])[] = [
  ['/console/experiments?q=checkout', 'Green checkout button'],
  ['/console/experiments/checkout-button', 'Green checkout button'],
  ['/console/experiments/search-ranking/results', 'Hybrid'],
  ['/console/experiments/home-hero/history', 'created it'],
  ['/console/explain?unit=u-7', 'What it gets'],
  ['/console/reports', 'Changes of status by day'],
  [`/console/reports/${new Date(Date.now() - day).toISOString().slice(0, 10)}`, 'What proves it'],
  ['/console/metrics', 'Purchase rate'],
  ['/console/metrics?key=revenue-per-user', 'Used by'],
  ['/console/layers', 'Checkout'],
  ['/console/layers?key=checkout', 'Who holds which slots'],
  ['/console/holdouts', 'Fourth quarter'],
  ['/console/segments?key=staff', '120 members'],
  ['/console/keys', 'Ann Okafor'],
  ['/console/ledger', 'Verification'],
  ['/console/health', 'Replicas'],
  ['/console/nowhere', 'No such page'],
]

// Of these alone where time is short.
const first = ['/console/experiments/search-ranking/results', '/console/health', '/console/reports']

for (const [path, text] of pages) {
  test(`${path} is within reach of everybody`, { tag: first.includes(path) ? [] : '@long' }, async ({ signedIn: page }) => {
    await page.goto(path)
    await expect(page.getByText(text).first()).toBeVisible()
    await expect(page.getByLabel('Loading')).toHaveCount(0)
    await expectNoViolations(page)
  })
}

test('results are what the API says, and the same for ever when pinned', async ({ signedIn: page, api }) => {
  await page.goto('/console/experiments/checkout-button/results')
  const results = await api.get<Schemas['Results']>('/experiments/checkout-button/results')
  const said = results.verdict.text
  await expect(page.getByRole('region', { name: 'Verdict' })).toContainText(said.charAt(0).toUpperCase() + said.slice(1))
  const treatment = results.metrics[0]?.variations[1]
  if (!treatment || treatment.lift === null) throw new Error('the shop has no lift')
  const sign = treatment.lift > 0 ? '+' : ''
  const table = page.getByRole('table', { name: 'Metrics by variation' })
  await expect(table.getByRole('row').filter({ hasText: treatment.variation }).first()).toContainText(`${sign}${(treatment.lift * 100).toFixed(1).replace('-', '−')}%`)
  await expect(page.getByRole('img', { name: /^Lift by day/ })).toBeVisible()

  await page.getByRole('button', { name: 'Pin' }).click()
  await expect(page).toHaveURL(new RegExp(`as_of=${results.as_of.replace('.', '\\.')}`))
  await expect(page.getByText(`SHA-256 ${results.hash.slice(0, 16)}`)).toBeVisible()
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'CSV' }).click()
  expect((await download).suggestedFilename()).toBe(`checkout-button-phase-1-${results.as_of}.csv`)
})

test('the slider shows what the API answers of any moment', async ({ signedIn: page, api }) => {
  const { items } = await api.get<Schemas['History']>('/experiments/home-hero/history?limit=1000')
  const made = Date.parse(items.at(-1)?.at ?? '')
  await page.goto('/console/experiments/home-hero/history')
  for (const share of [0.1, 0.35, 0.6, 0.85]) {
    const at = new Date(Math.round(made + share * (Date.now() - made)))
    const then = await api.get<Schemas['Experiment']>(`/experiments/home-hero?at=${at.toISOString()}`)
    await page.goto(`/console/experiments/home-hero/history?at=${at.toISOString()}`)
    await expect(page.getByRole('heading', { name: `Version ${then.version}`, exact: true })).toBeVisible()
    await page.getByRole('button', { name: 'Show the whole document' }).click()
    const shown = JSON.parse((await page.getByLabel('The document', { exact: true }).textContent()) ?? '') as Schemas['Experiment']
    expect(shown).toEqual(then)
  }
  // By keys, from record to record.
  const slider = page.getByRole('slider', { name: 'Moment' })
  await slider.focus()
  await page.keyboard.press('Home')
  await expect(page.getByRole('heading', { name: 'Version 1', exact: true })).toBeVisible()
  await page.getByRole('button', { name: 'The record after' }).click()
  await expect(page.getByRole('heading', { name: 'Version 2', exact: true })).toBeVisible()
  await page.getByRole('button', { name: 'Back to now' }).click()
  await expect(page.getByRole('heading', { name: 'Now', exact: true })).toBeVisible()
})

test('the list goes back in time', async ({ signedIn: page, api }) => {
  const at = new Date(Date.now() - 14 * day).toISOString()
  const then = await api.get<{ items: Schemas['Experiment'][] }>(`/experiments?limit=1000&at=${at}`)
  await page.goto(`/console/experiments?at=${at}`)
  const active = then.items.filter((experiment) => experiment.status === 'active').length
  await expect(page.getByText(`${active} active, ${then.items.length - active} inactive`)).toBeVisible()
  await expect(page.getByRole('button', { name: 'Back to now' })).toBeVisible()
})

test('what a unit gets is explained, now and then', async ({ signedIn: page, api }) => {
  await page.goto('/console/explain')
  await page.getByLabel('Unit', { exact: true }).fill('u-42')
  await page.getByLabel('Attributes').fill('{"country":"US"}')
  const ask = async (at?: string): Promise<Schemas['Explained']> =>
    (await api.send<Schemas['Explained']>('POST', '/explain', { body: { unit: 'u-42', attributes: { country: 'US' }, ...(at && { at }) } })).data
  const panel = page.getByRole('button', { expanded: false }).filter({ hasText: 'Green checkout button' })
  const compare = async (explained: Schemas['Explained']): Promise<void> => {
    const one = explained.explanations.find(({ experiment }) => experiment.key === 'checkout-button')
    await expect(page.getByText(`ledger position ${explained.position.toLocaleString('en')}`)).toBeVisible()
    await expect(panel).toContainText(one?.variation ?? '')
  }
  await compare(await ask())
  const groups = page.getByRole('main').locator('section section')
  await expect(groups.getByRole('heading', { level: 3 })).toHaveText([/^Takes part \d+$/, /^Does not take part \d+$/, /^Off \d+$/])
  const { explanations } = await ask()
  const parts = explanations.filter(({ reason }) => reason === 'SPLIT' || reason === 'OVERRIDE')
  await expect(groups.first().getByRole('listitem')).toHaveCount(parts.length)
  const then = new Date(Math.floor((Date.now() - 5 * day) / 1000) * 1000).toISOString()
  await page.getByLabel('At, UTC').fill(then.slice(0, 19))
  await compare(await ask(then))
  await panel.click()
  await expect(page.getByText(/position \d+/).nth(1)).toBeVisible()
  await expectNoViolations(page)
  await page.getByRole('button', { name: 'Copy', exact: true }).click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain('"unit":"u-42"')
})

test('the calendar and its days are the reports of the API', async ({ signedIn: page, api }) => {
  const date = new Date(Date.now() - 3 * day).toISOString().slice(0, 10)
  const report = await api.get<Schemas['DailyReport']>(`/reports/daily/${date}`)
  await page.goto('/console/reports')
  await page.getByRole('region', { name: 'The year by days' }).getByRole('link', { name: new RegExp(`: ${report.total_changes} change`) }).first().waitFor()
  const year = page.getByRole('region', { name: 'The year by days' })
  expect(await year.evaluate((element) => element.scrollWidth - element.clientWidth), 'hidden of the year').toBe(0)
  // The year is one stop of Tab, and arrows walk it.
  await expect(year.locator('[tabindex="0"]')).toHaveCount(1)
  await year.locator('[tabindex="0"]').focus()
  for (const key of ['ArrowUp', 'ArrowLeft', 'ArrowDown']) await page.keyboard.press(key)
  const week = new Date(Date.now() - 7 * day).toISOString().slice(0, 10)
  await expect(year.locator(`a[href$="${week}"]`)).toBeFocused()
  await page.getByLabel('Open the report of a day').fill(date)
  await expect(page).toHaveURL(new RegExp(`/console/reports/${date}$`))
  await expect(page.getByText(report.checkpoint)).toBeVisible()
  await expect(page.getByText('Final')).toBeVisible()
  await expect(page.getByRole('row')).toHaveCount(report.experiments.length === 0 ? 0 : report.experiments.length + 1)
  await page.emulateMedia({ media: 'print' })
  await expect(page.getByRole('button', { name: 'CSV' })).toBeHidden()
  await expect(page.getByRole('navigation', { name: 'Main' })).toBeHidden()
})

test('the ledger is filtered, and a record is linked to', async ({ signedIn: page, api }) => {
  await page.goto('/console/ledger')
  await page.getByLabel('What', { exact: true }).selectOption('layer.')
  await page.getByLabel('By whom').fill('Ben Larsson')
  await page.keyboard.press('Enter')
  const { items } = await api.get<Schemas['Events']>('/events?order=desc&type=layer.&actor=Ben%20Larsson')
  await expect(page.getByRole('region', { name: 'Records' }).getByRole('listitem')).toHaveCount(items.length)
  const last = items.at(-1)
  if (!last) throw new Error('the shop has no layers')
  await page.goto(`/console/ledger?at=${last.position}`)
  await expect(page.getByText(last.hash)).toBeVisible()
  await expectNoViolations(page)
})

test('charts can be read in both themes', async ({ signedIn: page }) => {
  await page.goto('/console/experiments/checkout-button/results')
  const canvas = page.locator('canvas').first()
  await expect(canvas).toBeVisible()
  const ink = async (): Promise<number> =>
    canvas.evaluate((element: HTMLCanvasElement) => {
      const data = element.getContext('2d')?.getImageData(0, 0, element.width, element.height).data ?? []
      let drawn = 0
      for (let i = 3; i < data.length; i += 4) if ((data[i] ?? 0) > 0) drawn++
      return drawn / (element.width * element.height)
    })
  for (const theme of ['light', 'dark']) {
    await setTheme(page, theme)
    expect(await ink(), theme).toBeGreaterThan(0.01)
  }
})

test('health needs no scrolling sideways on a phone', async ({ person }) => {
  const page = await person({ viewport: { width: 390, height: 844 } })
  await page.goto('/console/health')
  const replicas = page.getByRole('region', { name: 'Replicas' })
  await expect(replicas.getByText('answers you')).toBeVisible()
  for (const element of [replicas, page.locator('html')]) {
    expect(await element.evaluate((it) => it.scrollWidth - it.clientWidth)).toBe(0)
  }
})
