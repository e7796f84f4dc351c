export const people = {
  ann: { name: 'Ann Okafor', role: 'editor' },
  ben: { name: 'Ben Larsson', role: 'editor' },
  chloe: { name: 'Chloé Martin', role: 'editor' },
  dev: { name: 'Dev Patel', role: 'editor' },
  robot: { name: 'deploy-pipeline', role: 'editor' },
} as const

export type Person = keyof typeof people

/** Deed is what somebody does on a day: makes an experiment, switches it, or changes it. */
export interface Deed {
  readonly day: number
  readonly who: Person
  readonly reason: string
  readonly key?: string
  readonly status?: 'active' | 'inactive'
  readonly body?: Readonly<Record<string, unknown>>
}

type Body = Readonly<Record<string, unknown>>

interface Made {
  readonly day: number
  readonly who: Person
  readonly why: string
  readonly body: Body
  readonly story: readonly Omit<Deed, 'key'>[]
}

interface Truth {
  readonly key: string
  /** Flags of assay simulate, without the experiment: ['effect', 'treatment=+20%']. */
  readonly effects?: readonly (readonly [flag: string, what: string])[]
}

const on = (day: number, who: Person, reason: string): Omit<Deed, 'key'> => ({ day, who, reason, status: 'active' })
const off = (day: number, who: Person, reason: string): Omit<Deed, 'key'> => ({ day, who, reason, status: 'inactive' })
const change = (day: number, who: Person, reason: string, body: Body): Omit<Deed, 'key'> => ({ day, who, reason, body })

const metric = (name: string, role: 'primary' | 'secondary' | 'guardrail'): Body => ({ metric: name, role })
const sells = [metric('purchase-rate', 'primary'), metric('revenue-per-user', 'secondary'), metric('order-value', 'secondary'), metric('load-time-p90', 'guardrail')]
const returns = [metric('came-back', 'primary'), metric('visits-per-user', 'secondary'), metric('purchase-rate', 'guardrail')]
const byCountryAndDevice = { dimensions: ['country', 'device'], mde: 0.1 }

// The day on which what has traffic begins: before its first visit.
const first = 7.4

const decided: readonly Made[] = [
  {
    day: 1.3, who: 'ann', why: 'First idea of the autumn plan',
    body: {
      key: 'checkout-button', name: 'Green checkout button', owner: 'growth', tags: ['checkout', 'q4'],
      description: 'The button at the end of the basket, on all devices.', hypothesis: 'A green button with the total on it sells more, because nobody has to scroll up to see what they pay.',
      layer: { key: 'checkout', share_ppm: 450_000 }, audience: { user_id: { $notInGroup: 'staff' } }, metrics: sells, analysis: byCountryAndDevice,
      variations: [{ key: 'control', name: 'Blue, “Buy”', value: 'blue', weight: 1 }, { key: 'treatment', name: 'Green, “Pay €…”', value: 'green', weight: 1 }],
    },
    story: [
      change(2.5, 'chloe', 'Wording agreed with design', { description: 'The button at the end of the basket, on all devices. The total stands on it.' }),
      on(first, 'ann', 'Ready: metrics checked, support told'),
    ],
  },
  {
    day: 2.2, who: 'ben', why: 'Support asks for it every week',
    body: {
      key: 'guest-checkout', name: 'Guests must sign in to pay', owner: 'payments', tags: ['checkout'],
      hypothesis: 'An account at checkout brings people back, and costs few purchases.',
      layer: { key: 'checkout', share_ppm: 350_000 }, metrics: [metric('purchase-rate', 'primary'), metric('came-back', 'secondary'), metric('revenue-per-user', 'guardrail')], analysis: { mde: 0.1 },
    },
    story: [on(first, 'ben', 'Agreed with payments')],
  },
  {
    day: 3.1, who: 'dev', why: 'New vector index is in production',
    body: {
      key: 'search-ranking', name: 'Search ranking', owner: 'search', tags: ['search', 'ml'],
      hypothesis: 'Vector search finds what people mean; the hybrid is nearly as good and as fast as today.',
      variations: [{ key: 'control', name: 'BM25', value: 'bm25', weight: 2 }, { key: 'vector', name: 'Vectors', value: 'vector', weight: 1 }, { key: 'hybrid', name: 'Hybrid', value: 'hybrid', weight: 1 }],
      metrics: [metric('revenue-per-user', 'primary'), metric('purchase-rate', 'secondary'), metric('order-value', 'secondary'), metric('load-time-p90', 'guardrail')],
      analysis: { ...byCountryAndDevice, correction: 'holm' },
    },
    story: [on(first, 'dev', 'Index warmed up on all nodes')],
  },
  {
    day: 4.6, who: 'chloe', why: 'Redesign, first step',
    body: {
      key: 'product-gallery', name: 'Larger product photos', owner: 'design', tags: ['product', 'mobile'],
      hypothesis: 'Larger photos sell more on phones, if they do not load slower.', metrics: sells, analysis: { dimensions: ['device'] },
    },
    story: [on(first, 'chloe', 'Images resized')],
  },
  {
    day: 5.2, who: 'robot', why: 'A/A of the new SDK',
    body: { key: 'sdk-aa', name: 'A/A: new SDK', owner: 'platform', tags: ['aa'], hypothesis: 'Nothing differs.', metrics: sells, analysis: { method: 'fixed' } },
    story: [on(first, 'robot', 'Release 4.2.0')],
  },
  {
    day: 5.5, who: 'ann', why: 'Loyalty programme asks',
    body: {
      key: 'welcome-back', name: 'Welcome-back banner', owner: 'crm', tags: ['home', 'loyalty'],
      hypothesis: 'Who is greeted by name comes back more often.', metrics: returns, analysis: { method: 'bayesian' },
    },
    story: [on(first, 'ann', 'Go')],
  },
  {
    day: 6.1, who: 'ben', why: 'Small and careful: payments',
    body: {
      key: 'one-click-pay', name: 'Pay with one click', owner: 'payments', tags: ['checkout', 'q4'],
      layer: { key: 'checkout', share_ppm: 100_000 }, traffic_ppm: 500_000, audience: { country: { $in: ['DE', 'FR', 'GB', 'US'] }, app_version: { $vgte: '2.3.0' } },
      hypothesis: 'Known customers buy more often if they need not type.', metrics: sells,
    },
    story: [on(first, 'ben', 'Two weeks at five per cent')],
  },
]

const truth: readonly Truth[] = [
  { key: 'checkout-button', effects: [['effect', 'treatment=+50%'], ['latency-effect', 'treatment=-4%']] },
  { key: 'guest-checkout', effects: [['effect', 'treatment=-45%'], ['return-effect', 'treatment=+4%']] },
  { key: 'search-ranking', effects: [['value-effect', 'vector=+20%'], ['latency-effect', 'vector=+12%'], ['value-effect', 'hybrid=+6%']] },
  { key: 'product-gallery', effects: [['lose', 'treatment=18%']] },
  { key: 'sdk-aa' },
  { key: 'welcome-back', effects: [['return-effect', 'treatment=+12%'], ['novelty', 'treatment=96']] },
  { key: 'one-click-pay', effects: [['effect', 'treatment=+15%']] },
]

const ended = (day: number, key: string, name: string, who: Person, owner: string, tags: readonly string[], hypothesis: string, until: number, outcome: string): Made => ({
  day, who, why: `Proposed by ${owner}`, body: { key, name, owner, tags, hypothesis, metrics: sells },
  story: [on(day + 0.7, who, 'Reviewed, ready'), off(until, who, outcome)],
})

const planned = (day: number, key: string, name: string, who: Person, owner: string, tags: readonly string[], hypothesis: string, more: Body = {}): Made => ({
  day, who, why: `Idea of ${owner}`, body: { key, name, owner, tags, hypothesis, ...more }, story: [],
})

const running = (day: number, key: string, name: string, who: Person, owner: string, tags: readonly string[], hypothesis: string, more: Body = {}): Made => ({
  day, who, why: `Proposed by ${owner}`, body: { key, name, owner, tags, hypothesis, metrics: sells, ...more },
  story: [on(day + 0.6, who, 'Reviewed, ready')],
})

const others: readonly Made[] = [
  ended(0.6, 'free-delivery-bar', 'Free delivery from €50', 'ann', 'growth', ['basket'], 'A bar that shows what is missing raises the basket.', 9.2, 'Order value up 4 %, shipped to everybody'),
  ended(1.1, 'stock-hint', '“Only 3 left”', 'ben', 'growth', ['product'], 'Scarcity sells.', 6.8, 'Complaints about wrong numbers'),
  ended(2.4, 'newsletter-popup', 'Newsletter at the second page', 'chloe', 'crm', ['mail', 'home'], 'Asked later, more say yes.', 12.3, 'No difference'),
  ended(3.3, 'autocomplete-images', 'Photos in search suggestions', 'dev', 'search', ['search'], 'Photos make suggestions quicker to read.', 16.1, 'Slower on phones'),
  ended(4.2, 'address-lookup', 'Address by postcode', 'ben', 'logistics', ['checkout', 'delivery'], 'Fewer fields, fewer mistakes.', 18.4, 'Shipped: 11 % fewer returned parcels'),
  ended(8.2, 'price-per-unit', 'Price per kilo first', 'ann', 'growth', ['product'], 'Honest prices earn trust.', 20.2, 'Shipped in Germany, where the law asks for it'),
  ended(10.3, 'review-stars', 'Stars in the list', 'chloe', 'design', ['search', 'product'], 'Stars help to choose.', 24.6, 'Neutral, kept for its looks'),
  running(9.1, 'home-hero', 'Seasonal picture on the home page', 'chloe', 'design', ['home', 'q4'], 'A season makes people look twice.', { layer: { key: 'home-page', share_ppm: 500_000 } }),
  running(9.4, 'home-categories', 'Categories before offers', 'ann', 'growth', ['home'], 'Who knows the way buys more.', { layer: { key: 'home-page', share_ppm: 300_000 } }),
  running(10.6, 'delivery-slots', 'Choose a delivery slot', 'ben', 'logistics', ['delivery', 'checkout'], 'Certainty beats speed.', { audience: { country: { $in: ['DE', 'GB'] } } }),
  running(11.2, 'dark-theme', 'Dark theme in the app', 'chloe', 'design', ['app', 'mobile'], 'Asked for by one in five.', { unit_type: 'device_id', audience: { app_version: { $vgte: '3.0.0' } } }),
  running(12.1, 'mail-subject', 'Subject line with the first name', 'ann', 'crm', ['mail'], 'Names are opened.', { traffic_ppm: 300_000 }),
  running(12.8, 'search-filters', 'Filters that stay', 'dev', 'search', ['search', 'mobile'], 'Filters that scroll away are forgotten.'),
  running(13.5, 'size-advice', 'Size advice from returns', 'dev', 'ml', ['product', 'ml'], 'Fewer parcels come back.', {
    variations: [{ key: 'control', weight: 8 }, { key: 'simple', name: 'A sentence', weight: 1 }, { key: 'full', name: 'With a drawing', weight: 1 }],
  }),
  running(14.2, 'pay-later', 'Pay in 30 days', 'ben', 'payments', ['checkout', 'q4'], 'Money later is a purchase now.', { layer: { key: 'checkout', share_ppm: 50_000 } }),
  running(15.1, 'basket-reminder', 'Reminder after an hour', 'ann', 'crm', ['mail', 'basket'], 'A reminder brings back one in ten.'),
  running(16.4, 'recommendations', 'Recommendations by what others bought', 'dev', 'ml', ['product', 'ml'], 'Others know.', { prerequisites: [{ experiment: 'search-ranking', variations: ['vector', 'hybrid'] }] }),
  running(17.7, 'support-chat', 'Chat at checkout', 'ben', 'support', ['checkout'], 'Questions answered are baskets paid.', { audience: { $or: [{ country: 'US' }, { device: 'desktop' }] } }),
  running(18.2, 'gift-wrap', 'Gift wrap as one box to tick', 'chloe', 'growth', ['basket', 'q4'], 'It is nearly December.'),
  running(19.6, 'image-format', 'AVIF instead of JPEG', 'robot', 'platform', ['performance'], 'Smaller photos, faster pages, nobody sees it.', { metrics: [metric('load-time-p90', 'primary'), metric('purchase-rate', 'guardrail')] }),
  running(21.3, 'order-tracking', 'Map of the parcel', 'ben', 'logistics', ['delivery', 'app'], 'Fewer calls to support.'),
  running(22.4, 'wishlist', 'Wishlist without an account', 'chloe', 'growth', ['account'], 'Wishes come before accounts.', { audience: { user_id: { $inGroup: 'beta' } }, overrides: { 'u-beta-1': 'treatment' } }),
  planned(11.8, 'subscription', 'Subscribe and save', 'ann', 'growth', ['product'], 'Coffee is bought every month.'),
  planned(14.8, 'voice-search', 'Search by voice', 'dev', 'search', ['search', 'app'], 'Hands are full in kitchens.'),
  planned(17.1, 'trade-in', 'Send back the old one', 'ben', 'logistics', ['account'], 'Old phones buy new ones.'),
  planned(19.9, 'language-switch', 'Language by the browser', 'chloe', 'platform', ['home'], 'Browsers know better than addresses.'),
  planned(20.7, 'price-alert', 'Tell me when it is cheaper', 'ann', 'crm', ['mail', 'product'], 'Waiting is a kind of wanting.', { metrics: returns }),
  planned(22.9, 'ar-preview', 'See it in your room', 'chloe', 'design', ['app', 'product'], 'Sofas are measured twice and bought once.', { unit_type: 'device_id' }),
  planned(24.1, 'basket-sharing', 'Share a basket', 'dev', 'growth', ['basket'], 'Two people decide on one sofa.'),
  planned(25.3, 'checkout-one-page', 'Checkout on one page, with delivery, payment and summary side by side on large screens', 'ben', 'payments', ['checkout', 'q4', 'redesign', 'desktop'], 'One page is quicker than four.', { metrics: sells }),
  planned(26.2, 'carbon-label', 'Carbon label', 'ann', 'growth', ['product'], ''),
]

// What else happened to experiments that run: so that histories have something to tell.
const later: Readonly<Record<string, readonly Omit<Deed, 'key'>[]>> = {
  'home-hero': [
    off(13.2, 'chloe', 'Wrong picture in France'),
    change(13.4, 'chloe', 'Picture per country', { audience: { country: { $nin: ['FR'] } }, phase: 'new' }),
    on(13.6, 'chloe', 'Fixed'),
    change(20.1, 'ann', 'Two thirds of the traffic is enough', { traffic_ppm: 660_000 }),
  ],
  'pay-later': [change(18.8, 'ben', 'Credit check is in place: more people', { traffic_ppm: 800_000 }), off(23.5, 'robot', 'Error rate of payments above 1 %'), on(24.4, 'ben', 'Fixed in 4.2.3')],
  'image-format': [off(21.9, 'robot', 'Rollback of 4.2.1'), on(23.3, 'robot', 'Release 4.2.2')],
  'mail-subject': [change(15.9, 'ann', 'Three times the weight on the name', { variations: [{ key: 'control', weight: 1 }, { key: 'treatment', weight: 3 }], phase: 'new' })],
  'gift-wrap': [change(22.2, 'chloe', 'Owner changes', { owner: 'basket' }), change(26.7, 'chloe', 'For the season', { tags: ['basket', 'q4', 'christmas'] })],
  'search-filters': [off(27.3, 'dev', 'Index is being rebuilt'), on(27.6, 'dev', 'Index rebuilt')],
  'basket-reminder': [change(19.2, 'ann', 'After two hours, not one', { description: 'Sent two hours after the last visit.' })],
}

// Salts are fixed, so that the same people see the same each time.
const salted = (body: Body): Body => ({ ...body, salt: `shop/${String(body['key'])}` })

export const shop = {
  segments: [
    { key: 'staff', name: 'Staff', description: 'Left out of every experiment', ids: Array.from({ length: 120 }, (_, i) => `u-staff-${i + 1}`) },
    { key: 'beta', name: 'Beta testers', description: 'Volunteers of the app', ids: Array.from({ length: 640 }, (_, i) => `u-beta-${i + 1}`) },
    { key: 'key-accounts', name: 'Key accounts', ids: Array.from({ length: 35 }, (_, i) => `u-key-${i + 1}`) },
  ],
  metrics: [
    { key: 'purchase-rate', name: 'Purchase rate', kind: 'conversion', event: 'purchase', window_hours: 72, description: 'Who buys within three days' },
    { key: 'revenue-per-user', name: 'Revenue per user', kind: 'sum', event: 'purchase', cap: 500, cuped: true, lookback_days: 3 },
    { key: 'order-value', name: 'Value of an order', kind: 'mean', event: 'purchase' },
    { key: 'visits-per-user', name: 'Visits per user', kind: 'count', event: 'visit', window_hours: 168 },
    { key: 'came-back', name: 'Came back within a week', kind: 'retention', event: 'visit', window_hours: 168 },
    { key: 'revenue-per-visit', name: 'Revenue per visit', kind: 'ratio', event: 'purchase', denominator: 'visit' },
    { key: 'load-time-p90', name: 'Load time, 90th percentile', kind: 'quantile', quantile: 0.9, event: 'page_load', goal: 'decrease', description: 'Milliseconds' },
  ],
  layers: [
    { key: 'checkout', name: 'Checkout', description: 'At most one experiment at checkout for each customer' },
    { key: 'home-page', name: 'Home page', description: 'What is seen first' },
    { key: 'app', name: 'App', unit_type: 'device_id' },
  ].map(salted),
  holdouts: [
    { key: 'q4-holdout', name: 'Fourth quarter', description: 'What all of the quarter does together', share_ppm: 50_000, tags: ['q4'] },
    { key: 'ml-holdout', name: 'Machine learning', share_ppm: 20_000, tags: ['ml'] },
  ].map(salted),
  experiments: [...decided, ...others].map((made) => ({ ...made, body: salted(made.body), story: [...made.story, ...(later[String(made.body['key'])] ?? [])] })),
  truth,
} as const
