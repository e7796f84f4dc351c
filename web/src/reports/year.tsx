import { useState, type KeyboardEvent } from 'react'
import { Link } from 'wouter'
import { date, plural } from '../ui/format'
import { shift, type DailySummary } from './daily'
import styles from './reports.module.css'

const monthFormat = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' })
const levels = [0, 1, 2, 3, 4] as const
const weekdays = [
  { row: 2, text: 'Mon' },
  { row: 4, text: 'Wed' },
  { row: 6, text: 'Fri' },
] as const
const steps: Readonly<Record<string, number>> = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -7, ArrowRight: 7 }

/**
 * Year draws a year of days as a grid, a column for each week; the darker, the more changed. For
 * Tab it is one stop: the arrows go by day and week.
 */
export function Year({ days, from, to }: { readonly days: readonly DailySummary[]; readonly from: string; readonly to: string }) {
  const [chosen, setAt] = useState(to)
  const known = new Map(days.map((day) => [day.date, day]))
  const at = known.has(chosen) ? chosen : (days.at(-1)?.date ?? to)
  const largest = Math.max(1, ...days.map((day) => day.total_changes))
  const monday = shift(from, -((new Date(from).getUTCDay() + 6) % 7))
  const weeks: string[] = []
  for (let week = monday; week <= to; week = shift(week, 7)) weeks.push(week)

  const walk = (event: KeyboardEvent<HTMLElement>): void => {
    const step = steps[event.key]
    const next = step === undefined ? { Home: days[0]?.date, End: days.at(-1)?.date }[event.key] : shift(at, step)
    if (next === undefined) return
    event.preventDefault()
    if (!known.has(next)) return
    setAt(next)
    event.currentTarget.querySelector<HTMLElement>(`[data-day="${next}"]`)?.focus()
  }
  return (
    <>
      <div ref={toEnd} className={styles.year} role="region" aria-label="The year by days" onKeyDown={walk}>
        <div className={styles.grid} style={{ gridTemplateColumns: `28px repeat(${weeks.length}, minmax(var(--day), 1fr))` }}>
          {weekdays.map(({ row, text }) => (
            <span key={text} className={styles.weekday} style={{ gridRow: row }} aria-hidden>
              {text}
            </span>
          ))}
          {weeks.map((week, index) => (
            <Week
              key={week}
              week={week}
              column={index + 2}
              titled={index > 0 && new Date(week).getUTCMonth() !== new Date(shift(week, -7)).getUTCMonth()}
              from={from}
              to={to}
              known={known}
              largest={largest}
              at={at}
              onFocus={setAt}
            />
          ))}
        </div>
      </div>
      <div className={styles.key} aria-hidden>
        Fewer
        {levels.map((level) => (
          <i key={level} className={`${styles.cell} ${styles[`l${level}`] ?? ''}`} />
        ))}
        more changes; <i className={`${styles.cell} ${styles.provisional}`} /> provisional; <i className={`${styles.cell} ${styles.before}`} /> before the ledger
      </div>
    </>
  )
}

// toEnd shows the newest weeks where not all have room.
function toEnd(element: HTMLElement | null): void {
  if (element) element.scrollLeft = element.scrollWidth
}

interface WeekProps {
  readonly week: string
  readonly column: number
  readonly titled: boolean
  readonly from: string
  readonly to: string
  readonly known: ReadonlyMap<string, DailySummary>
  readonly largest: number
  /** The day that Tab goes to. */
  readonly at: string
  readonly onFocus: (day: string) => void
}

function Week({ week, column, titled, from, to, known, largest, at, onFocus }: WeekProps) {
  return (
    <>
      <span className={styles.month} style={{ gridColumn: column }} aria-hidden>
        {titled && monthFormat.format(new Date(week))}
      </span>
      {Array.from({ length: 7 }, (_, i) => shift(week, i)).map((date, row) => {
        const place = { gridColumn: column, gridRow: row + 2 }
        const day = known.get(date)
        if (day) return <Day key={date} day={day} largest={largest} place={place} current={date === at} onFocus={onFocus} />
        return <span key={date} className={date >= from && date <= to ? `${styles.cell} ${styles.before}` : undefined} style={place} />
      })}
    </>
  )
}

interface DayProps {
  readonly day: DailySummary
  readonly largest: number
  readonly place: { readonly gridColumn: number; readonly gridRow: number }
  readonly current: boolean
  readonly onFocus: (day: string) => void
}

function Day({ day, largest, place, current, onFocus }: DayProps) {
  const level = day.total_changes === 0 ? 0 : Math.ceil((4 * Math.log(1 + day.total_changes)) / Math.log(1 + largest))
  const words = `${date(day.date)}: ${plural(day.total_changes, 'change')}${day.final ? '' : ', provisional'}`
  return (
    <Link
      href={`/console/reports/${day.date}`}
      className={`${styles.cell} ${styles[`l${level}`] ?? ''} ${day.final ? '' : styles.provisional}`}
      style={place}
      title={words}
      aria-label={words}
      data-day={day.date}
      tabIndex={current ? 0 : -1}
      onFocus={() => onFocus(day.date)}
    />
  )
}
