import { useState } from 'react'
import type { Schemas } from '../api/client'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import { changesOf } from '../experiment/merge'
import { phaseFields, settingsOf } from '../experiment/settings'
import { Changes } from '../ui/changes'
import { Choice } from '../ui/field'
import { ReasonDialog } from '../ui/reason-dialog'
import { useTell } from '../ui/toast'
import { Note } from '../ui/states'
import styles from './as-it-stood.module.css'

type Phase = NonNullable<Schemas['Revert']['phase']>

export interface RevertDialogProps {
  readonly then: Experiment
  readonly now: Experiment
  readonly onClose: () => void
}

/** RevertDialog shows what would become of each field before an earlier version's settings come back. */
export function RevertDialog({ then, now, onClose }: RevertDialogProps) {
  const command = useCommand<Experiment>()
  const permission = usePermission()
  const tell = useTell()
  const [phase, setPhase] = useState<Phase>('new')
  const [from, to] = [settingsOf(now), settingsOf(then)]
  const decides = now.ever_active === true && phaseFields(from, to).length > 0
  return (
    <ReasonDialog
      title={`Revert to version ${then.version}`}
      verb="Revert"
      busy={command.isPending}
      problem={command.error}
      disabledBecause={permission.allowed ? null : permission.why}
      onClose={onClose}
      onConfirm={(reason) =>
        command.mutate(
          { method: 'POST', path: `/experiments/${now.id}/revert`, body: { version: then.version, reason, ...(decides && { phase }) }, ifVersion: now.version },
          {
            onSuccess: ({ version, position }) => {
              tell(`Reverted: version ${version} holds what version ${then.version} held`, `Position ${position}`)
              onClose()
            },
          },
        )
      }
    >
      <p className="soft">A new record restores these settings; nothing is taken out of the history. Whether it is on or off stays as it is.</p>
      <div className={styles.diff}>
        <Changes changes={changesOf(from, to)} before="Now" after="After the revert" />
      </div>
      {decides && (
        <Note tone="warn">
          <p>It has been active, and this changes who gets what ({phaseFields(from, to).join(', ')}). What becomes of the analysis?</p>
          <div style={{ marginTop: 8 }}>
            <Choice
              label="Phase"
              value={phase}
              options={[
                { value: 'new', text: 'A new phase: start afresh' },
                { value: 'same', text: 'The same phase: go on' },
              ]}
              onChange={setPhase}
            />
          </div>
        </Note>
      )}
    </ReasonDialog>
  )
}
