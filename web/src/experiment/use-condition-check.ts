import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { send, type Schemas } from '../api/client'
import type { JsonObject } from './json'
import { useSettled } from './use-preview'

export type ConditionCheck = Schemas['ConditionCheck']

/** useConditionCheck asks, once one pauses, what is wrong with a condition and whether a person meets it. */
export function useConditionCheck(audience: JsonObject, attributes: JsonObject | null): { readonly check: ConditionCheck | null; readonly waiting: boolean; readonly error: unknown } {
  const person = JSON.stringify(attributes)
  const settled = useSettled(audience)
  const settledPerson = useSettled(person)
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['ledger', 'condition', settled, settledPerson],
    queryFn: async ({ signal }) => {
      const body = { audience: settled, ...(settledPerson !== 'null' && { attributes: JSON.parse(settledPerson) as JsonObject }) }
      return (await send<ConditionCheck>('/conditions/check', { method: 'POST', body, signal })).data
    },
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  })
  return { check: data ?? null, waiting: settled !== audience || settledPerson !== person || isPlaceholderData, error }
}
