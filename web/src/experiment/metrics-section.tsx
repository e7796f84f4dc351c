import { useQuery } from '@tanstack/react-query'
import { ArrowDown, ArrowUp, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Schemas } from '../api/client'
import { metricsQuery } from '../api/queries'
import { Button } from '../ui/button'
import { Field, Select } from '../ui/field'
import { Panel } from '../ui/panel'
import { useEditing } from './editing'
import styles from './editor.module.css'

type Use = Schemas['MetricUse']

const roles: readonly (readonly [Use['role'], string])[] = [
  ['primary', 'Primary: decides'],
  ['secondary', 'Secondary: informs'],
  ['guardrail', 'Guardrail: must not get worse'],
]

export function MetricsSection() {
  const { draft, problem } = useEditing()
  const { data: metrics = [] } = useQuery(metricsQuery)
  const uses = draft.settings.metrics
  const [picked, setPicked] = useState('')
  const unused = metrics.filter((metric) => !uses.some((use) => use.metric === metric.key))
  const pick = unused.find((metric) => metric.key === picked) ?? unused[0]
  const set = (next: readonly Use[]): void => draft.set({ metrics: next })
  const move = (i: number, by: -1 | 1): void => {
    const next = [...uses]
    const [taken] = next.splice(i, 1)
    if (taken) next.splice(i + by, 0, taken)
    set(next)
  }
  return (
    <Panel title="Metrics" id="metrics" about="What decides, and what must not get worse">
      <div className="stack">
        {uses.length > 0 && (
          <ol className={styles.metrics} aria-label="Metrics">
            {uses.map((use, i) => {
              const metric = metrics.find((each) => each.key === use.metric)
              const fault = problem?.fields.find((each) => each.field.startsWith(`metrics[${i}]`))
              const name = metric?.name ?? use.metric
              return (
                <li key={use.metric}>
                  <span className="grow">
                    <strong>{name}</strong> {metric && <span className="soft">{metric.kind}, to {metric.goal}</span>}
                    {fault && <span className={styles.fault}>{fault.problem}</span>}
                  </span>
                  <Select aria-label={`Role of ${name}`} value={use.role} onChange={(event) => set(uses.map((each, j) => (j === i ? { ...each, role: event.target.value as Use['role'] } : each)))}>
                    {roles.map(([role, text]) => (
                      <option key={role} value={role}>
                        {text}
                      </option>
                    ))}
                  </Select>
                  <span className={styles.rowActions}>
                    <Button kind="quiet" size="small" icon label={`Move ${name} up`} disabledBecause={i === 0 ? 'It is the first.' : null} onClick={() => move(i, -1)}>
                      <ArrowUp size={14} aria-hidden />
                    </Button>
                    <Button kind="quiet" size="small" icon label={`Move ${name} down`} disabledBecause={i === uses.length - 1 ? 'It is the last.' : null} onClick={() => move(i, 1)}>
                      <ArrowDown size={14} aria-hidden />
                    </Button>
                    <Button kind="quiet" size="small" icon label={`Remove ${name}`} onClick={() => set(uses.filter((_, j) => j !== i))}>
                      <Trash2 size={14} aria-hidden />
                    </Button>
                  </span>
                </li>
              )
            })}
          </ol>
        )}
        {metrics.length === 0 ? (
          <p className={`soft ${styles.links}`}>
            There are no metrics yet: <Link href="/console/metrics">define one</Link>.
          </p>
        ) : (
          <div className={styles.adding}>
            <Field label="Metric">
              <Select value={pick?.key ?? ''} onChange={(event) => setPicked(event.target.value)}>
                {unused.length === 0 && <option value="">All are in use</option>}
                {unused.map((metric) => (
                  <option key={metric.key} value={metric.key}>
                    {metric.name} ({metric.kind})
                  </option>
                ))}
              </Select>
            </Field>
            <Button
              disabledBecause={!pick ? 'All are in use.' : null}
              onClick={() => pick && set([...uses, { metric: pick.key, role: uses.some((use) => use.role === 'primary') ? 'secondary' : 'primary' }])}
            >
              Add the metric
            </Button>
          </div>
        )}
      </div>
    </Panel>
  )
}
