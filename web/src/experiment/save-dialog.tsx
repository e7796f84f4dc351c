import { useState } from 'react'
import { useQueryClient } from '@tanstack/react-query'
import type { Problem } from '../api/client'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import { experimentQuery, type Experiment } from '../api/queries'
import { Changes } from '../ui/changes'
import { ReasonDialog } from '../ui/reason-dialog'
import { useTell } from '../ui/toast'
import type { Draft } from './draft'
import styles from './editor.module.css'
import { readable } from './readable'
import { patchOf, phaseFields } from './settings'
import { needsPhase } from './use-preview'

type Phase = 'new' | 'same'

export interface SaveDialogProps {
  readonly experiment: Experiment
  readonly draft: Draft
  readonly onClose: () => void
  /** Somebody was faster. */
  readonly onConflict: () => void
  readonly onRefused: (problem: Problem) => void
}

/** SaveDialog shows what is saved, and asks why and, where it matters, which phase. */
export function SaveDialog({ experiment, draft, onClose, onConflict, onRefused }: SaveDialogProps) {
  const permission = usePermission()
  const client = useQueryClient()
  const command = useCommand<Experiment>()
  const tell = useTell()
  const [phase, setPhase] = useState<Phase | null>(null)
  const asks = needsPhase(experiment, draft.base, draft.settings)
  const save = (reason: string): void =>
    command.mutate(
      {
        method: 'PATCH',
        path: `/experiments/${experiment.id}`,
        body: { ...patchOf(draft.base, draft.settings), ...(asks && phase && { phase }) },
        ifVersion: draft.version,
        reason,
      },
      {
        onSuccess: (answer) => {
          // The page goes on from what was saved, without a moment of the old.
          client.setQueryData(experimentQuery(experiment.key).queryKey, answer)
          draft.discard()
          tell('Saved', experiment.name)
          onClose()
        },
        onError: (problem) => {
          if (problem.status === 412) {
            void client.invalidateQueries({ queryKey: ['ledger'] }).then(onConflict)
          } else if (problem.fields.length > 0) onRefused(problem)
        },
      },
    )
  return (
    <ReasonDialog
      wide
      title="Save the changes?"
      verb="Save"
      busy={command.isPending}
      problem={command.error?.status === 412 ? null : command.error}
      disabledBecause={!permission.allowed ? permission.why : asks && phase === null ? 'Say which phase this belongs to.' : null}
      onClose={onClose}
      onConfirm={save}
    >
      <div className={styles.diff} role="region" aria-label="What changes" tabIndex={0}>
        <Changes changes={readable(draft.changes)} />
      </div>
      {asks && <PhaseChoice fields={phaseFields(draft.base, draft.settings)} phase={phase} now={experiment.phase} onPhase={setPhase} />}
    </ReasonDialog>
  )
}

interface PhaseChoiceProps {
  readonly fields: readonly string[]
  readonly phase: Phase | null
  readonly now: number
  readonly onPhase: (phase: Phase) => void
}

function PhaseChoice({ fields, phase, now, onPhase }: PhaseChoiceProps) {
  const choice = (value: Phase, title: string, text: string) => (
    <label className={styles.phase}>
      <input type="radio" name="phase" checked={phase === value} onChange={() => onPhase(value)} />
      <span>
        <strong>{title}</strong>
        <span className="soft">{text}</span>
      </span>
    </label>
  )
  return (
    <fieldset className={styles.phases}>
      <legend>This experiment has been active, and its {fields.join(' and ')} would change. Which phase does that belong to?</legend>
      {choice('new', `A new phase, ${now + 1}`, 'Analysis starts afresh: what was counted so far stays with the old phase. Units keep their variation unless the salt changes.')}
      {choice('same', `The same phase, ${now}`, 'Analysis goes on with all that was counted. Units are compared within each split, but results mix two audiences if the audience changed.')}
    </fieldset>
  )
}
