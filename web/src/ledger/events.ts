import { infiniteQueryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

export type Event = Schemas['Event']

/** Filter narrows the ledger down; the address holds it. */
export interface Filter {
  readonly type: string
  readonly actor: string
  readonly stream: string
  readonly from: string
  readonly to: string
  /** The record that was linked to: the newest that is shown. */
  readonly at: string
}

export const filterNames = ['type', 'actor', 'stream', 'from', 'to', 'at'] as const satisfies readonly (keyof Filter)[]

export function readFilter(params: URLSearchParams): Filter {
  return Object.fromEntries(filterNames.map((name) => [name, params.get(name) ?? ''])) as unknown as Filter
}

interface Page {
  readonly items: readonly Event[]
  readonly next_cursor: string | null
}

const pageSize = 100

const moment = (local: string): string => (local === '' ? '' : `${local}:00Z`)

/** eventsQuery reads the ledger, the newest first. */
export const eventsQuery = ({ type, actor, stream, from, to, at }: Filter) =>
  infiniteQueryOptions({
    queryKey: ['ledger', 'events', type, actor, stream, from, to, at],
    queryFn: ({ pageParam, signal }) =>
      get<Page>('/events', { order: 'desc', type, actor, stream, from: moment(from), to: moment(to), before: pageParam, limit: pageSize }, signal),
    initialPageParam: /^\d+$/.test(at) ? String(Number(at) + 1) : undefined,
    getNextPageParam: (page): string | undefined => page.next_cursor ?? undefined,
  })
