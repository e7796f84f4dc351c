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
  const [asking, setAsking] = useState<Status | null>(null)
  const command = useCommand<Schemas['BatchAnswer']>()
  const tell = useTell()
  if (selected.length === 0) return null

  const change = (status: Status): readonly Experiment[] => selected.filter((experiment) => experiment.status !== status)
  const confirm = (status: Status, reason: string): void => {
    const commands = change(status).map((experiment) => ({ op: 'status', id: experiment.id, body: { status } }))
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
            setAsking(status)
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
          title={`${verbs[asking]} ${plural(change(asking).length, 'experiment')}?`}
          verb={verbs[asking]}
          busy={command.isPending}
          problem={command.error}
          disabledBecause={permission.allowed ? null : permission.why}
          onConfirm={(reason) => confirm(asking, reason)}
          onClose={() => setAsking(null)}
        >
          <p className="soft">
            All of them or none: if one cannot be switched, nothing changes.
            {change(asking).length < selected.length && ` ${plural(selected.length - change(asking).length, 'is', 'are')} ${asking} already.`}
          </p>
        </ReasonDialog>
      )}
    </div>
  )
}
