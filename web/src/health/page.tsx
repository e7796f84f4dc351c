import { useQuery } from '@tanstack/react-query'
import { Radio } from 'lucide-react'
import { Badge } from '../ui/badge'
import { count, sentence } from '../ui/format'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Empty, Failed, Loading, Note } from '../ui/states'
import { Table } from '../ui/table'
import { Time } from '../ui/time'
import { Verification } from '../ledger/verification'
import styles from './health.module.css'
import { lagWords, stateWords, systemQuery, type State, type System } from './system'

const names: Readonly<Record<string, string>> = { postgres: 'Postgres', redis: 'Redis', memory: 'This server’s memory' }

/** How everything is: what it depends on, how far each replica and edge is, and what waits to be counted. */
export default function HealthPage() {
  const { data: system, error, refetch } = useQuery(systemQuery)
  return (
    <Page title="Health" about="What the installation depends on, and how far each part of it has come with the ledger." beside={system && <Badge tone={system.status === 'ready' ? 'good' : 'warn'}>{sentence(system.status)}</Badge>}>
      {system ? (
        <div className="stack">
          {system.source === 'memory' && (
            <Note tone="warn">
              Postgres does not answer: this is what {system.replica} remembers{system.read_at !== null && <>, of others as of <Time at={system.read_at} /></>}.
            </Note>
          )}
          <Dependencies system={system} />
          <Replicas system={system} />
          <Edges system={system} />
          <Projections system={system} />
          <Tracking system={system} />
          <Verification />
        </div>
      ) : (
        <Panel>{error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={8} />}</Panel>
      )}
    </Page>
  )
}

const Dot = ({ state }: { readonly state: State }) => <span className={`${styles.dot} ${styles[state]}`} aria-hidden />

function Dependencies({ system }: { readonly system: System }) {
  return (
    <div className={styles.parts}>
      {Object.entries(system.dependencies).map(([name, part]) => (
        <section key={name} className={styles.part}>
          <Dot state={part.state} />
          <h3>
            {names[name] ?? name}
            <span className={styles.word} data-state={part.state}>
              {stateWords[part.state]}
            </span>
          </h3>
          <p>{part.detail ?? (part.position > 0 ? `at ${count(part.position)}, ${lagWords(part.lag)}` : '')}</p>
        </section>
      ))}
    </div>
  )
}

function Replicas({ system }: { readonly system: System }) {
  return (
    <Panel title="Replicas" about="assay serve: the control plane, with an edge beside it" flush>
      <div tabIndex={0} role="region" aria-label="Replicas">
        <Table stacked aria-label="Replicas">
          <thead>
            <tr>
              <th scope="col">Server</th>
              <th scope="col">Version</th>
              <th scope="col" data-number>
                Position
              </th>
              <th scope="col">Lag</th>
              <th scope="col">Redis, as it sees it</th>
              <th scope="col" data-number>
                Listeners
              </th>
              <th scope="col" data-number>
                Started
              </th>
              <th scope="col" data-number>
                Heard of
              </th>
            </tr>
          </thead>
          <tbody>
            {system.replicas.map((replica) => (
              <tr key={replica.id}>
                <td>
                  <span className="code">{replica.id}</span>
                  {replica.id === system.replica && (
                    <span className={styles.me}>
                      <Badge tone="accent">answers you</Badge>
                    </span>
                  )}
                </td>
                <td data-label="Version" className="soft">{replica.version}</td>
                <td data-label="Position" data-number>{count(replica.position)}</td>
                <td data-label="Lag">{lagWords(replica.lag, replica.lag_seconds)}</td>
                <td data-label="Redis, as it sees it">{replica.redis ? `${stateWords[replica.redis.state]}, ${lagWords(replica.redis.lag, replica.redis.lag_seconds)}` : <span className="faint">none</span>}</td>
                <td data-label="Listeners" data-number>{count(replica.listeners)}</td>
                <td data-label="Started" data-number>
                  <Time at={replica.started_at} />
                </td>
                <td data-label="Heard of" data-number>
                  <Seen at={replica.seen_at} now={system.server_time} />
                </td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  )
}

function Edges({ system }: { readonly system: System }) {
  return (
    <Panel title="Edges" about="assay-edge: evaluation near those who ask" flush>
      {system.edges.length === 0 ? (
        <Empty icon={Radio} title="No edge has announced itself">
          Replicas evaluate too. assay-edge shows here within seconds of its start.
        </Empty>
      ) : (
        <div tabIndex={0} role="region" aria-label="Edges">
          <Table stacked aria-label="Edges">
            <thead>
              <tr>
                <th scope="col">Edge</th>
                <th scope="col">Version</th>
                <th scope="col" data-number>
                  Position
                </th>
                <th scope="col">Lag</th>
                <th scope="col">Fed by</th>
                <th scope="col" data-number>
                  Listeners
                </th>
                <th scope="col" data-number>
                  Started
                </th>
                <th scope="col" data-number>
                  Heard of
                </th>
              </tr>
            </thead>
            <tbody>
              {system.edges.map((edge) => (
                <tr key={edge.id}>
                  <td className="code">{edge.id}</td>
                  <td data-label="Version" className="soft">{edge.version}</td>
                  <td data-label="Position" data-number>{count(edge.position)}</td>
                  <td data-label="Lag">{lagWords(edge.lag)}</td>
                  <td data-label="Fed by">
                    {edge.source} {edge.stale && <Badge tone="warn">stale</Badge>}
                  </td>
                  <td data-label="Listeners" data-number>{count(edge.listeners)}</td>
                  <td data-label="Started" data-number>
                    <Time at={edge.started_at} />
                  </td>
                  <td data-label="Heard of" data-number>
                    <Seen at={edge.seen_at} now={system.server_time} />
                  </td>
                </tr>
              ))}
            </tbody>
          </Table>
        </div>
      )}
    </Panel>
  )
}

const silence = 15_000 // milliseconds: three announcements missed

function Seen({ at, now }: { readonly at: string; readonly now: string }) {
  const silent = Date.parse(now) - Date.parse(at) > silence
  return (
    <span className={silent ? styles.old : undefined}>
      <Time at={at} />
    </span>
  )
}

const projectionNames: Readonly<Record<string, string>> = { read_models: 'Read models in Postgres', memory: 'Memory of replicas', redis: 'Redis' }

function Projections({ system }: { readonly system: System }) {
  return (
    <Panel title="Projections" about="What is derived from the ledger, and can be derived again" flush>
      <div tabIndex={0} role="region" aria-label="Projections">
        <Table stacked aria-label="Projections">
          <thead>
            <tr>
              <th scope="col">Projection</th>
              <th scope="col">State</th>
              <th scope="col" data-number>
                Position
              </th>
              <th scope="col">Lag</th>
              <th scope="col">Kept by</th>
            </tr>
          </thead>
          <tbody>
            {system.projections.map((projection) => (
              <tr key={`${projection.name} ${projection.runner ?? ''}`}>
                <td>{projectionNames[projection.name] ?? projection.name}</td>
                <td data-label="State">
                  <span className="row">
                    <Dot state={projection.state} />
                    {stateWords[projection.state]}
                  </span>
                </td>
                <td data-label="Position" data-number>{count(projection.position)}</td>
                <td data-label="Lag">{lagWords(projection.lag, projection.lag_seconds)}</td>
                <td data-label="Kept by" className="code soft">{projection.runner ?? 'all'}</td>
              </tr>
            ))}
          </tbody>
        </Table>
      </div>
    </Panel>
  )
}

function Tracking({ system }: { readonly system: System }) {
  const { tracking } = system
  const rejected = Object.entries(tracking.rejected)
  return (
    <Panel title="Tracking" about="Batches of events that came in, and what became of them">
      <div className={styles.figures}>
        <Figure n={tracking.head} text="stored" />
        <Figure n={tracking.position} text="counted" />
        <Figure n={tracking.backlog} text="waiting to be counted" />
        {rejected.map(([reason, n]) => (
          <Figure key={reason} n={n} text={`events rejected: ${reason.replaceAll('_', ' ')}`} />
        ))}
      </div>
    </Panel>
  )
}

const Figure = ({ n, text }: { readonly n: number | null; readonly text: string }) => (
  <div className={styles.figure}>
    <b>{n === null ? '–' : count(n)}</b>
    <span>{text}</span>
  </div>
)
