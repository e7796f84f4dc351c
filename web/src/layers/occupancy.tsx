import { Link } from 'wouter'
import type { Layer } from '../api/queries'
import { count, share } from '../ui/format'
import { variationColour } from '../ui/variation'
import styles from './occupancy.module.css'

const slots = 1_000_000

interface Holder {
  readonly experiment: string
  readonly colour: string
  readonly ranges: readonly { readonly from: number; readonly to: number }[]
  readonly size: number
}

function holders(layer: Layer): readonly Holder[] {
  const keys = [...new Set(layer.occupancy?.map((held) => held.experiment))]
  return keys.map((experiment, index) => {
    const ranges = layer.occupancy?.filter((held) => held.experiment === experiment) ?? []
    return { experiment, ranges, colour: variationColour(index + 1), size: ranges.reduce((sum, range) => sum + range.to - range.from, 0) }
  })
}

/** Occupancy draws whose the slots of a layer are; hatched is free. */
export function Occupancy({ layer }: { readonly layer: Layer }) {
  const held = holders(layer)
  const words = held.map((holder) => `${holder.experiment} ${share(holder.size)}`).concat(`free ${share(layer.free_ppm ?? slots)}`).join(', ')
  return (
    <span className={styles.bar} role="img" aria-label={words} title={words}>
      {held.flatMap((holder) =>
        holder.ranges.map((range) => <span key={range.from} className={styles.slot} style={{ left: `${range.from / 10_000}%`, width: `${(range.to - range.from) / 10_000}%`, background: holder.colour }} />),
      )}
    </span>
  )
}

/** OccupancyList names each experiment of a layer with its slots. */
export function OccupancyList({ layer }: { readonly layer: Layer }) {
  if (layer.mode === 'ordered') {
    return (
      <section>
        <h3>First come, first served</h3>
        <ol className={styles.order}>
          {layer.order.map((key) => (
            <li key={key}>
              <Link href={`/console/experiments/${key}`}>{key}</Link>
            </li>
          ))}
        </ol>
        {layer.order.length === 0 && <p className="soft">No experiment is in the layer.</p>}
      </section>
    )
  }
  return (
    <section>
      <h3>Who holds which slots</h3>
      <div style={{ marginTop: 8 }}>
        <Occupancy layer={layer} />
      </div>
      <div className={styles.list}>
        {holders(layer).map((holder) => (
          <div key={holder.experiment} style={{ display: 'contents' }}>
            <span className={styles.name}>
              <span className={styles.swatch} style={{ background: holder.colour }} aria-hidden />
              <Link href={`/console/experiments/${holder.experiment}`} className="truncate">
                {holder.experiment}
              </Link>
            </span>
            <span className="soft">{holder.ranges.map((range) => `${count(range.from)}–${count(range.to - 1)}`).join(', ')}</span>
            <span>{share(holder.size)}</span>
          </div>
        ))}
        <span className="soft">Free</span>
        <span />
        <span className="soft">{share(layer.free_ppm ?? slots)}</span>
      </div>
    </section>
  )
}
