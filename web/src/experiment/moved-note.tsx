import { useQuery } from '@tanstack/react-query'
import type { Experiment } from '../api/queries'
import { Button } from '../ui/button'
import { Note } from '../ui/states'
import { Time } from '../ui/time'
import { latestQuery } from './history-query'
import { recordWords } from './overview'
import styles from './editor.module.css'

/** MovedNote says who changed the experiment while one edits it. */
export function MovedNote({ experiment, since, onCompare }: { readonly experiment: Experiment; readonly since: number; readonly onCompare: () => void }) {
  const { data: records } = useQuery(latestQuery(experiment.id, 20))
  const newer = records?.filter((record) => record.version > since) ?? []
  return (
    <Note tone="warn">
      <div className={styles.moved} role="status">
        <ul>
          {newer.slice(0, 3).map((record) => (
            <li key={record.version}>
              <strong>{record.actor}</strong>: {recordWords(record)}, <Time at={record.at} />
              {record.reason && <span> ({record.reason})</span>}
            </li>
          ))}
          {newer.length === 0 && <li>Somebody changed this experiment since you began.</li>}
        </ul>
        <Button size="small" onClick={onCompare}>
          Compare
        </Button>
      </div>
    </Note>
  )
}
