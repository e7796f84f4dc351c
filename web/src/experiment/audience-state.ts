import { createContext, useContext } from 'react'
import type { Group } from './condition'

export interface AudienceState {
  readonly tree: Group
  /** Where each row and group stands in the condition. */
  readonly pointers: ReadonlyMap<string, string>
  /** What is wrong, by the row or group where it is. */
  readonly faults: ReadonlyMap<string, string>
  /** Whether the person who is tried meets what stands at a pointer. */
  readonly held: ReadonlyMap<string, boolean>
  /** The row that was added last: it takes the focus. */
  readonly fresh: string | null
  readonly change: (tree: Group, fresh?: string) => void
}

export const AudienceContext = createContext<AudienceState | null>(null)

export function useAudience(): AudienceState {
  const state = useContext(AudienceContext)
  if (!state) throw new Error('useAudience outside AudienceSection')
  return state
}
