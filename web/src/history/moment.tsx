import { ChevronLeft, ChevronRight, History } from 'lucide-react'
import { useEffect, useState } from 'react'
import { Button } from '../ui/button'
import { Field, TextInput } from '../ui/field'
import { dateTime } from '../ui/format'
import styles from './history.module.css'

export interface MomentProps {
  /** The first moment there is, in milliseconds. */
  readonly from: number
  /** null is now. */
  readonly value: number | null
  /** Moments at which something happened, ascending: the arrows go from one to the next. */
  readonly marks?: readonly number[]
  readonly onChange: (at: number | null) => void
}

const steps = 2000

/** Moment goes back in time: by a slider, from record to record, or to a time that is typed (UTC). */
export function Moment({ from, value, marks = [], onChange }: MomentProps) {
  const [now] = useState(() => Date.now())
  const span = Math.max(1, now - from)
  // The slider follows the hand at once; what it shows is asked for when it rests.
  const [dragged, setDragged] = useState<number | null>(null)
  useEffect(() => {
    if (dragged === null) return
    const timer = setTimeout(() => {
      onChange(dragged >= now ? null : dragged)
      setDragged(null)
    }, 150)
    return () => clearTimeout(timer)
  }, [dragged, now, onChange])

  const at = dragged ?? value ?? now
  const before = marks.findLast((mark) => mark < at)
  const after = value === null ? undefined : marks.find((mark) => mark > at)
  return (
    <div className={styles.moment}>
      <div className={styles.slider}>
        <Button size="small" icon kind="quiet" label="The record before" disabledBecause={before === undefined ? 'There is none before.' : null} onClick={() => before !== undefined && onChange(before)}>
          <ChevronLeft size={16} aria-hidden />
        </Button>
        <input
          type="range"
          min={0}
          max={steps}
          value={Math.round((steps * (at - from)) / span)}
          aria-label="Moment"
          aria-valuetext={value === null && dragged === null ? 'now' : dateTime(at)}
          onChange={(event) => setDragged(Math.round(from + (span * Number(event.target.value)) / steps))}
        />
        <Button size="small" icon kind="quiet" label="The record after" disabledBecause={value === null ? 'This is now.' : null} onClick={() => onChange(after ?? null)}>
          <ChevronRight size={16} aria-hidden />
        </Button>
      </div>
      {marks.length > 0 && marks.length <= 400 && (
        <div className={styles.marks} aria-hidden>
          {marks.map((mark) => (
            <i key={mark} style={{ left: `${(100 * (mark - from)) / span}%` }} />
          ))}
        </div>
      )}
      <div className={styles.when}>
        <Field label="At, UTC">
          <TextInput type="datetime-local" step="1" value={new Date(at).toISOString().slice(0, 19)} onChange={(event) => typed(event.target.value, onChange)} />
        </Field>
        {value !== null && (
          <Button size="small" onClick={() => onChange(null)}>
            <History size={14} aria-hidden />
            Back to now
          </Button>
        )}
      </div>
    </div>
  )
}

function typed(text: string, onChange: (at: number | null) => void): void {
  const at = Date.parse(`${text}Z`)
  if (!Number.isNaN(at)) onChange(at >= Date.now() ? null : at)
}
