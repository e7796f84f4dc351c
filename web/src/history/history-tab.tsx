import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useCallback, useMemo } from 'react'
import { useSearchParams } from 'wouter'
import { get } from '../api/client'
import type { Experiment, HistoryEntry } from '../api/queries'
import { withParams } from '../ui/address'
import { Button } from '../ui/button'
import { Select } from '../ui/field'
import { Panel } from '../ui/panel'
import { Failed, Loading } from '../ui/states'
import { AsItStood } from './as-it-stood'
import styles from './history.module.css'
import { Moment } from './moment'
import { Timeline } from './timeline'

const pageSize = 100

interface Page {
  readonly items: readonly HistoryEntry[]
  readonly next_cursor: string | null
}

const types: readonly (readonly [string, string])[] = [
  ['', 'All records'],
  ['experiment.changed', 'Edits'],
  ['experiment.status_changed', 'Switched on or off'],
]

/** HistoryTab is all that was ever done to an experiment, and how it stood at any moment. */
export default function HistoryTab({ experiment }: { readonly experiment: Experiment }) {
  const [params, setParams] = useSearchParams()
  const type = params.get('type') ?? ''
  const at = Date.parse(params.get('at') ?? '')
  const moment = Number.isNaN(at) ? null : at
  const set = useCallback(
    (name: string, value: string | null) => setParams((now) => withParams(now, { [name]: value }), { replace: true }),
    [setParams],
  )
  const toMoment = useCallback((to: number | null) => set('at', to === null ? null : new Date(to).toISOString()), [set])

  const history = useInfiniteQuery({
    queryKey: ['ledger', 'history', experiment.id, type],
    queryFn: ({ pageParam, signal }) => get<Page>(`/experiments/${experiment.id}/history`, { type, limit: pageSize, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  })
  const past = useQuery({
    queryKey: ['past', experiment.id, moment],
    queryFn: ({ signal }) => get<Experiment>(`/experiments/${experiment.id}`, { at: new Date(moment ?? 0).toISOString() }, signal),
    enabled: moment !== null,
    placeholderData: keepPreviousData,
  })
  const entries = useMemo(() => history.data?.pages.flatMap((page) => page.items) ?? [], [history.data])
  // A record's time has microseconds: the millisecond after it surely holds it.
  const marks = useMemo(() => entries.map((entry) => Date.parse(entry.at) + 1).toReversed(), [entries])
  const shown = moment === null ? experiment : past.data

  return (
    <div className={styles.layout}>
      <Panel
        title="Timeline"
        actions={
          <Select aria-label="Which records" style={{ width: 'auto' }} value={type} onChange={(event) => set('type', event.target.value)}>
            {types.map(([value, text]) => (
              <option key={value} value={value}>
                {text}
              </option>
            ))}
          </Select>
        }
      >
        {history.data ? (
          <>
            <Timeline entries={entries} shownVersion={moment === null ? null : (shown?.version ?? null)} onShow={(entry) => toMoment(Date.parse(entry.at) + 1)} />
            {history.hasNextPage && (
              <Button busy={history.isFetchingNextPage} onClick={() => void history.fetchNextPage()}>
                Older records
              </Button>
            )}
          </>
        ) : history.error ? (
          <Failed error={history.error} onRetry={() => void history.refetch()} />
        ) : (
          <Loading lines={8} />
        )}
      </Panel>
      <div className={`${styles.sticky} stack`}>
        <Panel title="At any moment" about="How the experiment stood then, as the ledger has it">
          <Moment from={Date.parse(experiment.created_at) + 1} value={moment} marks={marks} onChange={toMoment} />
        </Panel>
        <Panel title={moment === null ? 'Now' : shown ? `Version ${shown.version}` : 'Then'}>
          {shown ? <AsItStood then={shown} now={experiment} /> : past.error ? <Failed error={past.error} /> : <Loading />}
        </Panel>
      </div>
    </div>
  )
}
