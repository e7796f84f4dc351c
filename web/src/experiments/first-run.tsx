import { useQuery } from '@tanstack/react-query'
import { Check } from 'lucide-react'
import { Link } from 'wouter'
import { keysQuery, metricsQuery, type Experiment } from '../api/queries'
import { useSession } from '../api/session'
import { Panel } from '../ui/panel'
import styles from './first-run.module.css'

/** FirstRun leads from an empty ledger to a first result. Its steps are done when the ledger says so. */
export function FirstRun({ experiments }: { readonly experiments: readonly Experiment[] }) {
  const { state } = useSession()
  const admin = state.kind === 'in' && state.identity.role === 'admin'
  const { data: metrics } = useQuery(metricsQuery)
  const { data: keys } = useQuery({ ...keysQuery, enabled: admin })
  const steps = [
    { title: 'Define a metric', about: 'What a better variation does more of: purchases, visits, revenue.', href: '/console/metrics', done: (metrics?.length ?? 0) > 0 },
    { title: 'Make a key for your program', about: 'The role client evaluates and tracks, server also fetches snapshots.', href: '/console/keys', done: keys?.some((key) => key.role === 'client' || key.role === 'server') ?? false },
    { title: 'Create an experiment', about: 'Two variations, one to one, are made for you. Say who it is for and what decides.', href: '/console/experiments/new', done: experiments.length > 0 },
    { title: 'Switch it on', about: 'From then on units get their variations, and what they do is counted.', href: experiments[0] ? `/console/experiments/${experiments[0].key}` : '/console/experiments', done: experiments.some((experiment) => experiment.ever_active === true) },
    { title: 'Ask what somebody gets', about: 'Type a unit and see its variation, and why, step by step.', href: '/console/explain', done: localStorage.getItem('assay.explained') !== null },
  ]
  return (
    <div className={styles.guide}>
      <Panel title="First steps">
        <ol className={styles.steps}>
          {steps.map((step, index) => (
            <li key={step.title} className={`${styles.step} ${step.done ? styles.done : ''}`}>
              <span className={styles.mark}>{step.done ? <Check size={13} aria-label="done" /> : index + 1}</span>
              <div>
                <h3>{step.title}</h3>
                <p className="soft">{step.about}</p>
              </div>
              {!step.done && <Link href={step.href}>Open</Link>}
            </li>
          ))}
        </ol>
      </Panel>
    </div>
  )
}
