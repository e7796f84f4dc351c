import { significant } from '../ui/format'
import type { MetricResult, VariationResult } from './results-query'

export type Direction = 'better' | 'worse' | 'unclear'

/** direction says which way a comparison that is significant points. */
export function direction(metric: MetricResult, result: VariationResult): Direction {
  if (!result.significant || result.effect === null) return 'unclear'
  return result.effect > 0 === (metric.goal === 'increase') ? 'better' : 'worse'
}

const statuses: Readonly<Record<string, string>> = {
  zero_users: 'no units yet',
  insufficient_units: 'too few units',
  zero_variance: 'nothing varies',
  zero_denominator: 'the denominator is 0',
  zero_baseline: "the control's mean is 0",
  unbounded_interval: 'interval without bounds',
  invalid_input: 'cannot be computed',
}

/** statusWords says why there are no numbers. */
export const statusWords = (status: string): string => statuses[status] ?? status.replaceAll('_', ' ')

const flags: Readonly<Record<string, string>> = {
  burn_in: 'Too little data for a sequential test to claim anything yet.',
  normal_approx: 'The normal approximation is rough at these counts.',
  unstable_lift: "The control's mean is too uncertain for a reliable relative lift.",
  pre_period_imbalance: 'The arms differed before the experiment began.',
  epochs_left_out: 'Some epochs have too few units to be compared.',
  epochs_pooled: 'Counts are pooled over several splits.',
}

export const flagWords = (flag: string): string => flags[flag] ?? flag.replaceAll('_', ' ')

const methods: Readonly<Record<string, readonly [string, string]>> = {
  sequential: ['Sequential', 'always valid: looking often does not mislead'],
  fixed: ['Fixed horizon', 'valid once, at the planned end'],
  bayesian: ['Bayesian', 'credible intervals'],
}

export const methodWords = (method: string): readonly [string, string] => methods[method] ?? [method, '']

const corrections: Readonly<Record<string, string>> = { none: 'uncorrected', holm: 'Holm', 'benjamini-hochberg': 'Benjamini–Hochberg' }

export const correctionWords = (correction: string): string => corrections[correction] ?? correction

/** value writes a metric's mean as its kind is read. */
export function value(metric: MetricResult, mean: number): string {
  if (metric.kind === 'conversion' || metric.kind === 'retention') return `${(mean * 100).toFixed(mean < 0.1 ? 2 : 1)}%`
  const size = Math.abs(mean)
  if (size >= 1000) return mean.toLocaleString('en', { maximumFractionDigits: 0 })
  return significant(mean, size >= 100 ? 4 : 3)
}
