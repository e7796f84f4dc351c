import { Link } from 'wouter'
import { date, plural } from '../ui/format'
import { shift, type DailySummary } from './daily'
import styles from './reports.module.css'

const monthFormat = new Intl.DateTimeFormat('en', { month: 'short', timeZone: 'UTC' })
const levels = [0, 1, 2, 3, 4] as const

/** Year draws a year of days as a grid, a column for each week; the darker, the more changed. */
export function Year({ days, from, to }: { readonly days: readonly DailySummary[]; readonly from: string; readonly to: string }) {
  const known = new Map(days.map((day) => [day.date, day]))
  const largest = Math.max(1, ...days.map((day) => day.total_changes))
  const monday = shift(from, -((new Date(from).getUTCDay() + 6) % 7))
  const weeks: string[] = []
  for (let week = monday; week <= to; week = shift(week, 7)) weeks.push(week)
  return (
    <>
      <div ref={toEnd} className={styles.year} tabIndex={0} role="region" aria-label="The year by days">
        <div className={styles.grid}>
          {weeks.map((week, at) => (
            <Week key={week} week={week} column={at + 1} titled={at > 0 && new Date(week).getUTCMonth() !== new Date(shift(week, -7)).getUTCMonth()} from={from} to={to} known={known} largest={largest} />
          ))}
        </div>
      </div>
      <div className={styles.key} aria-hidden>
        Fewer
        {levels.map((level) => (
          <i key={level} className={`${styles.cell} ${styles[`l${level}`] ?? ''}`} />
        ))}
        more changes; dashed: provisional
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
}

function Week({ week, column, titled, from, to, known, largest }: WeekProps) {
  return (
    <>
      <span className={styles.month} style={{ gridColumn: column }} aria-hidden>
        {titled && monthFormat.format(new Date(week))}
      </span>
      {Array.from({ length: 7 }, (_, i) => shift(week, i)).map((at, row) => {
        const place = { gridColumn: column, gridRow: row + 2 }
        const day = known.get(at)
        if (!day) return <span key={at} className={at >= from && at <= to ? styles.cell : undefined} style={place} />
        const level = day.total_changes === 0 ? 0 : Math.ceil((4 * Math.log(1 + day.total_changes)) / Math.log(1 + largest))
        const words = `${date(at)}: ${plural(day.total_changes, 'change')}${day.final ? '' : ', provisional'}`
        return <Link key={at} href={`/console/reports/${at}`} className={`${styles.cell} ${styles[`l${level}`] ?? ''} ${day.final ? '' : styles.provisional}`} style={place} title={words} aria-label={words} />
      })}
    </>
  )
}
