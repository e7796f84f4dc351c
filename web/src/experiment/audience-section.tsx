import { useMemo, useState } from 'react'
import { Button } from '../ui/button'
import { CopyButton } from '../ui/copy'
import { Choice, Field } from '../ui/field'
import { Panel } from '../ui/panel'
import { Note } from '../ui/states'
import { AudienceContext, type AudienceState } from './audience-state'
import styles from './audience.module.css'
import { holder, readCondition, writeCondition, type Group } from './condition'
import { GroupRows } from './condition-rows'
import { ParsedArea, useEditing } from './editing'
import { isObject, parse, same, type JsonObject } from './json'
import { MatchPanel } from './match-panel'
import { useConditionCheck } from './use-condition-check'

type View = 'rows' | 'json'

/** AudienceSection edits the condition, as rows or as JSON, and tries it on a person. */
export function AudienceSection() {
  const { draft, problem } = useEditing()
  const { audience } = draft.settings
  const [view, setView] = useState<View>('rows')
  const [tree, setTree] = useState<Group>(() => readCondition(audience))
  const written = useMemo(() => writeCondition(tree), [tree])
  // The condition changed elsewhere: in the JSON, by a merge, by discarding.
  if (!same(written.condition, audience)) setTree(readCondition(audience))

  const [fresh, setFresh] = useState<string | null>(null)
  const [person, setPerson] = useState<JsonObject>({})
  const { check, waiting, error } = useConditionCheck(audience, person)
  const faults = useMemo(() => {
    const refused = (problem?.fields ?? []).filter((fault) => fault.field === 'audience' || fault.field.startsWith('audience/'))
    const all = [...(check?.errors ?? []), ...refused.map((fault) => ({ pointer: fault.field.slice('audience'.length), problem: fault.problem }))]
    return [...new Map(all.map((fault) => [`${fault.pointer} ${fault.problem}`, fault])).values()]
  }, [check, problem])
  const state = useMemo((): AudienceState => {
    const byHolder = new Map<string, string>()
    for (const fault of faults) {
      const id = holder(written.pointers, fault.pointer)
      if (id !== undefined) byHolder.set(id, fault.problem)
    }
    return {
      tree,
      pointers: written.pointers,
      faults: byHolder,
      held: new Map(waiting ? [] : check?.explanation.map((test) => [test.pointer, test.matched])),
      fresh,
      change: (next, added) => {
        setTree(next)
        setFresh(added ?? null)
        draft.set({ audience: writeCondition(next).condition })
      },
    }
  }, [tree, written, faults, check, waiting, fresh, draft])

  const malformed = draft.texts['audience'] !== undefined
  return (
    <AudienceContext value={state}>
      <Panel
        title="Audience"
        id="audience"
        about="Who takes part"
        actions={
          <>
            <CopyButton text={JSON.stringify(audience, null, 2)} label="Copy the condition" />
            <Choice<View>
              label="Shown as"
              value={view}
              options={[
                { value: 'rows', text: 'Rows' },
                { value: 'json', text: 'JSON' },
              ]}
              onChange={setView}
            />
          </>
        }
      >
        <div className={styles.columns}>
          <div className="stack">
            {view === 'rows' && malformed && (
              <Note tone="warn">
                What was written as JSON cannot be read; the rows show the last that could.{' '}
                <Button size="small" onClick={() => setView('json')}>
                  Mend it
                </Button>
              </Note>
            )}
            {view === 'rows' ? (
              <GroupRows group={tree} root />
            ) : (
              <Field label="Condition" error={malformed ? 'This is not a JSON object.' : undefined} hint="In the form of GrowthBook's SDKs; {} is everybody.">
                <ParsedArea
                  code
                  rows={Math.min(24, Math.max(6, JSON.stringify(audience, null, 2).split('\n').length + 1))}
                  field="audience"
                  value={audience}
                  format={(condition) => JSON.stringify(condition, null, 2)}
                  read={(text) => {
                    const json = parse(text)
                    return isObject(json) ? { value: json } : undefined
                  }}
                  onValue={(condition) => draft.set({ audience: condition })}
                />
              </Field>
            )}
            {view === 'json' && faults.length > 0 && (
              <div role="alert">
                <ul className={styles.faults}>
                  {faults.map((fault) => (
                    <li key={`${fault.pointer} ${fault.problem}`}>
                      <code>{fault.pointer || '/'}</code> {fault.problem}
                    </li>
                  ))}
                </ul>
              </div>
            )}
          </div>
          <MatchPanel person={person} onPerson={setPerson} check={check} waiting={waiting} error={error} />
        </div>
      </Panel>
    </AudienceContext>
  )
}
