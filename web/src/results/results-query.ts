import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'
import type { Results } from '../api/queries'

export type MetricResult = Schemas['MetricResult']
export type VariationResult = Schemas['VariationResult']
export type SeriesDay = Schemas['SeriesDay']

/** Ask is what of an experiment's results is wanted; the address holds it. */
export interface Ask {
  readonly phase: string
  readonly dimension: string
  readonly metric: string
  /** A pair of positions: the results as they stood then, the same for ever. */
  readonly as_of: string
}

export const noAsk: Ask = { phase: '', dimension: '', metric: '', as_of: '' }

export function readAsk(params: URLSearchParams): Ask {
  return {
    phase: params.get('phase') ?? '',
    dimension: params.get('dimension') ?? '',
    metric: params.get('metric') ?? '',
    as_of: params.get('as_of') ?? '',
  }
}

export const resultsPath = (id: string): string => `/experiments/${encodeURIComponent(id)}/results`

export const resultsQuery = (id: string, ask: Ask) =>
  queryOptions({
    queryKey: ['ledger', 'results', id, ask],
    queryFn: ({ signal }) => get<Results>(resultsPath(id), { ...ask }, signal),
    placeholderData: keepPreviousData,
    // What is counted grows without the ledger; what is pinned never changes.
    refetchInterval: ask.as_of === '' ? 10_000 : false,
  })
