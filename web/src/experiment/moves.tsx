import type { Schemas } from '../api/client'
import { count, share } from '../ui/format'
import { Table } from '../ui/table'
import { VariationName, variationColour } from '../ui/variation'
import styles from './split.module.css'

type Move = Schemas['Move']

export interface MovesProps {
  /** Keys of the variations of either split, with the shares that they had and will have. */
  readonly sides: readonly { readonly key: string; readonly index: number; readonly before: number; readonly after: number }[]
  readonly moves: readonly Move[]
}

/** Moves shows who changes from which variation to which, as bands and as numbers. */
export function Moves({ sides, moves }: MovesProps) {
  const moved = moves.reduce((sum, move) => sum + move.slots, 0)
  const index = (key: string): number => sides.find((side) => side.key === key)?.index ?? 0
  return (
    <div className="stack">
      <Bands sides={sides} moves={moves} />
      <div className={styles.scroll} role="region" aria-label="Who moves" tabIndex={0}>
        <Table aria-label="Who moves">
          <thead>
            <tr>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col" data-number>
                Slots
              </th>
              <th scope="col" data-number>
                Of all units
              </th>
            </tr>
          </thead>
          <tbody>
            {moves.map((move) => (
              <tr key={`${move.from} ${move.to}`}>
                <td>
                  <VariationName index={index(move.from)} name={move.from} />
                </td>
                <td>
                  <VariationName index={index(move.to)} name={move.to} />
                </td>
                <td data-number>{count(move.slots)}</td>
                <td data-number>{share(move.slots)}</td>
              </tr>
            ))}
            <tr>
              <td colSpan={2}>Everybody else keeps the variation</td>
              <td data-number>{count(1_000_000 - moved)}</td>
              <td data-number>{share(1_000_000 - moved)}</td>
            </tr>
          </tbody>
        </Table>
      </div>
    </div>
  )
}

const height = 72
const wide = 1000

// Above, who has what now; below, who will have; between, who goes where. Those
// who stay go down first, so that the bands that cross are the ones that move.
function Bands({ sides, moves }: MovesProps) {
  const top = places(sides, (side) => side.before)
  const bottom = places(sides, (side) => side.after)
  const bands: { readonly from: number; readonly to: number; readonly slots: number; readonly index: number; readonly moves: boolean }[] = []
  const add = (from: string, to: string, slots: number, moving: boolean): void => {
    const [a, b] = [top.get(from), bottom.get(to)]
    if (!a || !b || slots <= 0) return
    bands.push({ from: a.at, to: b.at, slots, index: a.index, moves: moving })
    a.at += slots
    b.at += slots
  }
  for (const side of sides) {
    const leaving = moves.filter((move) => move.from === side.key).reduce((sum, move) => sum + move.slots, 0)
    add(side.key, side.key, side.before - leaving, false)
  }
  for (const move of moves) add(move.from, move.to, move.slots, true)
  const x = (slots: number): number => (slots * wide) / 1_000_000
  return (
    <svg className={styles.bands} viewBox={`0 0 ${wide} ${height}`} preserveAspectRatio="none" aria-hidden>
      {bands.map((band, i) => {
        const [a, b, w] = [x(band.from), x(band.to), x(band.slots)]
        const middle = height / 2
        const path = `M${a} 8C${a} ${middle} ${b} ${middle} ${b} ${height - 8}H${b + w}C${b + w} ${middle} ${a + w} ${middle} ${a + w} 8Z`
        return <path key={i} d={path} style={{ fill: variationColour(band.index), opacity: band.moves ? 0.75 : 0.16 }} />
      })}
      <Bar sides={sides} size={(side) => side.before} y={0} />
      <Bar sides={sides} size={(side) => side.after} y={height - 8} />
    </svg>
  )
}

type Side = MovesProps['sides'][number]

function Bar({ sides, size, y }: { readonly sides: readonly Side[]; readonly size: (side: Side) => number; readonly y: number }) {
  let at = 0
  return sides.map((side) => {
    const x = at
    at += size(side)
    return <rect key={side.key} x={x / 1000} y={y} width={size(side) / 1000} height={8} style={{ fill: variationColour(side.index) }} />
  })
}

function places(sides: readonly Side[], size: (side: Side) => number): Map<string, { at: number; readonly index: number }> {
  let at = 0
  return new Map(
    sides.map((side) => {
      const place = { at, index: side.index }
      at += size(side)
      return [side.key, place]
    }),
  )
}
