import { ChevronRight } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { count, dateTime } from '../ui/format'
import { Time } from '../ui/time'
import type { Event } from './events'
import styles from './ledger.module.css'
import { eventLine } from './words'

export interface RecordProps {
  readonly event: Event
  /** That it was linked to. */
  readonly found: boolean
  /** The experiments' keys by their streams, as far as they are known. */
  readonly keys: ReadonlyMap<string, string> | undefined
}

/** Record is one record of the ledger; it opens to all that it holds. */
export function Record({ event, found, keys }: RecordProps) {
  const [open, setOpen] = useState(found)
  const line = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (found) line.current?.scrollIntoView({ block: 'center' })
  }, [found])
  const name = nameOf(event) ?? keys?.get(event.stream) ?? event.stream
  return (
    <li ref={line} className={`${styles.record} ${found ? styles.found : ''}`}>
      <button type="button" className={styles.summary} aria-expanded={open} onClick={() => setOpen(!open)}>
        <ChevronRight size={15} aria-hidden />
        <span className={styles.position}>{count(event.position)}</span>
        <span className="truncate">{eventLine(event)}</span>
        <span className="truncate" title={name}>
          {name}
        </span>
        <span className="truncate soft" title={event.actor}>
          {event.actor}
        </span>
        <span className="truncate soft" title={event.reason}>
          {event.reason}
        </span>
        <span className={styles.when}>
          <Time at={event.at} />
        </span>
      </button>
      {open && (
        <div className={styles.detail}>
          <dl className={styles.facts}>
            <Fact name="At" value={`${dateTime(event.at)} (${event.at})`} />
            <Fact name="Type" value={`${event.type}, schema ${event.schema_version}`} />
            <Fact name="Stream" value={`${event.stream}, version ${event.version}`} />
            <Fact name="Actor" value={event.actor + (event.key_id ? `, key ${event.key_id}` : '')} />
            {event.reason && <Fact name="Reason" value={event.reason} />}
            {event.request_id && <Fact name="Request" value={event.request_id} />}
            <Fact name="Command" value={event.command_id} />
            <Fact name="Hash of data" value={event.data_hash} />
            <Fact name="Hash" value={event.hash} />
          </dl>
          <pre className={styles.data} tabIndex={0} aria-label="The event">
            {JSON.stringify(event.data, null, 2)}
          </pre>
        </div>
      )}
    </li>
  )
}

const Fact = ({ name, value }: { readonly name: string; readonly value: string }) => (
  <>
    <dt>{name}</dt>
    <dd className="code">{value}</dd>
  </>
)

// nameOf is the key or name that the event itself tells.
function nameOf({ data }: Event): string | undefined {
  for (const member of ['key', 'name', 'date'] as const) {
    const value = data[member]
    if (typeof value === 'string') return value
  }
  return undefined
}
