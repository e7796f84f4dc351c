import { FilePen, Plus, Power, PowerOff, Trash2, type LucideIcon } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { HistoryEntry } from '../api/queries'
import { eventWords } from '../ledger/words'
import { Button } from '../ui/button'
import { Changes } from '../ui/changes'
import { date } from '../ui/format'
import { Time } from '../ui/time'
import styles from './history.module.css'

export interface TimelineProps {
  /** The newest first. */
  readonly entries: readonly HistoryEntry[]
  readonly shownVersion: number | null
  readonly onShow: (entry: HistoryEntry) => void
}

/** Timeline lists records: who did what, when and why, and on request field by field. */
export function Timeline({ entries, shownVersion, onShow }: TimelineProps) {
  return (
    <ol className={styles.timeline}>
      {entries.map((entry, index) => {
        const day = date(entry.at)
        const before = entries[index - 1]
        return (
          <li key={entry.position}>
            {(!before || date(before.at) !== day) && <p className={styles.day}>{day}</p>}
            <Entry entry={entry} shown={entry.version === shownVersion} onShow={() => onShow(entry)} />
          </li>
        )
      })}
    </ol>
  )
}

interface Sign {
  readonly icon: LucideIcon
  readonly look: string | undefined
  readonly words: string
}

function signOf(entry: HistoryEntry): Sign {
  switch (entry.type) {
    case 'experiment.created':
      return { icon: Plus, look: undefined, words: 'created it' }
    case 'experiment.status_changed':
      return entry.new_status === 'active' ? { icon: Power, look: styles.on, words: 'switched it on' } : { icon: PowerOff, look: styles.off, words: 'switched it off' }
    case 'experiment.deleted':
      return { icon: Trash2, look: styles.gone, words: 'deleted it' }
    case 'experiment.changed':
      return { icon: FilePen, look: undefined, words: 'edited it' }
    default:
      return { icon: FilePen, look: undefined, words: eventWords(entry.type).toLowerCase() }
  }
}

const mostFields = 6

function Entry({ entry, shown, onShow }: { readonly entry: HistoryEntry; readonly shown: boolean; readonly onShow: () => void }) {
  const [open, setOpen] = useState(false)
  const { icon: Icon, look, words } = signOf(entry)
  const fields = [...new Set(entry.changes.map((change) => change.path.split('/')[1] ?? change.path))]
  const edited = entry.type === 'experiment.changed'
  return (
    <div className={`${styles.entry} ${shown ? styles.shown : ''}`}>
      <span className={`${styles.mark} ${look ?? ''}`} aria-hidden>
        <Icon size={14} />
      </span>
      <div>
        <div className={styles.line}>
          <span>
            <b>{entry.actor}</b> {words}
          </span>
          <span className="faint">
            <Time at={entry.at} />
          </span>
          <span className={styles.version}>
            version {entry.version} · <Link href={`/console/ledger?at=${entry.position}`}>position {entry.position}</Link>
          </span>
        </div>
        {entry.reason && <p className={styles.reason}>{entry.reason}</p>}
        {edited && fields.length > 0 && (
          <p className={styles.fields}>
            {fields.slice(0, mostFields).join(', ')}
            {fields.length > mostFields && ` and ${fields.length - mostFields} more`}
          </p>
        )}
        <div className={styles.acts}>
          {entry.changes.length > 0 && (
            <Button kind="quiet" size="small" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? 'Hide' : 'Show'} what changed
            </Button>
          )}
          <Button kind="quiet" size="small" onClick={onShow}>
            As it stood then
          </Button>
        </div>
        {open && (
          <div className={styles.diff}>
            <Changes changes={entry.changes} />
            <p className={`${styles.hash} code`} title="The record's link in the chain">
              {entry.hash}
            </p>
          </div>
        )}
      </div>
    </div>
  )
}
