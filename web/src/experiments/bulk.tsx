import { Power, PowerOff } from 'lucide-react'
import { useState } from 'react'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import type { Schemas } from '../api/client'
import { Button } from '../ui/button'
import { count, plural } from '../ui/format'
import { ReasonDialog } from '../ui/reason-dialog'
import { useTell } from '../ui/toast'
import styles from './list.module.css'

type Status = Experiment['status']

const verbs = { active: 'Switch on', inactive: 'Switch off' } as const

/** Bulk switches what is selected on or off, all of it or nothing, for one reason. */
export function Bulk({ selected, onClear }: { readonly selected: readonly Experiment[]; readonly onClear: () => void }) {
  const permission = usePermission()
  // What was asked about stays that while the list moves on behind the question.
  const [asking, setAsking] = useState<{ readonly status: Status; readonly all: number; readonly change: readonly Experiment[] } | null>(null)
  const command = useCommand<Schemas['BatchAnswer']>()
  const tell = useTell()
  if (selected.length === 0 && !asking) return null

  const change = (status: Status): readonly Experiment[] => selected.filter((experiment) => experiment.status !== status)
  const confirm = ({ status, change }: NonNullable<typeof asking>, reason: string): void => {
    const commands = change.map((experiment) => ({ op: 'status', id: experiment.id, body: { status } }))
    command.mutate(
      { method: 'POST', path: '/experiments/batch', body: { commands, reason } },
      {
        onSuccess: ({ data }) => {
          tell(`${status === 'active' ? 'Switched on' : 'Switched off'} ${plural(data.results.filter((result) => result.changed).length, 'experiment')}`, `The ledger is at ${count(data.position)}`)
          setAsking(null)
          onClear()
        },
      },
    )
  }
  return (
    <div className={styles.bulk} role="region" aria-label="Selected experiments">
      <strong>{plural(selected.length, 'experiment')} selected</strong>
      {(['active', 'inactive'] as const).map((status) => (
        <Button
          key={status}
          size="small"
          disabledBecause={!permission.allowed ? permission.why : change(status).length === 0 ? `All are ${status} already.` : selected.length > 1000 ? 'At most 1,000 at a time.' : null}
          onClick={() => {
            command.reset()
            setAsking({ status, all: selected.length, change: change(status) })
          }}
        >
          {status === 'active' ? <Power size={14} aria-hidden /> : <PowerOff size={14} aria-hidden />}
          {verbs[status]}…
        </Button>
      ))}
      <Button size="small" kind="quiet" onClick={onClear}>
        Clear
      </Button>
      {asking && (
        <ReasonDialog
          title={`${verbs[asking.status]} ${plural(asking.change.length, 'experiment')}?`}
          verb={verbs[asking.status]}
          busy={command.isPending}
          problem={command.error}
          disabledBecause={permission.allowed ? null : permission.why}
          onConfirm={(reason) => confirm(asking, reason)}
          onClose={() => setAsking(null)}
        >
          <p className="soft">
            All of them or none: if one cannot be switched, nothing changes.
            {asking.change.length < asking.all && ` ${plural(asking.all - asking.change.length, 'is', 'are')} ${asking.status} already.`}
          </p>
        </ReasonDialog>
      )}
    </div>
  )
}
