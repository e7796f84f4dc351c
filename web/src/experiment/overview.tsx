import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { Link } from 'wouter'
import { holdoutsQuery, layersQuery, metricsQuery, type Experiment } from '../api/queries'
import { Badge, StatusBadge } from '../ui/badge'
import { ButtonLink } from '../ui/button'
import { count, dateTime, percent, plural, share } from '../ui/format'
import { Panel } from '../ui/panel'
import { Failed, Loading } from '../ui/states'
import { Table } from '../ui/table'
import { Time } from '../ui/time'
import { VariationName } from '../ui/variation'
import { LayerBar, SplitBar } from './bars'
import { readCondition } from './condition'
import { latestQuery } from './history-query'
import type { JsonObject } from './json'
import { fieldName } from './settings'
import styles from './page.module.css'
import { Checks, useChecks } from './toggle-dialog'
import { ConditionWords } from './words'

/** Overview is what an experiment is and what of it runs now. */
export function Overview({ experiment }: { readonly experiment: Experiment }) {
  const path = `/console/experiments/${experiment.key}`
  const edit = (
    <ButtonLink href={`${path}/setup`} size="small">
      Edit
    </ButtonLink>
  )
  return (
    <div className={styles.columns}>
      <div className="stack">
        <Panel title="What it asks" actions={edit}>
          <div className="stack">
            {experiment.hypothesis ? <p className={styles.prose}>{experiment.hypothesis}</p> : <p className="soft">No hypothesis is written.</p>}
            {experiment.description && <p className={`${styles.prose} soft`}>{experiment.description}</p>}
          </div>
        </Panel>
        <Panel title={experiment.status === 'active' ? 'What runs now' : 'What would run'} about={`${share(experiment.traffic_ppm)} of the audience take part`}>
          <div className="stack">
            <SplitBar split={experiment.split} variations={experiment.variations} />
            <Variations experiment={experiment} />
            {experiment.layer && <LayerPart experiment={experiment} />}
          </div>
        </Panel>
        <Panel title="Who takes part">
          <Audience experiment={experiment} />
        </Panel>
      </div>
      <div className="stack">
        {experiment.status === 'inactive' && <Readiness experiment={experiment} />}
        <Decision experiment={experiment} />
        <LastChanges experiment={experiment} href={`${path}/history`} />
      </div>
    </div>
  )
}

function Readiness({ experiment }: { readonly experiment: Experiment }) {
  return (
    <Panel title="Before it is switched on">
      <Checks checks={useChecks(experiment)} />
    </Panel>
  )
}

function Variations({ experiment }: { readonly experiment: Experiment }) {
  return (
    <div className={styles.scroll} role="region" aria-label="Variations" tabIndex={0}>
      <Table aria-label="Variations">
        <thead>
          <tr>
            <th scope="col">Variation</th>
            <th scope="col">Value</th>
            <th scope="col" data-number>
              Weight
            </th>
            <th scope="col" data-number>
              Share
            </th>
            <th scope="col" data-number>
              Slots
            </th>
          </tr>
        </thead>
        <tbody>
          {experiment.variations.map((variation, i) => {
            const ranges = experiment.split.filter((part) => part.variation === variation.key)
            const held = ranges.reduce((sum, part) => sum + part.to - part.from, 0)
            return (
              <tr key={variation.key}>
                <td>
                  <VariationName index={i} name={variation.name} />
                  {variation.name !== variation.key && <code className="faint"> {variation.key}</code>}
                </td>
                <td>
                  <code>{brief(variation.value)}</code>
                </td>
                <td data-number>{count(variation.weight)}</td>
                <td data-number>{share(held)}</td>
                <td data-number title={ranges.map((part) => `${count(part.from)} to ${count(part.to - 1)}`).join(', ')}>
                  {count(held)}
                  <span className={styles.ranges}>{ranges.length <= 2 ? ranges.map((part) => `${count(part.from)}–${count(part.to - 1)}`).join(', ') : `${ranges.length} ranges`}</span>
                </td>
              </tr>
            )
          })}
        </tbody>
      </Table>
    </div>
  )
}

function brief(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}

function LayerPart({ experiment }: { readonly experiment: Experiment }) {
  const { data: layers } = useQuery(layersQuery)
  const layer = layers?.find((each) => each.key === experiment.layer?.key)
  if (!layer) return layers ? null : <Loading lines={1} />
  const held = (experiment.layer?.slots ?? []).reduce((sum, part) => sum + part.to - part.from, 0)
  return (
    <section className={styles.section}>
      <h3>
        Layer <Link href={`/console/layers?layer=${layer.key}`}>{layer.name}</Link>
        {layer.mode === 'ordered' ? `, place ${layer.order.indexOf(experiment.key) + 1} of ${layer.order.length}` : `: ${share(held)} of it, ${share(layer.free_ppm ?? 0)} is free`}
      </h3>
      {layer.mode === 'random' && <LayerBar occupancy={layer.occupancy ?? []} mine={experiment.layer?.slots ?? []} experiment={experiment.key} />}
    </section>
  )
}

function Audience({ experiment }: { readonly experiment: Experiment }) {
  const { data: holdouts } = useQuery(holdoutsQuery)
  const group = useMemo(() => readCondition(experiment.audience as JsonObject), [experiment.audience])
  const scoped = (holdouts ?? []).filter((holdout) => inScope(holdout, experiment))
  const overrides = Object.entries(experiment.overrides)
  return (
    <dl className={styles.facts}>
      <dt>Unit</dt>
      <dd>
        <code>{experiment.unit_type}</code>
      </dd>
      <dt>Audience</dt>
      <dd>
        <ConditionWords group={group} />
      </dd>
      <dt>Prerequisites</dt>
      <dd>
        {experiment.prerequisites.length === 0 && 'None'}
        {experiment.prerequisites.map((needed) => (
          <p key={needed.experiment} className={styles.links}>
            <Link href={`/console/experiments/${needed.experiment}`}>{needed.experiment}</Link> gives {needed.variations.join(' or ')}
          </p>
        ))}
      </dd>
      <dt>Held out</dt>
      <dd>{scoped.length === 0 ? 'Nobody' : scoped.map((holdout) => `${share(holdout.share_ppm)} by ${holdout.name}`).join(', ')}</dd>
      <dt>Overrides</dt>
      <dd>{overrides.length === 0 ? 'None' : overrides.length > 5 ? plural(overrides.length, 'unit') : overrides.map(([unit, key]) => <p key={unit}><code>{unit}</code> gets {key}</p>)}</dd>
    </dl>
  )
}

/** inScope says whether a holdout takes units from an experiment. */
export const inScope = (holdout: { readonly tags: readonly string[]; readonly experiments: readonly string[] }, experiment: { readonly key?: string; readonly tags: readonly string[] }): boolean =>
  holdout.tags.some((tag) => experiment.tags.includes(tag)) || (experiment.key !== undefined && holdout.experiments.includes(experiment.key))

const methods = { sequential: 'Sequential: always valid, may be looked at any day', fixed: 'Fixed: decided once, at the planned end', bayesian: 'Bayesian: chance to win and expected loss' } as const
const corrections = { none: 'none', holm: 'Holm', 'benjamini-hochberg': 'Benjamini-Hochberg' } as const
const roleTones = { primary: 'accent', secondary: 'neutral', guardrail: 'warn' } as const

function Decision({ experiment }: { readonly experiment: Experiment }) {
  const { data: metrics } = useQuery(metricsQuery)
  const { analysis, schedule, pending } = experiment
  const days = [analysis.min_days && `at least ${analysis.min_days}`, analysis.max_days && `at most ${analysis.max_days}`].filter(Boolean).join(', ')
  return (
    <Panel title="What decides">
      <dl className={styles.facts}>
        <dt>Metrics</dt>
        <dd>
          {experiment.metrics.length === 0 && <span className="soft">None</span>}
          {experiment.metrics.map((use) => (
            <p key={use.metric} className="row">
              {metrics?.find((metric) => metric.key === use.metric)?.name ?? use.metric} <Badge tone={roleTones[use.role]}>{use.role}</Badge>
            </p>
          ))}
        </dd>
        <dt>Method</dt>
        <dd>{methods[analysis.method]}</dd>
        <dt>Level</dt>
        <dd>
          α {analysis.alpha}, correction {corrections[analysis.correction]}
        </dd>
        <dt>Worth having</dt>
        <dd>
          {percent(analysis.mde ?? 0.05)} or more, found with {percent(analysis.power ?? 0.8, 0)} power
        </dd>
        <dt>Days</dt>
        <dd>{days || 'Open end'}</dd>
        {analysis.dimensions && (
          <>
            <dt>Dimensions</dt>
            <dd>{analysis.dimensions.join(', ')}</dd>
          </>
        )}
        <dt>Schedule</dt>
        <dd>
          {!schedule && 'By hand'}
          {schedule?.start_at && <p>On {dateTime(schedule.start_at)}{!pending?.start_at && ', settled'}</p>}
          {schedule?.stop_at && <p>Off {dateTime(schedule.stop_at)}{!pending?.stop_at && ', settled'}</p>}
        </dd>
      </dl>
    </Panel>
  )
}

function LastChanges({ experiment, href }: { readonly experiment: Experiment; readonly href: string }) {
  const { data: records, error, refetch } = useQuery(latestQuery(experiment.id, 5))
  return (
    <Panel
      title="Last changes"
      flush
      actions={
        <ButtonLink href={href} size="small">
          History
        </ButtonLink>
      }
    >
      {error && !records && <Failed error={error} onRetry={() => void refetch()} />}
      {!error && !records && <Loading lines={5} />}
      <ul className={styles.records}>
        {records?.map((record) => (
          <li key={record.version}>
            <span>{recordWords(record)}</span>
            {record.reason && <span className="soft">{record.reason}</span>}
            <span className={styles.line}>
              <span>{record.actor}</span>
              <Time at={record.at} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

/** recordWords says in a few words what a record did. */
export function recordWords(record: { readonly type: string; readonly new_status?: 'active' | 'inactive'; readonly changes: readonly { readonly path: string }[] }) {
  if (record.new_status) return <StatusBadge status={record.new_status} />
  if (record.type === 'experiment.created') return 'Created'
  if (record.type === 'experiment.deleted') return 'Deleted'
  const fields = [...new Set(record.changes.map((change) => fieldName(change.path.split('/')[1] ?? '')))].filter((name) => name !== 'split')
  return `Changed ${fields.join(', ')}`
}
