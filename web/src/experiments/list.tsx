import { useQuery } from '@tanstack/react-query'
import { FlaskConical, History, Plus, SearchX } from 'lucide-react'
import { useCallback, useMemo, useRef, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { usePermission } from '../api/permission'
import { experimentsAtQuery, experimentsQuery } from '../api/queries'
import { Moment } from '../history/moment'
import { ledgerStartQuery } from '../history/start'
import { withParams } from '../ui/address'
import { Button, ButtonLink } from '../ui/button'
import { count, dateTime } from '../ui/format'
import { useShortcuts } from '../ui/keys'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Empty, Failed, Loading, Note } from '../ui/states'
import { short } from '../verdict/verdict'
import { Bulk } from './bulk'
import { distinct, ordered, readFilter, rowsOf, select, writeFilter, type Filter } from './filter'
import { FirstRun } from './first-run'
import { overviewQuery } from './overview'
import { Rows } from './rows'
import styles from './list.module.css'
import { Toolbar } from './toolbar'

const newHref = '/console/experiments/new'

/** The list of experiments: search, filters and order are in the address. */
export default function ExperimentsPage() {
  const [params, setParams] = useSearchParams()
  const [, navigate] = useLocation()
  const permission = usePermission()
  const search = useRef<HTMLInputElement>(null)
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set())
  const at = Date.parse(params.get('at') ?? '')
  const moment = Number.isNaN(at) ? null : at
  const [travelling, setTravelling] = useState(moment !== null)
  const { data: start } = useQuery({ ...ledgerStartQuery, enabled: travelling })
  const now = useQuery({ ...experimentsQuery, enabled: moment === null })
  const then = useQuery({ ...experimentsAtQuery(moment ?? 0), enabled: moment !== null })
  const { data: experiments, error, refetch } = moment === null ? now : then
  const overview = useQuery({ ...overviewQuery, enabled: moment === null })
  const glances = moment === null ? overview.data : undefined

  const filter = useMemo(() => readFilter(params), [params])
  const change = useCallback((next: Partial<Filter>) => setParams((now) => writeFilter(now, next), { replace: true }), [setParams])
  const toMoment = useCallback(
    (to: number | null) => setParams((before) => withParams(before, { at: to === null ? null : new Date(to).toISOString() }), { replace: true }),
    [setParams],
  )
  useShortcuts({
    '/': () => search.current?.focus(),
    n: () => navigate(newHref),
  })

  const rows = useMemo(() => rowsOf(experiments ?? [], new Map(Array.from(glances ?? [], ([id, glance]) => [id, glance.verdict ? short(glance.verdict) : '']))), [experiments, glances])
  const inOrder = useMemo(() => ordered(rows, filter.sort), [rows, filter.sort])
  const shown = useMemo(() => select(inOrder, filter), [inOrder, filter])
  const sort = useCallback((sort: Filter['sort']) => change({ sort }), [change])
  const values = useMemo(() => {
    const all = experiments ?? []
    return { tags: distinct(all, (e) => e.tags), owners: distinct(all, (e) => [e.owner]), layers: distinct(all, (e) => [e.layer?.key]) }
  }, [experiments])
  const choose = useCallback((ids: readonly string[], on: boolean) => {
    setSelection((now) => {
      const next = new Set(now)
      for (const id of ids) {
        if (on) next.add(id)
        else next.delete(id)
      }
      return next
    })
  }, [])

  const active = experiments?.filter((experiment) => experiment.status === 'active').length ?? 0
  const create = permission.allowed ? (
    <ButtonLink kind="primary" href={newHref}>
      <Plus size={16} aria-hidden />
      New experiment
    </ButtonLink>
  ) : (
    <Button kind="primary" disabledBecause={permission.why}>
      <Plus size={16} aria-hidden />
      New experiment
    </Button>
  )
  return (
    <Page
      title="Experiments"
      about={experiments && `${count(active)} active, ${count(experiments.length - active)} inactive`}
      actions={
        <>
          <Button
            aria-pressed={travelling}
            onClick={() => {
              setTravelling(!travelling)
              if (travelling) toMoment(null)
            }}
          >
            <History size={15} aria-hidden />
            Go back in time
          </Button>
          {create}
        </>
      }
    >
      {travelling && (
        <div className={styles.past}>
          <Panel>{start === undefined ? <Loading lines={2} /> : <Moment from={start} value={moment} onChange={toMoment} />}</Panel>
          {moment !== null && <Note tone="accent">The list as it stood at {dateTime(moment)}. To change anything, go back to now.</Note>}
        </div>
      )}
      {experiments && experiments.length > 0 ? (
        <>
          <Toolbar filter={filter} {...values} found={shown.length} total={rows.length} search={search} onChange={change} />
          {shown.length > 0 ? (
            <Rows rows={shown} glances={glances} sort={filter.sort} selected={selection} onSort={sort} onSelect={choose} />
          ) : (
            <Panel>
              <Empty icon={SearchX} title="No experiment fits" actions={<Button onClick={() => setParams(new URLSearchParams(), { replace: true })}>Show all</Button>}>
                Nothing fits the search and the filters together.
              </Empty>
            </Panel>
          )}
          {moment === null && (
            <Bulk selected={experiments.filter((experiment) => selection.has(experiment.id))} onClear={() => setSelection(new Set())} />
          )}
        </>
      ) : (
        <Panel>
          {experiments ? (
            <Empty icon={FlaskConical} title="No experiments yet" actions={create}>
              An experiment asks a question: which of two or more variations does better? Create the first one; it stays off until you switch it on.
            </Empty>
          ) : error ? (
            <Failed error={error} onRetry={() => void refetch()} />
          ) : (
            <Loading lines={10} />
          )}
        </Panel>
      )}
      {moment === null && experiments && experiments.length < 3 && <FirstRun experiments={experiments} />}
    </Page>
  )
}
