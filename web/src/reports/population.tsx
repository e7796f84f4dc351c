import { compact, date } from '../ui/format'
import type { DailySummary } from './daily'
import styles from './reports.module.css'

const height = 160 // pixels of the plot, under which its days are written
const bottom = height + 8 // with room for the topmost number
const steps = 4

/** Population draws how many experiments were active and inactive at each day's end, stacked. */
export function Population({ days }: { readonly days: readonly DailySummary[] }) {
  const [first, last] = [days[0], days.at(-1)]
  if (!first || !last) return <p className="soft">No day has passed yet.</p>
  const top = ceiling(Math.max(1, ...days.map((day) => day.active + day.inactive)))
  const y = (n: number): number => bottom - (height * n) / top
  const ticks = Array.from({ length: steps + 1 }, (_, i) => (top * i) / steps)
  const bar = 100 / days.length
  return (
    <figure>
      <figcaption className={styles.legend}>
        <span>
          <i style={{ background: 'var(--accent)' }} />
          Active: {last.active} today
        </span>
        <span>
          <i style={{ background: 'var(--line-strong)' }} />
          Inactive: {last.inactive} today
        </span>
      </figcaption>
      <div className={styles.chart} role="img" aria-label={`Active from ${first.active} to ${last.active}, inactive from ${first.inactive} to ${last.inactive}; the numbers are in the table of days`}>
        <svg>
          {ticks.map((n) => (
            <text key={n} className={styles.label} x="100%" y={y(n) + 4} textAnchor="end">
              {compact(n)}
            </text>
          ))}
        </svg>
        <svg>
          {ticks.map((n) => (
            <line key={n} className={styles.gridline} x1="0" x2="100%" y1={y(n)} y2={y(n)} />
          ))}
          {days.map((day, at) => (
            <g key={day.date}>
              <title>{`${date(day.date)}: ${day.active} active, ${day.inactive} inactive`}</title>
              <rect className={styles.active} x={`${bar * (at + 0.07)}%`} width={`${bar * 0.86}%`} y={y(day.active)} height={bottom - y(day.active)} />
              <rect className={styles.inactive} x={`${bar * (at + 0.07)}%`} width={`${bar * 0.86}%`} y={y(day.active + day.inactive)} height={Math.max(0, y(day.active) - y(day.active + day.inactive) - 1)} />
            </g>
          ))}
          <text className={styles.label} x="0" y={bottom + 18}>
            {date(first.date)}
          </text>
          <text className={styles.label} x="100%" y={bottom + 18} textAnchor="end">
            {date(last.date)}
          </text>
        </svg>
      </div>
    </figure>
  )
}

// ceiling is the next number that four steps cut into whole ones.
function ceiling(n: number): number {
  const power = 10 ** Math.max(0, Math.floor(Math.log10(n)) - 1)
  return Math.ceil(n / (steps * power)) * steps * power
}
