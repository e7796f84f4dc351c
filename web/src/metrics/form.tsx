import { Checkbox, Field, Select, TextInput } from '../ui/field'
import { NameFields } from '../resources/name-fields'
import type { FormProps } from '../resources/resource-page'
import styles from '../resources/resources.module.css'
import type { Draft } from './draft'
import { kinds } from './kinds'

/** MetricForm asks only for what the kind has. */
export function MetricForm({ draft, set, problem, isNew }: FormProps<Draft>) {
  const kind = kinds[draft.kind]
  return (
    <>
      <NameFields draft={draft} set={set} problem={problem} isNew={isNew} example="Purchase rate" />
      <div className={styles.two}>
        <Field label="Kind" hint={kind.about} error={problem?.of('kind')}>
          <Select value={draft.kind} onChange={(event) => set({ kind: event.target.value as Draft['kind'] })}>
            {Object.entries(kinds).map(([value, { text }]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </Select>
        </Field>
        <Field label="Better is" error={problem?.of('goal')}>
          <Select value={draft.goal} onChange={(event) => set({ goal: event.target.value as Draft['goal'] })}>
            <option value="increase">more</option>
            <option value="decrease">less</option>
          </Select>
        </Field>
        <Field label="Event" hint="The name that your program tracks." error={problem?.of('event')}>
          <TextInput code value={draft.event} placeholder="purchase" onChange={(event) => set({ event: event.target.value })} />
        </Field>
        {kind.denominator && (
          <Field label="Divided by the event" error={problem?.of('denominator')}>
            <TextInput code value={draft.denominator} placeholder="visit" onChange={(event) => set({ denominator: event.target.value })} />
          </Field>
        )}
        {kind.quantile && (
          <Field label="Quantile" hint="Above 0 and below 1: 0.9 is what nine in ten stay below." error={problem?.of('quantile')}>
            <TextInput inputMode="decimal" value={draft.quantile} placeholder="0.9" onChange={(event) => set({ quantile: event.target.value })} />
          </Field>
        )}
        <Field label="Window in hours" optional hint="From a unit’s first exposure; empty is without end." error={problem?.of('window_hours')}>
          <TextInput inputMode="numeric" value={draft.window_hours} placeholder="72" onChange={(event) => set({ window_hours: event.target.value })} />
        </Field>
        {kind.cap && (
          <Field label="Cap" optional hint="A unit’s larger values count as this." error={problem?.of('cap')}>
            <TextInput inputMode="decimal" value={draft.cap} placeholder="500" onChange={(event) => set({ cap: event.target.value })} />
          </Field>
        )}
      </div>
      <div className={styles.two}>
        <Checkbox checked={draft.cuped} onChange={(event) => set({ cuped: event.target.checked })}>
          CUPED: take away what is explained by what units did before
        </Checkbox>
        {draft.cuped && (
          <Field label="Days to look back" optional error={problem?.of('lookback_days')}>
            <TextInput inputMode="numeric" value={draft.lookback_days} placeholder="14" onChange={(event) => set({ lookback_days: event.target.value })} />
          </Field>
        )}
      </div>
    </>
  )
}
