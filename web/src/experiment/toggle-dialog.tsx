import { useQuery } from '@tanstack/react-query'
import { CircleCheck, CircleX, TriangleAlert } from 'lucide-react'
import { useMemo } from 'react'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import { experimentsQuery, layersQuery, type Experiment } from '../api/queries'
import { ReasonDialog } from '../ui/reason-dialog'
import { Note } from '../ui/states'
import { useNow } from '../ui/time'
import { useTell } from '../ui/toast'
import { checklist, type Check } from './checklist'
import styles from './page.module.css'

const icons = { good: CircleCheck, warn: TriangleAlert, bad: CircleX } as const
const words = { good: 'Fine', warn: 'Warning', bad: 'Fault' } as const

/** ToggleDialog switches an experiment on, after a look over it, or off. */
export function ToggleDialog({ experiment, unsaved, onClose }: { readonly experiment: Experiment; readonly unsaved: boolean; readonly onClose: () => void }) {
  const permission = usePermission()
  const command = useCommand<Experiment>()
  const tell = useTell()
  const on = experiment.status === 'inactive'
  const checks = useChecks(experiment)
  const faults = on ? checks.filter((check) => check.state === 'bad') : []
  return (
    <ReasonDialog
      title={on ? `Switch ${experiment.name} on?` : `Switch ${experiment.name} off?`}
      verb={on ? 'Switch on' : 'Switch off'}
      danger={!on}
      busy={command.isPending}
      problem={command.error}
      disabledBecause={!permission.allowed ? permission.why : faults[0] ? `${faults[0].title}: ${faults[0].text}` : null}
      onClose={onClose}
      onConfirm={(reason) =>
        command.mutate(
          { method: 'PATCH', path: `/experiments/${experiment.id}/status`, body: { status: on ? 'active' : 'inactive', reason } },
          {
            onSuccess: () => {
              tell(on ? 'Switched on' : 'Switched off', experiment.name)
              onClose()
            },
          },
        )
      }
    >
      {unsaved && <Note tone="warn">There are changes that were not saved. What is saved now is switched {on ? 'on' : 'off'}.</Note>}
      {on ? <Checks checks={checks} /> : <p className="soft">From now on everybody gets the control, {experiment.variations[0]?.name}. Units keep their variations if it is switched on again.</p>}
    </ReasonDialog>
  )
}

export function useChecks(experiment: Experiment): readonly Check[] {
  const { data: experiments } = useQuery(experimentsQuery)
  const { data: layers } = useQuery(layersQuery)
  const now = useNow()
  return useMemo(() => checklist(experiment, { experiments: experiments ?? [experiment], layers: layers ?? [], now }), [experiment, experiments, layers, now])
}

export function Checks({ checks }: { readonly checks: readonly Check[] }) {
  return (
    <ul className={styles.checks} aria-label="Checklist">
      {checks.map((check) => {
        const Icon = icons[check.state]
        return (
          <li key={check.title}>
            <Icon size={16} className={styles[check.state]} aria-label={words[check.state]} />
            <strong>{check.title}</strong>
            <span>{check.text}</span>
          </li>
        )
      })}
    </ul>
  )
}
