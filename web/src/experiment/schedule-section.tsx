import { Field } from '../ui/field'
import { Panel } from '../ui/panel'
import { ParsedInput, useEditing, useError } from './editing'
import styles from './editor.module.css'
import type { Schedule } from './settings'

export function ScheduleSection() {
  const { draft } = useEditing()
  const { schedule } = draft.settings
  const set = (name: keyof Schedule, at: string | undefined): void => {
    const next = Object.fromEntries(Object.entries({ ...schedule, [name]: at }).filter(([, value]) => value !== undefined)) as Schedule
    draft.set({ schedule: Object.keys(next).length > 0 ? next : undefined })
  }
  const input = (name: keyof Schedule) => (
    <ParsedInput field={`schedule.${name}`} type="datetime-local" step={1} value={schedule?.[name]} format={toLocal} read={readLocal} onValue={(at) => set(name, at)} />
  )
  return (
    <Panel title="Schedule" id="schedule" about="When it is switched by itself, as actor scheduler; all times are UTC">
      <div className={styles.grid}>
        <Field label="Switched on, UTC" optional error={useError('schedule.start_at')}>
          {input('start_at')}
        </Field>
        <Field label="Switched off, UTC" optional error={useError('schedule.stop_at')}>
          {input('stop_at')}
        </Field>
      </div>
    </Panel>
  )
}

// A browser's field for times has no zone: what is typed is taken as UTC.
const toLocal = (at: string | undefined): string => (at === undefined ? '' : new Date(at).toISOString().replace(/(\.\d+)?Z$/, ''))

function readLocal(text: string): { readonly value: string | undefined } | undefined {
  if (text === '') return { value: undefined }
  const at = new Date(`${text}Z`)
  return Number.isNaN(at.getTime()) ? undefined : { value: at.toISOString().replace('.000Z', 'Z') }
}
