import { useQuery } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

export type Usage = Schemas['KeyUsage']

/** useUsage is when each key was used, by id, renewed every so many milliseconds. */
export function useUsage(every: number): ReadonlyMap<string, Usage> | undefined {
  return useQuery({
    queryKey: ['key-usage'],
    queryFn: ({ signal }) => get<{ readonly items: readonly Usage[] }>('/keys/usage', {}, signal),
    select: ({ items }) => new Map(items.map((usage) => [usage.key_id, usage])),
    refetchInterval: every,
  }).data
}
