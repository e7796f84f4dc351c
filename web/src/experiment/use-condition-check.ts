import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { send } from '../api/client'
import type { JsonObject } from './json'
import { useSettled } from './use-preview'

/** What the server says of a condition, and of a person who might meet it. */
export interface ConditionCheck {
  readonly valid: boolean
  readonly errors: readonly { readonly pointer: string; readonly problem: string }[]
  /** Null without a person, or for a condition that is not valid. */
  readonly matches: boolean | null
  readonly explanation: readonly { readonly pointer: string; readonly matched: boolean }[]
}

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
