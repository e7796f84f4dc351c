import { Gauge } from 'lucide-react'
import { metricsQuery, type Metric } from '../api/queries'
import { ResourcePage, type Resource } from '../resources/resource-page'
import { UseCount, UsedBy } from '../resources/used-by'
import { Badge } from '../ui/badge'
import { Time } from '../ui/time'
import { blank, draftOf, patchable, type Draft } from './draft'
import { MetricForm } from './form'
import { kinds } from './kinds'

const resource: Resource<Metric, Draft> = {
  title: 'Metrics',
  about: 'What experiments are judged by. A metric that is added later is counted from all that was tracked before.',
  noun: 'metric',
  icon: Gauge,
  emptyText: 'A metric says which event counts, and how: the share that purchased, the revenue of a user, the load time of nine in ten.',
  path: '/metric-definitions',
  need: 'editor',
  columns: [
    { title: 'Kind', cell: (metric) => <Badge>{kinds[metric.kind].text}</Badge> },
    { title: 'Event', cell: (metric) => <code>{metric.denominator ? `${metric.event} / ${metric.denominator}` : metric.event}</code> },
    { title: 'Better is', cell: (metric) => (metric.goal === 'increase' ? 'more' : 'less') },
    { title: 'Window', number: true, cell: (metric) => (metric.window_hours ? `${metric.window_hours} h` : <span className="faint">open</span>) },
    { title: 'CUPED', cell: (metric) => (metric.cuped ? `${metric.lookback_days ?? ''} days` : <span className="faint">–</span>) },
    { title: 'Experiments', number: true, cell: (metric) => <UseCount uses={(experiment) => experiment.metrics.some((use) => use.metric === metric.key)} /> },
    { title: 'Changed', number: true, cell: (metric) => <Time at={metric.updated_at} /> },
  ],
  blank,
  draftOf,
  createBody: (draft) => ({ key: draft.key, ...patchable(draft) }),
  patchable,
  Form: MetricForm,
  Detail: ({ item }) => <UsedBy uses={(experiment) => experiment.metrics.some((use) => use.metric === item.key)} none="No experiment measures it." />,
}

export default function MetricsPage() {
  return <ResourcePage resource={resource} query={metricsQuery} />
}
