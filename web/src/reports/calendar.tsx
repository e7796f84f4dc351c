import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { Link, useLocation } from 'wouter'
import { ledgerStartQuery } from '../history/start'
import { Badge } from '../ui/badge'
import { Button } from '../ui/button'
import { useDownloadCSV } from '../ui/download'
import { TextInput } from '../ui/field'
import { count, date } from '../ui/format'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Failed, Loading } from '../ui/states'
import { Table } from '../ui/table'
import { calendarQuery, dateOf, shift, yearLength, type DailySummary } from './daily'
import { Population } from './population'
import styles from './reports.module.css'
import { Year } from './year'

/** The calendar of daily reports: how much changed on each day of a year, and how many were active. */
export default function CalendarPage() {
  const { data: start } = useQuery(ledgerStartQuery)
  const [, navigate] = useLocation()
  const today = dateOf(Date.now())
  const yearAgo = shift(today, -yearLength)
  const from = start === undefined || dateOf(start) < yearAgo ? yearAgo : dateOf(start)
  const { data: days, error, refetch } = useQuery({ ...calendarQuery(from, today), enabled: start !== undefined })
  const download = useDownloadCSV()
  return (
    <Page
      title="Daily report"
      about="Exact by construction: each day closes once, by position in the ledger, and a final report never changes. Days are UTC."
      actions={
        <>
          <TextInput
            type="date"
            className={styles.day}
            aria-label="Open the report of a day"
            min={from}
            max={today}
            onChange={({ target }) => {
              if (target.value !== '' && target.validity.valid) navigate(`/console/reports/${target.value}`)
            }}
          />
          <Button onClick={() => download('/reports/daily', { from, to: today }, `assay-${from}-to-${today}.csv`)}>
            <Download size={15} aria-hidden />
            CSV
          </Button>
        </>
      }
    >
      {days ? (
        <div className="stack">
          <Panel title="Changes of status by day" about="The last year; choose a day to see its report" flush>
            <Year days={days} from={yearAgo} to={today} />
          </Panel>
          <Panel title="Active and inactive" about="At the end of each day">
            <Population days={days} />
          </Panel>
          <Panel title="Days" flush>
            <Days days={days} />
          </Panel>
        </div>
      ) : (
        <Panel>{error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={8} />}</Panel>
      )}
    </Page>
  )
}

const shown = 60

function Days({ days }: { readonly days: readonly DailySummary[] }) {
  const newest = days.toReversed().slice(0, shown)
  const largest = Math.max(1, ...newest.map((day) => day.total_changes))
  return (
    <div tabIndex={0} role="region" aria-label="Days">
      <Table aria-label="The newest days">
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">State</th>
            <th scope="col" data-number>
              Active
            </th>
            <th scope="col" data-number>
              Inactive
            </th>
            <th scope="col" data-number>
              Changed
            </th>
            <th scope="col" data-number>
              Changes
            </th>
            <th scope="col">
              <span className="visually-hidden">Changes drawn</span>
            </th>
            <th scope="col">Positions</th>
          </tr>
        </thead>
        <tbody>
          {newest.map((day) => (
            <tr key={day.date}>
              <td>
                <Link href={`/console/reports/${day.date}`}>{date(day.date)}</Link>
              </td>
              <td>
                <State final={day.final} />
              </td>
              <td data-number>{count(day.active)}</td>
              <td data-number>{count(day.inactive)}</td>
              <td data-number>{count(day.changed_experiments)}</td>
              <td data-number>{count(day.total_changes)}</td>
              <td style={{ width: 160 }}>{day.total_changes > 0 && <span className={styles.bar} style={{ width: `${(140 * day.total_changes) / largest}px` }} aria-hidden />}</td>
              <td className="soft numbers">{range(day)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
    </div>
  )
}

/** State says whether a day's report can still change. */
export function State({ final }: { readonly final: boolean }) {
  return <Badge tone={final ? 'good' : 'warn'}>{final ? 'Final' : 'Provisional'}</Badge>
}

/** range writes which records a day has. */
export function range(day: Pick<DailySummary, 'from_position' | 'to_position'>): string {
  return day.from_position > day.to_position ? 'none' : `${count(day.from_position)}–${count(day.to_position)}`
}
