import { mkdirSync } from 'node:fs'
import { expect, setTheme, settled, test } from './stage'
import { shopScenario } from './seed'

// Every page as people see it, for the documentation and for the eye.
const directory = '../docs/screenshots'

const yesterday = new Date(Date.now() - 24 * 3600 * 1000).toISOString().slice(0, 10)

const pages: Readonly<Record<string, string>> = {
  experiments: '/console/experiments',
  'experiments-filtered': '/console/experiments?status=active&tag=checkout',
  new: '/console/experiments/new',
  experiment: '/console/experiments/checkout-button',
  setup: '/console/experiments/checkout-button/setup',
  results: '/console/experiments/checkout-button/results',
  'results-loss': '/console/experiments/guest-checkout/results',
  'results-three': '/console/experiments/search-ranking/results',
  'results-srm': '/console/experiments/product-gallery/results',
  'results-early': '/console/experiments/one-click-pay/results',
  'results-none': '/console/experiments/subscription/results',
  history: '/console/experiments/home-hero/history',
  explain: '/console/explain?unit=u-1001',
  reports: '/console/reports',
  report: `/console/reports/${yesterday}`,
  metrics: '/console/metrics',
  layers: '/console/layers',
  holdouts: '/console/holdouts',
  segments: '/console/segments',
  ledger: '/console/ledger',
  health: '/console/health',
  keys: '/console/keys',
  missing: '/console/nowhere',
}

const narrow = ['experiments', 'experiment', 'results', 'history', 'explain', 'report', 'health']

test.use({ scenario: shopScenario })
test.beforeAll(() => mkdirSync(directory, { recursive: true }))

test('sign-in', async ({ page }) => {
  await page.goto('/')
  await expect(page.getByLabel('API key')).toBeVisible()
  for (const theme of ['light', 'dark']) {
    await setTheme(page, theme)
    await settled(page)
    await page.screenshot({ path: `${directory}/sign-in-${theme}.png` })
  }
})

for (const [name, path] of Object.entries(pages)) {
  test(name, async ({ signedIn: page }) => {
    await page.goto(path)
    const sizes = [['', { width: 1440, height: 900 }], ...(narrow.includes(name) ? ([['-phone', { width: 390, height: 844 }]] as const) : [])] as const
    for (const [suffix, size] of sizes) {
      await page.setViewportSize(size)
      // As tall as the page, which what sticks and what is drawn when it is seen follow.
      if (suffix === '') {
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
        await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0)
        const height = await page.evaluate(() => document.documentElement.scrollHeight)
        await page.setViewportSize({ ...size, height: Math.min(Math.max(size.height, height), 2_400) })
      }
      for (const theme of ['light', 'dark']) {
        await setTheme(page, theme)
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
        await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0)
        await settled(page)
        await page.screenshot({ path: `${directory}/${name}${suffix}-${theme}.png` })
      }
    }
  })
}
