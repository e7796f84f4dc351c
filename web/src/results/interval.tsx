import { signedPercent } from '../ui/format'
import styles from './interval.module.css'
import type { Direction } from './judge'
import type { VariationResult } from './results-query'
import type { Scale } from './scale'

const middle = 13 // pixels

export interface IntervalProps {
  readonly result: VariationResult
  readonly scale: Scale
  readonly direction: Direction
  /** The harm that a guardrail puts up with, as a lift. */
  readonly margin?: number | undefined
}

/** Interval draws a lift and its interval against zero. */
export function Interval({ result, scale, direction, margin }: IntervalProps) {
  if (result.lift === null) return <span className="faint">–</span>
  const [low = null, high = null] = result.lift_ci ?? []
  const words = `Lift ${signedPercent(result.lift, 2)}, interval ${low === null ? 'open' : signedPercent(low, 2)} to ${high === null ? 'open' : signedPercent(high, 2)}`
  const place = (value: number): number => Math.max(0, Math.min(1, scale.at(value))) * 100
  const left = low === null ? 0 : place(low)
  const right = high === null ? 100 : place(high)
  const cutLeft = low === null || low < scale.low
  const cutRight = high === null || high > scale.high
  const inside = result.lift >= scale.low && result.lift <= scale.high
  return (
    <svg className={`${styles.plot} ${styles[direction]}`} role="img" aria-label={words}>
      <title>{words}</title>
      {scale.ticks.map((tick) => (
        <line key={tick} className={tick === 0 ? styles.zero : styles.grid} x1={`${place(tick)}%`} x2={`${place(tick)}%`} y1={0} y2={2 * middle} />
      ))}
      {margin !== undefined && <line className={styles.margin} x1={`${place(margin)}%`} x2={`${place(margin)}%`} y1={1} y2={2 * middle - 1} />}
      <rect className={styles.bar} x={`${left}%`} width={`${Math.max(0, right - left)}%`} y={middle - 4.5} height={9} rx={cutLeft || cutRight ? 0 : 3} />
      {!cutLeft && <line className={styles.end} x1={`${left}%`} x2={`${left}%`} y1={middle - 5} y2={middle + 5} />}
      {!cutRight && <line className={styles.end} x1={`${right}%`} x2={`${right}%`} y1={middle - 5} y2={middle + 5} />}
      {cutLeft && <GoesOn at={`${left}%`} to={-1} />}
      {cutRight && <GoesOn at={`${right}%`} to={1} />}
      {inside && <circle className={styles.point} cx={`${place(result.lift)}%`} cy={middle} r={5} />}
    </svg>
  )
}

function GoesOn({ at, to }: { readonly at: string; readonly to: -1 | 1 }) {
  return (
    <svg x={at} y={middle} overflow="visible">
      <path className={styles.open} d={`M${to * 7} 0 0 -6 0 6Z`} />
    </svg>
  )
}

/** Axis labels the scale that the intervals below it share. */
export function Axis({ scale }: { readonly scale: Scale }) {
  const digits = scale.high < 0.05 ? 1 : 0
  return (
    <svg className={styles.axis} aria-hidden>
      {scale.ticks.map((tick) => (
        <text key={tick} className={styles.tick} x={`${scale.at(tick) * 100}%`} y={12}>
          {tick === 0 ? '0' : signedPercent(tick, digits)}
        </text>
      ))}
    </svg>
  )
}
