import { Link } from 'wouter'
import type { Schemas } from '../api/client'
import { count, share } from '../ui/format'
import { variationColour } from '../ui/variation'
import styles from './split.module.css'

const percent = (slots: number): string => `${slots / 10_000}%`
const range = (from: number, to: number): string => `slots ${count(from)} to ${count(to - 1)}, ${share(to - from)}`

/** SplitBar is the split as it is: each range of slots where it lies. */
export function SplitBar({ split, variations }: { readonly split: readonly Schemas['SplitRange'][]; readonly variations: readonly Schemas['Variation'][] }) {
  const words = variations.map((variation) => {
    const slots = split.filter((part) => part.variation === variation.key).reduce((sum, part) => sum + part.to - part.from, 0)
    return `${variation.name} ${share(slots)}`
  })
  return (
    <div>
      <div className={styles.bar} role="img" aria-label={`Split: ${words.join(', ')}`}>
        {split.map((part) => {
          const index = variations.findIndex((variation) => variation.key === part.variation)
          return (
            <span
              key={part.from}
              title={`${variations[index]?.name ?? part.variation}: ${range(part.from, part.to)}`}
              style={{ left: percent(part.from), width: percent(part.to - part.from), background: variationColour(index) }}
            />
          )
        })}
      </div>
      <Ticks />
    </div>
  )
}

/** LayerBar is a layer of a million slots: this experiment's, the others', what is free. */
export function LayerBar({ occupancy, mine, experiment }: { readonly occupancy: readonly Schemas['Occupied'][]; readonly mine: readonly Schemas['Range'][]; readonly experiment: string }) {
  const others = occupancy.filter((part) => part.experiment !== experiment)
  const held = mine.reduce((sum, part) => sum + part.to - part.from, 0)
  const taken = others.reduce((sum, part) => sum + part.to - part.from, 0)
  return (
    <div>
      <div className={styles.bar} role="group" aria-label={`Layer: ${share(held)} are this experiment's, ${share(taken)} others', ${share(Math.max(0, 1_000_000 - held - taken))} free`}>
        {others.map((part) => (
          <Link
            key={`${part.experiment} ${part.from}`}
            href={`/console/experiments/${part.experiment}`}
            className={styles.others}
            title={`${part.experiment}: ${range(part.from, part.to)}`}
            aria-label={`${part.experiment}: ${range(part.from, part.to)}`}
            style={{ left: percent(part.from), width: percent(part.to - part.from) }}
          />
        ))}
        {mine.map((part) => (
          <span key={part.from} className={styles.mine} title={`This experiment: ${range(part.from, part.to)}`} style={{ left: percent(part.from), width: percent(part.to - part.from) }} />
        ))}
      </div>
      <Ticks />
      <p className={styles.key} aria-hidden>
        <span className={styles.mine} /> this experiment
        <span className={styles.others} /> others
        <span className={styles.free} /> free
      </p>
    </div>
  )
}

const Ticks = () => (
  <div className={styles.ticks} aria-hidden>
    {['0', '250,000', '500,000', '750,000', '1,000,000'].map((tick) => (
      <span key={tick}>{tick}</span>
    ))}
  </div>
)
