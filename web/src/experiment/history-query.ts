import { queryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

/** latestQuery reads an experiment's last records, the latest first. */
export const latestQuery = (id: string, limit: number) =>
  queryOptions({
    queryKey: ['ledger', 'history', id, 'latest', limit],
    queryFn: async ({ signal }) => (await get<Schemas['History']>(`/experiments/${encodeURIComponent(id)}/history`, { limit }, signal)).items,
  })
