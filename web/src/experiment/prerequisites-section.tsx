import { useQuery } from '@tanstack/react-query'
import { Plus, Trash2 } from 'lucide-react'
import type { Schemas } from '../api/client'
import { experimentsQuery, type Experiment } from '../api/queries'
import { Button } from '../ui/button'
import { Checkbox, Field, Select } from '../ui/field'
import { Panel } from '../ui/panel'
import { useEditing } from './editing'
import styles from './editor.module.css'

type Prerequisite = Schemas['Prerequisite']

export function PrerequisitesSection() {
  const { draft, experiment, problem } = useEditing()
  const { data: experiments = [] } = useQuery(experimentsQuery)
  const { prerequisites } = draft.settings
  const others = experiments.filter((each) => each.key !== experiment?.key)
  const unused = others.filter((each) => !prerequisites.some((needed) => needed.experiment === each.key))
  const set = (next: readonly Prerequisite[]): void => draft.set({ prerequisites: next })
  const first = unused[0]
  return (
    <Panel title="Prerequisites" id="prerequisites" about="Only units that another experiment gave one of these variations">
      <div className="stack">
        {prerequisites.map((needed, i) => (
          <Needed
            key={i}
            needed={needed}
            options={others.filter((each) => each.key === needed.experiment || unused.includes(each))}
            error={problem?.fields.find((fault) => fault.field.startsWith(`prerequisites[${i}]`))?.problem}
            onChange={(next) => set(prerequisites.map((each, j) => (j === i ? next : each)))}
            onRemove={() => set(prerequisites.filter((_, j) => j !== i))}
          />
        ))}
        <div>
          <Button size="small" disabledBecause={!first ? 'There is no other experiment.' : null} onClick={() => first && set([...prerequisites, begin(first)])}>
            <Plus size={14} aria-hidden />
            Add a prerequisite
          </Button>
        </div>
      </div>
    </Panel>
  )
}

// What one mostly means: the other's treatment.
const begin = (experiment: Experiment): Prerequisite => ({ experiment: experiment.key, variations: experiment.variations.slice(1, 2).map((variation) => variation.key) })

interface NeededProps {
  readonly needed: Prerequisite
  readonly options: readonly Experiment[]
  readonly error: string | undefined
  readonly onChange: (needed: Prerequisite) => void
  readonly onRemove: () => void
}

function Needed({ needed, options, error, onChange, onRemove }: NeededProps) {
  const other = options.find((each) => each.key === needed.experiment)
  const keys = [...new Set([...(other?.variations.map((variation) => variation.key) ?? []), ...needed.variations])]
  return (
    <div className={styles.needed}>
      <Field label="Experiment" error={error} hint={other?.status === 'inactive' ? 'It is inactive: everybody has its control.' : undefined}>
        <Select
          value={needed.experiment}
          onChange={(event) => {
            const next = options.find((each) => each.key === event.target.value)
            if (next) onChange(begin(next))
          }}
        >
          {!other && <option value={needed.experiment}>{needed.experiment} (deleted)</option>}
          {options.map((each) => (
            <option key={each.key} value={each.key}>
              {each.name} ({each.key})
            </option>
          ))}
        </Select>
      </Field>
      <fieldset className={styles.oneOf}>
        <legend>Gives one of</legend>
        {keys.map((key) => (
          <Checkbox
            key={key}
            checked={needed.variations.includes(key)}
            onChange={(event) => onChange({ ...needed, variations: keys.filter((each) => (each === key ? event.target.checked : needed.variations.includes(each))) })}
          >
            {key}
          </Checkbox>
        ))}
      </fieldset>
      <Button kind="quiet" size="small" icon label={`Remove the prerequisite ${needed.experiment}`} onClick={onRemove}>
        <Trash2 size={14} aria-hidden />
      </Button>
    </div>
  )
}
