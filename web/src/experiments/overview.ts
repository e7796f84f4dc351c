import { queryOptions } from '@tanstack/react-query'
import type { Schemas } from '../api/client'
import { readOverview } from '../api/list'

export type Glance = Schemas['OverviewItem']

/** overviewQuery is the verdict and the last change of every experiment, by id. */
export const overviewQuery = queryOptions({
  queryKey: ['ledger', 'overview'],
  queryFn: ({ signal }) => readOverview(signal),
  select: (overview) => new Map(overview.items.map((item) => [item.experiment_id, item])),
  // Verdicts also move with what is counted.
  refetchInterval: 10_000,
})
