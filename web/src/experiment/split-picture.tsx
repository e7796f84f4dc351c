import { share } from '../ui/format'
import { variationColour } from '../ui/variation'
import { Handle } from './handle'
import styles from './split.module.css'
import { boundaryLimits, moveBoundary } from './split'

export interface SplitPictureProps {
  readonly names: readonly string[]
  readonly shares: readonly number[]
  readonly traffic: number
  readonly onShares: (shares: readonly number[]) => void
  readonly onTraffic: (ppm: number) => void
}

/**
 * SplitPicture is all units as a square: across, which variation; upwards, who
 * takes part. The two are independent, as assignment is.
 */
export function SplitPicture({ names, shares, traffic, onShares, onTraffic }: SplitPictureProps) {
  let left = 0
  const parts = shares.map((part, i) => {
    const from = left
    left += part
    return { from, part, name: names[i] ?? '' }
  })
  return (
    <div className={styles.frame}>
      <div className={styles.picture}>
        <span className={styles.outside} style={{ height: `${100 - traffic / 10_000}%` }}>
          {traffic < 900_000 && `${share(1_000_000 - traffic)} take no part`}
        </span>
        {parts.map(({ from, part, name }, i) => (
          <span
            key={i}
            className={styles.part}
            style={{ left: `${from / 10_000}%`, width: `${part / 10_000}%`, height: `${traffic / 10_000}%`, background: variationColour(i) }}
            title={`${name}: ${share(part)}`}
          />
        ))}
        {parts.slice(0, -1).map(({ from, part, name }, i) => {
          const [min, max] = boundaryLimits(shares, i)
          const next = parts[i + 1]
          return (
            <Handle
              key={i}
              axis="x"
              label={`Boundary between ${name} and ${next?.name ?? ''}`}
              text={`${name} ${share(part)}, ${next?.name ?? ''} ${share(next?.part ?? 0)}`}
              value={from + part}
              min={min}
              max={max}
              onMove={(to) => onShares(moveBoundary(shares, i, to))}
            />
          )
        })}
        <Handle axis="y" label="Traffic" text={`${share(traffic)} take part`} value={traffic} min={0} max={1_000_000} onMove={onTraffic} />
      </div>
      <ul className={styles.legend} aria-hidden>
        {parts.map(({ part, name }, i) => (
          <li key={i} style={{ flexGrow: part, flexBasis: 0, minWidth: part === 0 ? 0 : undefined }}>
            {part > 0 && (
              <>
                <strong>{name}</strong> {share(part)}
              </>
            )}
          </li>
        ))}
      </ul>
    </div>
  )
}
