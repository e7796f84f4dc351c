import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { asProblem, send, type Problem, type Schemas } from '../api/client'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import type { Draft } from './draft'
import { patchOf, phaseFields, type Settings } from './settings'

export type Preview = Schemas['Preview']

export interface Previewed {
  /** What saving would do; null where there is nothing to save. */
  readonly preview: Preview | null
  /** Whether it is of an earlier edit, as the answer to this one is on its way. */
  readonly waiting: boolean
  readonly problem: Problem | null
}

const patience = 250 // milliseconds without an edit

/** needsPhase says whether a save must say which phase it belongs to. */
export const needsPhase = (experiment: Experiment, from: Settings, to: Settings): boolean => experiment.ever_active === true && phaseFields(from, to).length > 0

/** usePreview asks the server what a draft would do, once one pauses. */
export function usePreview(experiment: Experiment | null, draft: Draft): Previewed {
  const allowed = usePermission().allowed
  const settings = useSettled(draft.settings)
  const current = experiment === null ? {} : patchOf(draft.base, settings)
  const body = experiment !== null && needsPhase(experiment, draft.base, settings) ? { ...current, phase: 'same' } : current
  const asks = experiment !== null && allowed && Object.keys(current).length > 0
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: ['ledger', 'preview', experiment?.id, body],
    queryFn: async ({ signal }) => (await send<Preview>(`/experiments/${experiment?.id ?? ''}/preview`, { method: 'POST', body, signal })).data,
    enabled: asks,
    placeholderData: keepPreviousData,
    gcTime: 10_000,
  })
  const problem = asks && error ? asProblem(error) : null
  return {
    preview: asks && !problem ? (data ?? null) : null,
    waiting: settings !== draft.settings || isPlaceholderData,
    problem: problem?.unreachable ? null : problem,
  }
}

/** useSettled follows a value once it rests. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(() => value), patience)
    return () => clearTimeout(timer)
  }, [value])
  return settled
}
