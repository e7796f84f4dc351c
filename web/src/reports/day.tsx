import { useQuery } from '@tanstack/react-query'
import { CalendarOff, ChevronLeft, ChevronRight, Download, Printer } from 'lucide-react'
import { Link, useLocation, useParams } from 'wouter'
import type { DailyReport } from '../api/queries'
import { useShortcuts } from '../ui/keys'
import { Button, ButtonLink } from '../ui/button'
import { CopyButton } from '../ui/copy'
import { useDownloadCSV } from '../ui/download'
import { count, date as dateWords } from '../ui/format'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Empty, Failed, Loading } from '../ui/states'
import { Table } from '../ui/table'
import { range, State } from './calendar'
import { dailyQuery, dateOf, shift } from './daily'
import styles from './reports.module.css'

/** One day's report, and what proves it. */
export default function DayPage() {
  const { date = '' } = useParams<{ date: string }>()
  const [, navigate] = useLocation()
  const { data: report, error, refetch } = useQuery(dailyQuery(date))
  const download = useDownloadCSV()
  const valid = !Number.isNaN(Date.parse(date))
  const [before, after] = valid ? [`/console/reports/${shift(date, -1)}`, `/console/reports/${shift(date, 1)}`] : ['', '']
  const last = date >= dateOf(Date.now())
  useShortcuts({
    k: () => navigate(before),
    j: () => {
      if (!last) navigate(after)
    },
  })
  return (
    <Page
      narrow
      title={valid ? dateWords(date) : date}
      parent={{ href: '/console/reports', text: 'Daily report' }}
      beside={report && <State final={report.final} />}
      about={report && (report.final ? 'The day is closed: this report never changes.' : 'The day is not over: this report is as of now.')}
      actions={
        valid && (
          <>
            <ButtonLink href={before}>
              <ChevronLeft size={15} aria-hidden />
              Day before
            </ButtonLink>
            {last ? (
              <Button disabledBecause="This is the newest day.">
                Day after
                <ChevronRight size={15} aria-hidden />
              </Button>
            ) : (
              <ButtonLink href={after}>
                Day after
                <ChevronRight size={15} aria-hidden />
              </ButtonLink>
            )}
            <Button onClick={() => download(`/reports/daily/${date}`, {}, `assay-${date}.csv`)}>
              <Download size={15} aria-hidden />
              CSV
            </Button>
            <Button onClick={() => print()}>
              <Printer size={15} aria-hidden />
              Print
            </Button>
          </>
        )
      }
    >
      {report ? <Report report={report} /> : <Panel>{error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={6} />}</Panel>}
    </Page>
  )
}

function Report({ report }: { readonly report: DailyReport }) {
  return (
    <div className="stack">
      <div className={styles.figures}>
        <Figure n={report.active} text={report.final ? "active at the day's end" : 'active now'} />
        <Figure n={report.inactive} text={report.final ? "inactive at the day's end" : 'inactive now'} />
        <Figure n={report.changed_experiments} text="experiments changed" />
        <Figure n={report.total_changes} text="changes of status" />
      </div>
      <Panel title="What was switched" about="Changes of status; on and off again is two" flush>
        {report.experiments.length === 0 ? (
          <Empty icon={CalendarOff} title="Nothing was switched on this day" />
        ) : (
          <div tabIndex={0} role="region" aria-label="Experiments that changed">
            <Table aria-label="Experiments that changed">
              <thead>
                <tr>
                  <th scope="col">Experiment</th>
                  <th scope="col">Key</th>
                  <th scope="col" data-number>
                    Changes
                  </th>
                </tr>
              </thead>
              <tbody>
                {report.experiments.map((experiment) => (
                  <tr key={experiment.experiment_id}>
                    <td>
                      <Link href={`/console/experiments/${experiment.experiment_id}/history`}>{experiment.name}</Link>
                    </td>
                    <td className="code soft">{experiment.key}</td>
                    <td data-number>{count(experiment.changes)}</td>
                  </tr>
                ))}
              </tbody>
            </Table>
          </div>
        )}
      </Panel>
      <Panel title="What proves it">
        <dl className={styles.proof}>
          <dt>Records</dt>
          <dd className="numbers">{report.from_position > report.to_position ? 'none' : <Link href={`/console/ledger?at=${report.to_position}`}>{range(report)}</Link>}</dd>
          <dt>Checkpoint</dt>
          <dd className="row">
            <span className="code">{report.checkpoint}</span>
            <CopyButton text={report.checkpoint} label="Copy the checkpoint" />
          </dd>
          <dt>To check</dt>
          <dd className="row">
            <code>assay verify --checkpoint {report.checkpoint.slice(0, 24)}…</code>
            <CopyButton text={`assay verify --checkpoint ${report.checkpoint}`} label="Copy the command" />
          </dd>
        </dl>
      </Panel>
    </div>
  )
}

const Figure = ({ n, text }: { readonly n: number; readonly text: string }) => (
  <div className={styles.figure}>
    <b>{count(n)}</b>
    <span>{text}</span>
  </div>
)
