import { ShieldHalf } from 'lucide-react'
import { holdoutsQuery, type Experiment, type Holdout } from '../api/queries'
import { lines, ppm } from '../resources/numbers'
import { NameFields } from '../resources/name-fields'
import { ResourcePage, type FormProps, type Resource } from '../resources/resource-page'
import styles from '../resources/resources.module.css'
import { UseCount, UsedBy } from '../resources/used-by'
import { Tag } from '../ui/badge'
import { Field, TextInput } from '../ui/field'
import { share } from '../ui/format'
import { Time } from '../ui/time'

interface Draft {
  readonly name: string
  readonly key: string
  readonly description: string
  readonly share: string
  readonly tags: string
  readonly experiments: string
  readonly unit_type: string
}

/** holds says whether an experiment is in a holdout's scope. */
const holds = (holdout: Holdout) => (experiment: Experiment): boolean => holdout.experiments.includes(experiment.key) || experiment.tags.some((tag) => holdout.tags.includes(tag))

const patchable = (draft: Draft): Readonly<Record<string, unknown>> => ({
  name: draft.name,
  description: draft.description,
  share_ppm: ppm(draft.share),
  tags: lines(draft.tags),
  experiments: lines(draft.experiments),
})

const resource: Resource<Holdout, Draft> = {
  title: 'Holdouts',
  about: 'A share of units that experiments leave alone, to see what all of them did together.',
  noun: 'holdout',
  icon: ShieldHalf,
  emptyText: 'Hold back five percent of units for a quarter, and measure what your experiments added up to.',
  path: '/holdouts',
  need: 'editor',
  columns: [
    { title: 'Held out', number: true, cell: (holdout) => share(holdout.share_ppm) },
    { title: 'Unit', cell: (holdout) => <code>{holdout.unit_type}</code> },
    {
      title: 'Scope',
      cell: (holdout) => (
        <span className="row" style={{ flexWrap: 'wrap' }}>
          {holdout.tags.map((tag) => (
            <Tag key={tag}>tag {tag}</Tag>
          ))}
          {holdout.experiments.map((key) => (
            <Tag key={key}>{key}</Tag>
          ))}
        </span>
      ),
    },
    { title: 'Experiments', number: true, cell: (holdout) => <UseCount uses={holds(holdout)} /> },
    { title: 'Changed', number: true, cell: (holdout) => <Time at={holdout.updated_at} /> },
  ],
  blank: { name: '', key: '', description: '', share: '5', tags: '', experiments: '', unit_type: '' },
  draftOf: (holdout) => ({
    name: holdout.name,
    key: holdout.key,
    description: holdout.description,
    share: String(holdout.share_ppm / 10_000),
    tags: holdout.tags.join(', '),
    experiments: holdout.experiments.join(', '),
    unit_type: holdout.unit_type,
  }),
  createBody: (draft) => ({ ...patchable(draft), key: draft.key, unit_type: draft.unit_type }),
  patchable,
  Form: HoldoutForm,
  Detail: ({ item }) => <UsedBy uses={holds(item)} none="No experiment is in its scope." />,
}

function HoldoutForm({ draft, set, problem, isNew }: FormProps<Draft>) {
  return (
    <>
      <NameFields draft={draft} set={set} problem={problem} isNew={isNew} example="First quarter" />
      <div className={styles.two}>
        <Field label="Held out, in percent" error={problem?.of('share_ppm')}>
          <TextInput inputMode="decimal" value={draft.share} onChange={(event) => set({ share: event.target.value })} />
        </Field>
        <Field label="Unit type" optional={isNew} error={problem?.of('unit_type')}>
          <TextInput code readOnly={!isNew} placeholder="user_id" value={draft.unit_type} onChange={(event) => set({ unit_type: event.target.value })} />
        </Field>
        <Field label="Experiments with the tags" optional hint="Separated by commas." error={problem?.of('tags')}>
          <TextInput value={draft.tags} placeholder="checkout, search" onChange={(event) => set({ tags: event.target.value })} />
        </Field>
        <Field label="And the experiments" optional hint="Keys, separated by commas." error={problem?.of('experiments')}>
          <TextInput code value={draft.experiments} onChange={(event) => set({ experiments: event.target.value })} />
        </Field>
      </div>
    </>
  )
}

export default function HoldoutsPage() {
  return <ResourcePage resource={resource} query={holdoutsQuery} />
}
