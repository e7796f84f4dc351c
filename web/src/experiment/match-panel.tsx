import { CircleCheck, CircleX, Plus, X } from 'lucide-react'
import { useState } from 'react'
import { asProblem } from '../api/client'
import { Button } from '../ui/button'
import { Choice, TextArea, TextInput } from '../ui/field'
import styles from './audience.module.css'
import { useAudience } from './audience-state'
import { rowsOf } from './condition'
import { isObject, parse, type JsonObject } from './json'
import { pairsOf, personOf, type Pair } from './person'
import type { ConditionCheck } from './use-condition-check'

type View = 'pairs' | 'json'

export interface MatchPanelProps {
  readonly person: JsonObject
  readonly onPerson: (person: JsonObject) => void
  readonly check: ConditionCheck | null
  readonly waiting: boolean
  readonly error: unknown
}

/** MatchPanel tries the audience on a person; the rows then show which of them held. */
export function MatchPanel({ person, onPerson, check, waiting, error }: MatchPanelProps) {
  const { tree } = useAudience()
  const [view, setView] = useState<View>('pairs')
  const [pairs, setPairs] = useState<readonly Pair[]>([])
  const [text, setText] = useState('{}')
  // Whatever the audience looks at can be filled in.
  const asked = [...new Set(rowsOf(tree).map((row) => row.attribute))].filter((name) => name !== '' && !pairs.some((pair) => pair.name === name))
  const shown = [...pairs, ...asked.map((name) => ({ name, text: '' }))]
  const set = (next: readonly Pair[]): void => {
    setPairs(next)
    onPerson(personOf(next))
  }
  const json = parse(text)
  const choose = (next: View): void => {
    if (next === 'json') setText(JSON.stringify(person, null, 2))
    else setPairs(pairsOf(person))
    setView(next)
  }
  return (
    <section className={styles.match} aria-label="Would this person match?">
      <h3>
        Would this person match?
        <Choice<View>
          label="Attributes as"
          value={view}
          options={[
            { value: 'pairs', text: 'Fields' },
            { value: 'json', text: 'JSON' },
          ]}
          onChange={choose}
        />
      </h3>
      {view === 'pairs' ? (
        <div className={styles.pairs}>
          {shown.map((pair, i) => (
            <div key={i} className={styles.pair}>
              <TextInput code aria-label={`Name of attribute ${i + 1}`} value={pair.name} onChange={(event) => set(shown.map((each, j) => (j === i ? { ...each, name: event.target.value } : each)))} />
              <TextInput aria-label={pair.name ? `The person's ${pair.name}` : `Value of attribute ${i + 1}`} placeholder="not known" value={pair.text} onChange={(event) => set(shown.map((each, j) => (j === i ? { ...each, text: event.target.value } : each)))} />
              <Button kind="quiet" size="small" icon label={`Remove ${pair.name || 'the attribute'}`} onClick={() => set(shown.filter((_, j) => j !== i))}>
                <X size={13} aria-hidden />
              </Button>
            </div>
          ))}
          <div>
            <Button size="small" onClick={() => setPairs([...shown, { name: '', text: '' }])}>
              <Plus size={14} aria-hidden />
              Add an attribute
            </Button>
          </div>
        </div>
      ) : (
        <TextArea
          code
          rows={6}
          aria-label="Attributes as JSON"
          aria-invalid={!isObject(json) || undefined}
          value={text}
          onChange={(event) => {
            setText(event.target.value)
            const read = parse(event.target.value)
            if (isObject(read)) onPerson(read)
          }}
        />
      )}
      <div role="status" aria-busy={waiting}>
        <Verdict check={check} error={error} malformed={view === 'json' && !isObject(json)} />
      </div>
    </section>
  )
}

function Verdict({ check, error, malformed }: { readonly check: ConditionCheck | null; readonly error: unknown; readonly malformed: boolean }) {
  if (malformed) return <p className={styles.fault}>This is not a JSON object.</p>
  if (error) return <p className="soft">It cannot be tried now: {asProblem(error).message}</p>
  if (!check) return <p className="soft">…</p>
  if (check.matches === null) return <p className="soft">Mend the condition first.</p>
  return check.matches ? (
    <p className={styles.answer}>
      <CircleCheck size={17} className={styles.met} aria-hidden />
      In the audience
    </p>
  ) : (
    <p className={styles.answer}>
      <CircleX size={17} className={styles.unmet} aria-hidden />
      Not in the audience
    </p>
  )
}
