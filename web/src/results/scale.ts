import type { VariationResult } from './results-query'

/** Scale places effects on a line: from low at 0 to high at 1. */
export interface Scale {
  readonly low: number
  readonly high: number
  readonly at: (value: number) => number
  readonly ticks: readonly number[]
}

const least = 0.02 // half the width of a scale at the least: two percent
const most = 3 // an interval wider than 300 % says nothing more

/**
 * scaleOf is one scale for several comparisons, so that they can be compared by
 * eye. Zero is always on it; one wild interval must not squash all others, so
 * that ends beyond three times the median half-width are cut and drawn as going on.
 */
export function scaleOf(results: readonly VariationResult[], mark = 0): Scale {
  const reach = results
    .flatMap((result) => (result.lift === null ? [] : [Math.max(Math.abs(result.lift), ...(result.lift_ci ?? []).map((end) => Math.abs(end ?? 0)))]))
    .sort((a, b) => a - b)
  const median = reach[Math.floor(reach.length / 2)] ?? least
  const largest = reach.at(-1) ?? least
  const half = Math.min(most, Math.max(least, Math.min(largest, 3 * median), 1.2 * mark)) * 1.08
  const step = niceStep(half)
  const count = Math.floor(half / step)
  return {
    low: -half,
    high: half,
    at: (value) => (value + half) / (2 * half),
    ticks: Array.from({ length: 2 * count + 1 }, (_, i) => (i - count) * step),
  }
}

// niceStep cuts a half scale into one or two steps of 1, 2 or 5 times a power of ten.
function niceStep(half: number): number {
  const least = half / 2.6
  const power = 10 ** Math.floor(Math.log10(least))
  return ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power
}
