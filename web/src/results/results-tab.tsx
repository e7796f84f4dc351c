import { useQuery } from '@tanstack/react-query'
import { BarChart3, Pin } from 'lucide-react'
import { Fragment, useState } from 'react'
import { useSearchParams } from 'wouter'
import type { Experiment, Results } from '../api/queries'
import { withParams } from '../ui/address'
import { Button } from '../ui/button'
import { Choice, Select } from '../ui/field'
import { plural } from '../ui/format'
import { Panel } from '../ui/panel'
import { Empty, Failed, Loading, Note } from '../ui/states'
import { Checks } from './checks'
import { MetricTable } from './metric-table'
import styles from './results.module.css'
import { readAsk, resultsQuery, type Ask } from './results-query'
import { SeriesPanel } from './series-panel'
import { planWords, VerdictBanner } from './verdict-banner'

/** ResultsTab is what an experiment has shown, and what follows. */
export default function ResultsTab({ experiment }: { readonly experiment: Experiment }) {
  const [params, setParams] = useSearchParams()
  const ask = readAsk(params)
  const { data: results, error, refetch, isPlaceholderData } = useQuery(resultsQuery(experiment.id, ask))
  const change = (next: Partial<Ask>): void => setParams((now) => withParams(now, { ...next }))

  if (!results) return <Panel>{error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={10} />}</Panel>
  return (
    <div className="stack" aria-busy={isPlaceholderData}>
      <Controls experiment={experiment} results={results} ask={ask} onChange={change} />
      {ask.as_of !== '' && (
        <Note tone="accent">
          <div className={styles.pinned}>
            <Pin size={14} aria-hidden />
            <span>
              Pinned at <span className="code">{results.as_of}</span>: this address shows the same numbers for ever, to the last bit. SHA-256 <span className="code">{results.hash.slice(0, 16)}…</span>
            </span>
            <Button size="small" onClick={() => change({ as_of: '' })}>
              Back to now
            </Button>
          </div>
        </Note>
      )}
      <VerdictBanner results={results} ask={ask} onPin={() => change({ as_of: results.as_of })} />
      {results.plan.changed_since.length > 0 && (
        <Note tone="warn">
          Changed since the rule was fixed, and without effect on this phase: <span className="code">{results.plan.changed_since.join(', ')}</span>
        </Note>
      )}
      <Checks results={results} />
      <Body results={results} ask={ask} />
    </div>
  )
}

interface ControlsProps {
  readonly experiment: Experiment
  readonly results: Results
  readonly ask: Ask
  readonly onChange: (next: Partial<Ask>) => void
}

function Controls({ experiment, results, ask, onChange }: ControlsProps) {
  const phases = Array.from({ length: experiment.phase }, (_, i) => String(i + 1))
  const { dimensions } = results.plan
  if (phases.length < 2 && dimensions.length === 0) return null
  return (
    <div className="row no-print" style={{ flexWrap: 'wrap' }}>
      {phases.length > 1 &&
        (phases.length <= 5 ? (
          <Choice label="Phase" value={String(results.phase)} options={phases.map((phase) => ({ value: phase, text: `Phase ${phase}` }))} onChange={(phase) => onChange({ phase, as_of: '' })} />
        ) : (
          <Select aria-label="Phase" style={{ width: 'auto' }} value={String(results.phase)} onChange={(event) => onChange({ phase: event.target.value, as_of: '' })}>
            {phases.map((phase) => (
              <option key={phase} value={phase}>
                Phase {phase}
              </option>
            ))}
          </Select>
        ))}
      {dimensions.length > 0 && (
        <Select aria-label="Break down by" style={{ width: 'auto' }} value={ask.dimension} onChange={(event) => onChange({ dimension: event.target.value })}>
          <option value="">All units together</option>
          {dimensions.map((dimension) => (
            <option key={dimension} value={dimension}>
              By {dimension}
            </option>
          ))}
        </Select>
      )}
    </div>
  )
}

function Body({ results, ask }: { readonly results: Results; readonly ask: Ask }) {
  const [chosen, setChosen] = useState('')
  const first = results.metrics[0]
  if (!first) {
    return (
      <Panel>
        <Empty icon={BarChart3} title="No metrics are measured">
          Choose a primary metric in the setup, best before the experiment is switched on: only what was named before decides.
        </Empty>
      </Panel>
    )
  }
  const metric = results.metrics.some((m) => m.metric === chosen) ? chosen : first.metric
  return (
    <>
      <Panel title="Metrics" about="Lift over the control with its interval; all on one scale. Choose a metric to see its days." flush>
        <div tabIndex={0} role="region" aria-label="Metrics">
          <MetricTable results={results} metrics={results.metrics} chosen={metric} onChoose={setChosen} />
        </div>
      </Panel>
      <SeriesPanel results={results} ask={ask} metric={metric} />
      <Breakdown results={results} metric={metric} />
      <Panel title="The rule" about="Fixed by the record that first made the phase active">
        <dl className={styles.list} style={{ marginTop: 0, maxWidth: 420 }}>
          {planWords(results).map(([name, words]) => (
            <Fragment key={name}>
              <dt>{name}</dt>
              <dd>{words}</dd>
            </Fragment>
          ))}
        </dl>
      </Panel>
    </>
  )
}

// Breakdown shows the chosen metric by the values of the dimension, a row each.
function Breakdown({ results, metric }: { readonly results: Results; readonly metric: string }) {
  const { breakdown } = results
  if (!breakdown) return null
  const rows = breakdown.values.flatMap(({ value, metrics }) =>
    metrics.filter((m) => m.metric === metric).map((m) => ({ ...m, metric: value, name: value || 'not given' })),
  )
  const about = 'To explore: nothing here is corrected for looking at many groups, and no verdict follows from it.'
  const more = breakdown.more > 0 ? ` ${plural(breakdown.more, 'value')} with fewer units not shown.` : ''
  return (
    <Panel title={`${results.metrics.find((m) => m.metric === metric)?.name ?? metric} by ${breakdown.dimension}`} about={about + more} flush>
      <div tabIndex={0} role="region" aria-label={`By ${breakdown.dimension}`}>
        <MetricTable results={results} metrics={rows} rows={breakdown.dimension} />
      </div>
    </Panel>
  )
}
