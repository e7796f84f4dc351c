import type { Metric } from '../api/queries'
import { number } from '../resources/numbers'
import { kinds } from './kinds'

/** Draft is a metric as it is typed. */
export interface Draft {
  readonly name: string
  readonly key: string
  readonly description: string
  readonly kind: Metric['kind']
  readonly goal: Metric['goal']
  readonly event: string
  readonly denominator: string
  readonly quantile: string
  readonly window_hours: string
  readonly cap: string
  readonly cuped: boolean
  readonly lookback_days: string
}

export const blank: Draft = {
  name: '', key: '', description: '', kind: 'conversion', goal: 'increase', event: '', denominator: '', quantile: '', window_hours: '', cap: '', cuped: false, lookback_days: '',
}

const written = (n: number | undefined): string => (n === undefined ? '' : String(n))

export const draftOf = (metric: Metric): Draft => ({
  name: metric.name,
  key: metric.key,
  description: metric.description,
  kind: metric.kind,
  goal: metric.goal,
  event: metric.event,
  denominator: metric.denominator ?? '',
  quantile: written(metric.quantile),
  window_hours: written(metric.window_hours),
  cap: written(metric.cap),
  cuped: metric.cuped,
  lookback_days: written(metric.lookback_days),
})

/** patchable are the members of a patch; what the kind does not have is left out. */
export function patchable(draft: Draft): Readonly<Record<string, unknown>> {
  const kind = kinds[draft.kind]
  return {
    name: draft.name,
    description: draft.description,
    kind: draft.kind,
    goal: draft.goal,
    event: draft.event,
    denominator: kind.denominator ? draft.denominator : undefined,
    quantile: kind.quantile ? number(draft.quantile) : undefined,
    window_hours: number(draft.window_hours),
    cap: kind.cap ? number(draft.cap) : undefined,
    cuped: draft.cuped,
    lookback_days: draft.cuped ? number(draft.lookback_days) : undefined,
  }
}
