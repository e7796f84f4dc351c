import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { ScrollText, X } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useSearchParams } from 'wouter'
import { experimentsQuery, type Experiment } from '../api/queries'
import { withParams } from '../ui/address'
import { Button } from '../ui/button'
import { Field, Select, TextInput } from '../ui/field'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { asProblem } from '../api/client'
import { Empty, Failed, Loading, ProblemNote } from '../ui/states'
import { eventsQuery, filterNames, readFilter, type Filter } from './events'
import styles from './ledger.module.css'
import { Record } from './record'
import { Verification } from './verification'

const types: readonly (readonly [string, string])[] = [
  ['', 'Everything'],
  ['experiment.', 'Experiments'],
  ['experiment.status_changed', 'Switched on or off'],
  ['layer.', 'Layers'],
  ['holdout.', 'Holdouts'],
  ['segment.', 'Segments'],
  ['metric.', 'Metrics'],
  ['key.', 'Keys'],
  ['day.closed', 'Closings of days'],
]

const keysByStream = (experiments: readonly Experiment[]): ReadonlyMap<string, string> => new Map(experiments.map(({ id, key }) => [`experiment/${id}`, key]))

/** The ledger as a feed, the newest record first, and what the last verification of it said. */
export default function LedgerPage() {
  const [params, setParams] = useSearchParams()
  const filter = readFilter(params)
  const { data: keys } = useQuery({ ...experimentsQuery, select: keysByStream })
  const events = useInfiniteQuery({ ...eventsQuery(filter), retry: false })
  const change = (next: Partial<Filter>): void => setParams((now) => withParams(now, { ...next }), { replace: true })
  const items = events.data?.pages.flatMap((page) => page.items) ?? []
  const filtered = filterNames.some((name) => filter[name] !== '')
  return (
    <Page title="Ledger" about="Every action of every administrator, in order, each record holding a hash of the one before. All else is derived from it.">
      <div className="stack">
        <Verification />
        <div>
          <Filters filter={filter} filtered={filtered} onChange={change} onClear={() => setParams(new URLSearchParams(), { replace: true })} />
          <Panel flush>
            {events.error ? (
              asProblem(events.error).fields.length > 0 ? (
                <ProblemNote problem={asProblem(events.error)} />
              ) : (
                <Failed error={events.error} onRetry={() => void events.refetch()} />
              )
            ) : !events.data ? (
              <Loading lines={12} />
            ) : items.length === 0 && !events.hasNextPage ? (
              <Empty icon={ScrollText} title="No record fits">
                {filtered ? 'Nothing in the ledger fits these filters.' : 'The first command writes the first record.'}
              </Empty>
            ) : (
              <div tabIndex={0} role="region" aria-label="Records">
                <ol>
                  {items.map((event) => (
                    <Record key={event.position} event={event} found={filter.at === String(event.position)} keys={keys} />
                  ))}
                </ol>
                {events.hasNextPage && (
                  <div className={styles.more}>
                    <Button busy={events.isFetchingNextPage} onClick={() => void events.fetchNextPage()}>
                      Older records
                    </Button>
                  </div>
                )}
              </div>
            )}
          </Panel>
        </div>
      </div>
    </Page>
  )
}

interface FiltersProps {
  readonly filter: Filter
  readonly filtered: boolean
  readonly onChange: (next: Partial<Filter>) => void
  readonly onClear: () => void
}

function Filters({ filter, filtered, onChange, onClear }: FiltersProps) {
  return (
    <div className={`${styles.filters} no-print`} role="search">
      <Field label="What">
        <Select value={filter.type} onChange={(event) => onChange({ type: event.target.value, at: '' })}>
          {types.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </Select>
      </Field>
      <Typed label="By whom" placeholder="a key's name" value={filter.actor} onChange={(actor) => onChange({ actor, at: '' })} />
      <Typed label="Of what" placeholder="key or id" value={filter.stream} onChange={(stream) => onChange({ stream, at: '' })} />
      <Field label="From, UTC">
        <TextInput type="datetime-local" value={filter.from} onChange={(event) => onChange({ from: event.target.value, at: '' })} />
      </Field>
      <Field label="To, UTC">
        <TextInput type="datetime-local" value={filter.to} onChange={(event) => onChange({ to: event.target.value, at: '' })} />
      </Field>
      {filtered && (
        <Button kind="quiet" onClick={onClear}>
          <X size={14} aria-hidden />
          Clear
        </Button>
      )}
    </div>
  )
}

interface TypedProps {
  readonly label: string
  readonly placeholder: string
  readonly value: string
  readonly onChange: (value: string) => void
}

// Typed asks the server when typing rests.
function Typed({ label, placeholder, value, onChange }: TypedProps) {
  const [text, setText] = useState(value)
  useEffect(() => setText(value), [value])
  return (
    <Field label={label}>
      <TextInput
        value={text}
        placeholder={placeholder}
        onChange={(event) => setText(event.target.value)}
        onBlur={() => text !== value && onChange(text.trim())}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onChange(text.trim())
        }}
      />
    </Field>
  )
}
