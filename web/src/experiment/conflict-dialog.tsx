import { useQuery } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import type { Experiment } from '../api/queries'
import { Button } from '../ui/button'
import { Changes } from '../ui/changes'
import { Dialog } from '../ui/dialog'
import { Note } from '../ui/states'
import { Time } from '../ui/time'
import type { Draft } from './draft'
import styles from './editor.module.css'
import { latestQuery } from './history-query'
import { merge, type Change } from './merge'
import { recordWords } from './overview'
import { readable } from './readable'
import { fieldName, settingsOf, type Settings } from './settings'

export interface ConflictDialogProps {
  readonly experiment: Experiment
  readonly draft: Draft
  readonly onClose: () => void
  readonly onDiscard: () => void
  readonly onMerged: (settings: Settings) => void
}

/** ConflictDialog shows what others changed beside what one changed oneself, and puts both together. */
export function ConflictDialog({ experiment, draft, onClose, onDiscard, onMerged }: ConflictDialogProps) {
  const { data: records } = useQuery(latestQuery(experiment.id, 100))
  const [choices, setChoices] = useState<Readonly<Record<string, 'mine' | 'theirs'>>>({})
  const both = useMemo(() => merge(draft.base, settingsOf(experiment), draft.settings), [draft.base, draft.settings, experiment])
  const open = both.conflicts.filter((path) => choices[path] === undefined)
  return (
    <Dialog
      wide
      title="This experiment was changed meanwhile"
      onClose={onClose}
      onSubmit={() => open.length === 0 && onMerged(both.merged((path) => choices[path] ?? 'mine'))}
      footer={
        <>
          <Button onClick={onDiscard}>Discard mine</Button>
          <Button type="submit" kind="primary" disabledBecause={open.length > 0 ? `Choose for ${open.map(fieldName).join(', ')} first.` : null}>
            Put mine on top
          </Button>
        </>
      }
    >
      <div className={styles.sides}>
        <section>
          <h3>Theirs, since you began</h3>
          <ul className={styles.who}>
            {records
              ?.filter((record) => record.version > draft.version)
              .map((record) => (
                <li key={record.version}>
                  <strong>{record.actor}</strong>: {recordWords(record)}, <Time at={record.at} />
                  {record.reason && <p className="soft">{record.reason}</p>}
                </li>
              ))}
          </ul>
          <div className={styles.diff} role="region" aria-label="Their changes" tabIndex={0}>
            <Changes changes={readable(both.theirs)} />
          </div>
        </section>
        <section>
          <h3>Mine, not saved</h3>
          <div className={styles.diff} role="region" aria-label="My changes" tabIndex={0}>
            <Changes changes={readable(both.mine)} />
          </div>
        </section>
      </div>
      {both.conflicts.length === 0 ? (
        <Note tone="good">No field was changed by both: mine fits on theirs. Nothing is saved yet.</Note>
      ) : (
        <div className={styles.choices}>
          <p>Both changed these. Which do you want?</p>
          {both.conflicts.map((path) => (
            <Pick
              key={path}
              path={path}
              mine={both.mine.find((change) => change.path === path)}
              theirs={both.theirs.find((change) => change.path === path)}
              choice={choices[path]}
              onChoose={(choice) => setChoices((now) => ({ ...now, [path]: choice }))}
            />
          ))}
        </div>
      )}
    </Dialog>
  )
}

interface PickProps {
  readonly path: string
  readonly mine: Change | undefined
  readonly theirs: Change | undefined
  readonly choice: 'mine' | 'theirs' | undefined
  readonly onChoose: (choice: 'mine' | 'theirs') => void
}

function Pick({ path, mine, theirs, choice, onChoose }: PickProps) {
  const option = (value: 'mine' | 'theirs', title: string, [change]: readonly Change[]) => (
    <label className={styles.pick}>
      <input type="radio" name={path} checked={choice === value} onChange={() => onChoose(value)} />
      <span>
        {title}
        <code>{change?.new === undefined ? 'none' : typeof change.new === 'string' ? change.new : JSON.stringify(change.new)}</code>
      </span>
    </label>
  )
  return (
    <fieldset className={styles.picks}>
      <legend>{fieldName(path)}</legend>
      {option('theirs', 'Theirs', readable(theirs ? [theirs] : []))}
      {option('mine', 'Mine', readable(mine ? [mine] : []))}
    </fieldset>
  )
}
