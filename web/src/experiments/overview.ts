import { queryOptions } from '@tanstack/react-query'
import { get } from '../api/client'
import type { Verdict } from '../verdict/verdict'

export interface Glance {
  readonly experiment_id: string
  readonly verdict: Verdict
  readonly last_change: { readonly position: number; readonly at: string; readonly actor: string; readonly type: string; readonly reason: string }
}

interface Overview {
  readonly position: number
  readonly items: readonly Glance[]
}

/** overviewQuery is the verdict and the last change of every experiment, by id. */
export const overviewQuery = queryOptions({
  queryKey: ['ledger', 'overview'],
  queryFn: ({ signal }) => get<Overview>('/overview', {}, signal),
  select: (overview) => new Map(overview.items.map((item) => [item.experiment_id, item])),
  // Verdicts also move with what is counted.
  refetchInterval: 15_000,
})
