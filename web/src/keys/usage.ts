import { useQuery } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

export type Usage = Schemas['KeyUsage']

/**
 * useUsage is when each key was used, by id. Who gives a number of milliseconds has it renewed
 * as often, for all who use it.
 */
export function useUsage(every: number | false = false): ReadonlyMap<string, Usage> | undefined {
  return useQuery({
    queryKey: ['key-usage'],
    queryFn: ({ signal }) => get<{ readonly items: readonly Usage[] }>('/keys/usage', {}, signal),
    select: ({ items }) => new Map(items.map((usage) => [usage.key_id, usage])),
    refetchInterval: every,
  }).data
}
