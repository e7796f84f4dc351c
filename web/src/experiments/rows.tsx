import { ArrowDown, ArrowUp } from 'lucide-react'
import { memo, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { Link } from 'wouter'
import type { Experiment } from '../api/queries'
import { StatusBadge } from '../ui/badge'
import { share } from '../ui/format'
import { useShortcuts } from '../ui/keys'
import { Time } from '../ui/time'
import { variationColour } from '../ui/variation'
import { VerdictMark } from '../verdict/verdict'
import { eventWords } from '../ledger/words'
import type { Filter, Row, SortField } from './filter'
import styles from './list.module.css'
import type { Glance } from './overview'
import { useInSight } from './use-in-sight'

const columns: readonly { readonly field: SortField; readonly text: string }[] = [
  { field: 'name', text: 'Experiment' },
  { field: 'status', text: 'Status' },
  { field: 'verdict', text: 'Verdict' },
  { field: 'traffic', text: 'Split and traffic' },
  { field: 'layer', text: 'Layer' },
  { field: 'owner', text: 'Owner' },
  { field: 'updated', text: 'Last change' },
]

const narrow = matchMedia('(max-width: 720px)')
const height = { wide: 56, narrow: 76 } as const

export interface RowsProps {
  readonly rows: readonly Row[]
  readonly glances: ReadonlyMap<string, Glance> | undefined
  readonly sort: Filter['sort']
  readonly selected: ReadonlySet<string>
  readonly onSort: (sort: Filter['sort']) => void
  readonly onSelect: (ids: readonly string[], on: boolean) => void
}

/**
 * Rows is the list itself: only the rows in sight are in the document; j and k walk it. It is drawn
 * anew when what it is given changes, not with each key of a search.
 */
export const Rows = memo(function Rows({ rows, glances, sort, selected, onSort, onSelect }: RowsProps) {
  const body = useRef<HTMLDivElement>(null)
  const small = useSyncExternalStore(onNarrow, () => narrow.matches)
  const size = small ? height.narrow : height.wide
  const { from, to, reveal } = useInSight(body, rows.length, size)

  const [at, setAt] = useState(-1)
  const walk = (to: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, to))
    setAt(next)
    reveal(next)
    body.current?.querySelector<HTMLElement>(`[aria-rowindex="${next + 2}"] a`)?.focus({ preventScroll: true })
  }
  useShortcuts({
    j: () => walk(at + 1),
    k: () => walk(at - 1),
    x: () => {
      const row = rows[at]
      if (row) onSelect([row.experiment.id], !selected.has(row.experiment.id))
    },
  })

  const every = rows.length > 0 && rows.every((row) => selected.has(row.experiment.id))
  const some = rows.some((row) => selected.has(row.experiment.id))
  return (
    <div className={styles.scroll}>
      <div className={styles.table} role="table" aria-label="Experiments" aria-rowcount={rows.length + 1}>
        <div role="rowgroup">
          <div className={`${styles.row} ${styles.head}`} role="row" aria-rowindex={1}>
            <span role="columnheader">
              <Check
                label="Select all that are shown"
                checked={every}
                mixed={some && !every}
                onChange={(on) =>
                  onSelect(
                    rows.map((row) => row.experiment.id),
                    on,
                  )
                }
              />
            </span>
            {columns.map((column) => (
              <Heading key={column.field} {...column} sort={sort} onSort={onSort} />
            ))}
          </div>
        </div>
        <div ref={body} className={styles.rows} role="rowgroup" style={{ height: rows.length * size }}>
          {rows.slice(from, to).map(({ experiment }, index) => {
            const place = from + index
            return (
              <div
                // A place keeps its element: with another order or search only the words in it change.
                key={place}
                className={`${styles.row} ${styles.item}`}
                role="row"
                aria-rowindex={place + 2}
                data-selected={selected.has(experiment.id)}
                style={{ transform: `translateY(${place * size}px)` }}
                onFocus={() => setAt(place)}
              >
                <Cells experiment={experiment} glance={glances?.get(experiment.id)} selected={selected.has(experiment.id)} onSelect={onSelect} />
              </div>
            )
          })}
        </div>
      </div>
    </div>
  )
})

function onNarrow(listener: () => void): () => void {
  narrow.addEventListener('change', listener)
  return () => narrow.removeEventListener('change', listener)
}

interface HeadingProps {
  readonly field: SortField
  readonly text: string
  readonly sort: Filter['sort']
  readonly onSort: (sort: Filter['sort']) => void
}

function Heading({ field, text, sort, onSort }: HeadingProps) {
  const up = sort === field
  const down = sort === `-${field}`
  return (
    <span role="columnheader" aria-sort={up ? 'ascending' : down ? 'descending' : 'none'}>
      <button type="button" onClick={() => onSort(up ? `-${field}` : field)}>
        {text}
        {up && <ArrowUp size={12} aria-hidden />}
        {down && <ArrowDown size={12} aria-hidden />}
      </button>
    </span>
  )
}

interface CheckProps {
  readonly label: string
  readonly checked: boolean
  readonly mixed?: boolean
  readonly onChange: (on: boolean) => void
}

function Check({ label, checked, mixed = false, onChange }: CheckProps) {
  return (
    <label className={styles.check}>
      <input
        type="checkbox"
        aria-label={label}
        checked={checked}
        ref={(input) => {
          if (input) input.indeterminate = mixed
        }}
        onChange={(event) => onChange(event.target.checked)}
      />
    </label>
  )
}

interface CellsProps {
  readonly experiment: Experiment
  readonly glance: Glance | undefined
  readonly selected: boolean
  readonly onSelect: RowsProps['onSelect']
}

const Cells = memo(function Cells({ experiment, glance, selected, onSelect }: CellsProps) {
  const change = glance?.last_change
  return (
    <>
      <span role="cell">
        <Check label={`Select ${experiment.name}`} checked={selected} onChange={(on) => onSelect([experiment.id], on)} />
      </span>
      <div role="cell" className="truncate">
        <Link href={`/console/experiments/${experiment.key}`} className={`${styles.name} truncate`} title={experiment.name}>
          {experiment.name}
        </Link>
        <span className={styles.key}>
          <span className="code truncate">{experiment.key}</span>
          {experiment.tags.slice(0, 2).map((tag) => (
            <span key={tag} className={styles.tag}>
              {tag}
            </span>
          ))}
          {experiment.tags.length > 2 && (
            <span className={styles.tag} title={experiment.tags.slice(2).join(', ')}>
              +{experiment.tags.length - 2}
            </span>
          )}
        </span>
      </div>
      <span role="cell">
        <StatusBadge status={experiment.status} />
      </span>
      <span role="cell" className="truncate">
        {glance?.verdict ? <VerdictMark verdict={glance.verdict} /> : <Nothing />}
      </span>
      <div role="cell">
        <Split experiment={experiment} />
      </div>
      <span role="cell" className="truncate soft" title={experiment.layer?.key}>
        {experiment.layer?.key ?? <Nothing />}
      </span>
      <span role="cell" className="truncate soft" title={experiment.owner}>
        {experiment.owner || <Nothing />}
      </span>
      <div role="cell" className={styles.change}>
        <Time at={change?.at ?? experiment.updated_at} />
        {change && (
          <p className="truncate" title={change.reason}>
            {eventWords(change.type)} by {change.actor}
          </p>
        )}
      </div>
    </>
  )
})

const Nothing = (): ReactNode => <span className="faint">–</span>

function Split({ experiment }: { readonly experiment: Experiment }) {
  const total = experiment.variations.reduce((sum, variation) => sum + variation.weight, 0) || 1
  const words = experiment.variations.map((variation) => `${variation.key} ${Number(((100 * variation.weight) / total).toFixed(2))}%`).join(', ')
  return (
    <>
      <div className={styles.split} role="img" aria-label={words} title={words}>
        {experiment.variations.map((variation, index) => (
          <span key={variation.key} style={{ flexGrow: variation.weight, background: variationColour(index) }} />
        ))}
      </div>
      <p className={styles.traffic}>{share(experiment.traffic_ppm)} of traffic</p>
    </>
  )
}
