import type { Metric } from '../api/queries'

interface Kind {
  readonly text: string
  readonly about: string
  readonly denominator?: boolean
  readonly quantile?: boolean
  readonly cap?: boolean
}

/** kinds says what each kind of metric measures and which settings it has. */
export const kinds: Readonly<Record<Metric['kind'], Kind>> = {
  conversion: { text: 'Conversion', about: 'The share of units that did it at least once.' },
  count: { text: 'Count', about: 'How often a unit did it, on average.', cap: true },
  sum: { text: 'Sum', about: 'The values of a unit’s events added up, on average.', cap: true },
  mean: { text: 'Mean', about: 'The mean value of an event, over all events.', cap: true },
  ratio: { text: 'Ratio', about: 'One event’s total over another’s.', denominator: true, cap: true },
  retention: { text: 'Retention', about: 'The share of units that came back.' },
  quantile: { text: 'Quantile', about: 'The value that a share of the events stay below.', quantile: true },
}
