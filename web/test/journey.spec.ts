import type { Locator, Page } from '@playwright/test'
import type { Api } from './api'
import { tabTo } from './keyboard'
import { expect, test } from './stage'

/** Hand carries out what somebody wants to do: with a mouse, or without. */
interface Hand {
  readonly press: (page: Page, target: Locator) => Promise<void>
  readonly write: (page: Page, target: Locator, text: string) => Promise<void>
}

const mouse: Hand = {
  press: async (_, target) => target.click(),
  write: async (_, target, text) => target.fill(text),
}

// keyboard reaches what it wants by Tab alone.
const keyboard: Hand = {
  press: async (page, target) => {
    await tabTo(page, target)
    await page.keyboard.press('Enter')
  },
  write: async (page, target, text) => {
    await tabTo(page, target)
    await page.keyboard.press('Control+a')
    await page.keyboard.type(text)
  },
}

// visit has units exposed as the server assigns them, and more of the treatment buy.
async function visit(api: Api, key: string, units: number): Promise<void> {
  const events: Record<string, unknown>[] = []
  for (let i = 0; i < units; i++) {
    const unit = `visitor-${i}`
    const { data } = await api.send<{ assignments: Record<string, { variation: string; reason: string }> }>('POST', '/evaluate', { body: { unit, attributes: { plan: 'pro' }, experiments: [key] } })
    const got = data.assignments[key]
    if (got?.reason !== 'SPLIT') continue
    const at = new Date().toISOString()
    events.push({ id: crypto.randomUUID(), type: 'exposure', at, unit, experiment: key, variation: got.variation, attributes: { plan: 'pro' } })
    if (i % (got.variation === 'control' ? 5 : 2) === 0) events.push({ id: crypto.randomUUID(), type: 'event', name: 'purchase', at, unit, value: 10 })
  }
  await api.track(events)
}

for (const [name, hand] of [
  ['mouse', mouse],
  ['keyboard', keyboard],
] as const) {
  test(`from a question to a report, by ${name}`, async ({ signedIn: page, api }) => {
    test.slow()
    const dialog = page.getByRole('dialog')

    // A metric, that something may decide.
    await page.goto('/console/metrics')
    await hand.press(page, page.getByRole('button', { name: 'New metric' }).first())
    await hand.write(page, dialog.getByLabel('Name'), 'Purchase rate')
    await hand.write(page, dialog.getByLabel('Event'), 'purchase')
    await hand.press(page, dialog.getByRole('button', { name: 'Create' }))
    await expect(page.getByRole('cell', { name: 'Conversion' })).toBeVisible()

    // Create and target.
    await page.goto('/console/experiments')
    await hand.press(page, page.getByRole('main').getByRole('link', { name: 'New experiment' }).first())
    await hand.write(page, page.getByLabel('Name', { exact: true }).first(), 'Pay now')
    await hand.press(page, page.locator('#audience').getByRole('button', { name: 'Add a condition' }))
    await hand.write(page, page.locator('#audience').getByLabel('Attribute', { exact: true }), 'plan')
    await hand.write(page, page.locator('#audience').getByLabel('Value of plan'), 'pro')
    await hand.press(page, page.locator('#metrics').getByRole('button', { name: 'Add the metric' }))
    await hand.press(page, page.getByRole('button', { name: 'Create…' }))
    await hand.write(page, dialog.getByLabel('Reason'), 'a question')
    await hand.press(page, dialog.getByRole('button', { name: 'Create', exact: true }))
    await expect(page).toHaveURL(/\/pay-now$/)

    // Activate.
    await hand.press(page, page.getByRole('button', { name: 'Switch on…' }))
    await hand.write(page, dialog.getByLabel('Reason'), 'let us see')
    await hand.press(page, dialog.getByRole('button', { name: 'Switch on', exact: true }))
    await expect(page.getByRole('button', { name: 'Switch off…' })).toBeVisible()

    // Traffic, and what it shows.
    await visit(api, 'pay-now', 200)
    await hand.press(page, page.getByRole('link', { name: 'Results' }))
    const verdict = page.getByRole('region', { name: 'Verdict' })
    await expect(verdict).toContainText('Always-valid confidence sequence')
    const metrics = page.getByRole('table', { name: 'Metrics by variation' })
    await expect(metrics.getByRole('row').filter({ hasText: 'treatment' })).toContainText('+', { timeout: 20_000 })
    await expect(page.getByText('As split', { exact: true })).toBeVisible()

    // Deactivate.
    await hand.press(page, page.getByRole('button', { name: 'Switch off…' }))
    await hand.write(page, dialog.getByLabel('Reason'), 'seen enough')
    await hand.press(page, dialog.getByRole('button', { name: 'Switch off', exact: true }))
    await expect(page.getByRole('button', { name: 'Switch on…' })).toBeVisible()

    // The report.
    await hand.press(page, page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Daily report' }))
    await hand.press(page, page.getByRole('region', { name: 'Days' }).getByRole('link').first())
    await expect(page.getByText('Provisional', { exact: true })).toBeVisible()
    await expect(page.getByRole('row').filter({ hasText: 'Pay now' })).toContainText('2')
  })
}
