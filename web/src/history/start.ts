import { queryOptions } from '@tanstack/react-query'
import { get } from '../api/client'

/** ledgerStartQuery is when the first record was made, in milliseconds. */
export const ledgerStartQuery = queryOptions({
  queryKey: ['ledger-start'],
  queryFn: async ({ signal }) => {
    const { items } = await get<{ readonly items: readonly { readonly at: string }[] }>('/events', { limit: 1 }, signal)
    return items[0] ? Date.parse(items[0].at) : Date.now()
  },
  staleTime: Infinity,
})
