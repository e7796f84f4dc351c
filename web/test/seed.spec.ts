import { manyScenario, shopScenario } from './seed'
import { expect, test } from './stage'

interface List<T> {
  readonly items: readonly T[]
}

interface Row {
  readonly status: 'active' | 'inactive'
}

test.describe('the shop', () => {
  test.use({ scenario: shopScenario })

  test('has experiments of every kind, and four weeks behind it', async ({ api }) => {
    const { items } = await api.get<List<Row>>('/experiments?limit=1000')
    const active = items.filter(({ status }) => status === 'active').length
    expect(items.length).toBe(38)
    expect(active).toBe(22)
    const codes: Record<string, string> = {}
    for (const key of ['checkout-button', 'guest-checkout', 'product-gallery', 'one-click-pay']) {
      codes[key] = (await api.get<{ readonly verdict: { readonly code: string } }>(`/experiments/${key}/results`)).verdict.code
    }
    expect(codes).toEqual({
      'checkout-button': 'ship_treatment',
      'guest-checkout': 'guardrail_failed',
      'product-gallery': 'traffic_broken',
      'one-click-pay': 'not_enough_data',
    })
    const { items: days } = await api.get<List<{ readonly final: boolean; readonly total_changes: number }>>('/reports/daily')
    expect(days.filter(({ final }) => final).length).toBeGreaterThanOrEqual(28)
    expect(days.filter(({ total_changes }) => total_changes > 0).length).toBeGreaterThan(20)
  })
})

test.describe('many experiments', () => {
  test.use({ scenario: manyScenario })

  test('are a thousand', async ({ api }) => {
    const { items } = await api.get<List<Row>>('/experiments?limit=1000')
    expect(items.length).toBe(1_000)
    expect(items.filter(({ status }) => status === 'active').length).toBe(334)
  })
})
