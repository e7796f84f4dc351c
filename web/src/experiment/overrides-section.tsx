import { Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Button } from '../ui/button'
import { Field, Select, TextInput } from '../ui/field'
import { Panel } from '../ui/panel'
import { useEditing } from './editing'
import styles from './editor.module.css'

export function OverridesSection() {
  const { draft, problem } = useEditing()
  const { overrides, variations } = draft.settings
  const [unit, setUnit] = useState('')
  const [key, setKey] = useState('')
  const entries = Object.entries(overrides)
  const chosen = variations.some((variation) => variation.key === key) ? key : (variations[1]?.key ?? '')
  const options = variations.map((variation) => (
    <option key={variation.key} value={variation.key}>
      {variation.name}
    </option>
  ))
  const set = (to: Iterable<readonly [string, string]>): void => draft.set({ overrides: Object.fromEntries(to) })
  const add = (): void => {
    if (unit === '') return
    set([...entries.filter(([other]) => other !== unit), [unit, chosen]])
    setUnit('')
  }
  return (
    <Panel title="Overrides" id="overrides" about="These units get their variation whatever else holds, and are not analysed">
      <div className="stack">
        {entries.length > 0 && (
          <ul className={styles.overrides} aria-label="Overrides">
            {entries.map(([id, variation]) => (
              <li key={id}>
                <code>{id}</code>
                <Select aria-label={`Variation of ${id}`} value={variation} onChange={(event) => set(entries.map(([other, was]) => [other, other === id ? event.target.value : was]))}>
                  {!variations.some((each) => each.key === variation) && <option value={variation}>{variation} (gone)</option>}
                  {options}
                </Select>
                <Button kind="quiet" size="small" icon label={`Remove the override of ${id}`} onClick={() => set(entries.filter(([other]) => other !== id))}>
                  <Trash2 size={14} aria-hidden />
                </Button>
              </li>
            ))}
          </ul>
        )}
        <div className={styles.adding}>
          <Field label="Unit id" error={problem?.fields.find((fault) => fault.field.startsWith('overrides'))?.problem}>
            <TextInput
              code
              value={unit}
              onChange={(event) => setUnit(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === 'Enter') add()
              }}
            />
          </Field>
          <Field label="Gets">
            <Select value={chosen} onChange={(event) => setKey(event.target.value)}>
              {options}
            </Select>
          </Field>
          <Button disabledBecause={unit === '' ? 'Type a unit id first.' : null} onClick={add}>
            Add the override
          </Button>
        </div>
      </div>
    </Panel>
  )
}
