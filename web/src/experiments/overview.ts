import { queryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

export type Glance = Schemas['OverviewItem']

/** overviewQuery is the verdict and the last change of every experiment, by id. */
export const overviewQuery = queryOptions({
  queryKey: ['ledger', 'overview'],
  queryFn: ({ signal }) => get<Schemas['Overview']>('/overview', {}, signal),
  select: (overview) => new Map(overview.items.map((item) => [item.experiment_id, item])),
  // Verdicts also move with what is counted.
  refetchInterval: 10_000,
})
