import { Users } from 'lucide-react'
import { segmentsQuery, type Experiment, type Segment } from '../api/queries'
import { lines } from '../resources/numbers'
import { NameFields } from '../resources/name-fields'
import { ResourcePage, type FormProps, type Resource } from '../resources/resource-page'
import styles from '../resources/resources.module.css'
import { UseCount, UsedBy } from '../resources/used-by'
import { Field, TextArea } from '../ui/field'
import { count } from '../ui/format'
import { Time } from '../ui/time'
import { Members } from './members'

interface Draft {
  readonly name: string
  readonly key: string
  readonly description: string
  readonly ids: string
}

/** looksInto says whether an experiment's audience or analysis names a segment. */
const looksInto = (segment: Segment) => (experiment: Experiment): boolean =>
  names(experiment.audience, segment.key) || (experiment.analysis.exclude?.includes(segment.key) ?? false)

function names(condition: unknown, key: string): boolean {
  if (typeof condition !== 'object' || condition === null) return false
  return Object.entries(condition).some(([name, value]) => ((name === '$inGroup' || name === '$notInGroup') && value === key) || names(value, key))
}

const patchable = (draft: Draft): Readonly<Record<string, unknown>> => ({ name: draft.name, description: draft.description })

const resource: Resource<Segment, Draft> = {
  title: 'Segments',
  about: 'Lists of up to a million ids that audiences look into: staff, testers, a customer’s people.',
  noun: 'segment',
  icon: Users,
  emptyText: 'Name the people that experiments should keep out of, or are for.',
  path: '/segments',
  need: 'editor',
  columns: [
    { title: 'Members', number: true, cell: (segment) => count(segment.size) },
    { title: 'Description', cell: (segment) => <span className="soft">{segment.description}</span> },
    { title: 'Experiments', number: true, cell: (segment) => <UseCount uses={looksInto(segment)} /> },
    { title: 'Changed', number: true, cell: (segment) => <Time at={segment.updated_at} /> },
  ],
  blank: { name: '', key: '', description: '', ids: '' },
  draftOf: (segment) => ({ name: segment.name, key: segment.key, description: segment.description, ids: '' }),
  createBody: (draft) => ({ ...patchable(draft), key: draft.key, ids: lines(draft.ids) }),
  patchable,
  Form: SegmentForm,
  Detail: ({ item }) => (
    <div className={styles.two}>
      <Members segment={item} />
      <UsedBy uses={looksInto(item)} none="No audience looks into it." />
    </div>
  ),
}

function SegmentForm({ draft, set, problem, isNew }: FormProps<Draft>) {
  return (
    <>
      <NameFields draft={draft} set={set} problem={problem} isNew={isNew} example="Staff" />
      {isNew && (
        <Field label="First members" optional hint="Unit ids, a line each, or separated by commas." error={problem?.of('ids')}>
          <TextArea code rows={5} value={draft.ids} onChange={(event) => set({ ids: event.target.value })} />
        </Field>
      )}
    </>
  )
}

export default function SegmentsPage() {
  return <ResourcePage resource={resource} query={segmentsQuery} />
}
