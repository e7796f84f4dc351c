import { Layers } from 'lucide-react'
import { layersQuery, type Layer } from '../api/queries'
import { NameFields } from '../resources/name-fields'
import { ResourcePage, type FormProps, type Resource } from '../resources/resource-page'
import { lines } from '../resources/numbers'
import styles from '../resources/resources.module.css'
import { Badge } from '../ui/badge'
import { Field, Select, TextArea, TextInput } from '../ui/field'
import { share } from '../ui/format'
import { Time } from '../ui/time'
import { Occupancy, OccupancyList } from './occupancy'

interface Draft {
  readonly name: string
  readonly key: string
  readonly description: string
  readonly mode: Layer['mode']
  readonly order: string
  readonly unit_type: string
}

const patchable = (draft: Draft): Readonly<Record<string, unknown>> => ({
  name: draft.name,
  description: draft.description,
  ...(draft.mode === 'ordered' && { order: lines(draft.order) }),
})

const resource: Resource<Layer, Draft> = {
  title: 'Layers',
  about: 'Experiments in one layer never share a unit: each owns slots of its own, or the first that takes a unit has it.',
  noun: 'layer',
  icon: Layers,
  emptyText: 'Put experiments that would disturb each other into one layer.',
  path: '/layers',
  need: 'editor',
  columns: [
    { title: 'Mode', cell: (layer) => <Badge>{layer.mode === 'random' ? 'Random' : 'Ordered'}</Badge> },
    { title: 'Unit', cell: (layer) => <code>{layer.unit_type}</code> },
    { title: 'Occupied', cell: (layer) => (layer.mode === 'random' ? <Occupancy layer={layer} /> : <span className="soft">{layer.order.join(' → ') || 'nobody yet'}</span>) },
    { title: 'Free', number: true, cell: (layer) => (layer.mode === 'random' ? share(layer.free_ppm ?? 1_000_000) : <span className="faint">–</span>) },
    { title: 'Changed', number: true, cell: (layer) => <Time at={layer.updated_at} /> },
  ],
  blank: { name: '', key: '', description: '', mode: 'random', order: '', unit_type: '' },
  draftOf: (layer) => ({ name: layer.name, key: layer.key, description: layer.description, mode: layer.mode, order: layer.order.join('\n'), unit_type: layer.unit_type }),
  createBody: (draft) => ({ ...patchable({ ...draft, mode: 'random' }), key: draft.key, mode: draft.mode, unit_type: draft.unit_type }),
  patchable,
  Form: LayerForm,
  Detail: ({ item }) => <OccupancyList layer={item} />,
}

function LayerForm({ draft, set, problem, isNew }: FormProps<Draft>) {
  return (
    <>
      <NameFields draft={draft} set={set} problem={problem} isNew={isNew} example="Checkout" />
      <div className={styles.two}>
        <Field label="Mode" hint={draft.mode === 'random' ? 'Each experiment owns a share of the slots.' : 'A unit goes to the first experiment, in order, that takes it.'} error={problem?.of('mode')}>
          <Select disabled={!isNew} value={draft.mode} onChange={(event) => set({ mode: event.target.value as Layer['mode'] })}>
            <option value="random">Random</option>
            <option value="ordered">Ordered</option>
          </Select>
        </Field>
        <Field label="Unit type" optional={isNew} error={problem?.of('unit_type')}>
          <TextInput code readOnly={!isNew} placeholder="user_id" value={draft.unit_type} onChange={(event) => set({ unit_type: event.target.value })} />
        </Field>
      </div>
      {!isNew && draft.mode === 'ordered' && (
        <Field label="Order" hint="Keys of its experiments, a line each, first come first." error={problem?.of('order')}>
          <TextArea code rows={5} value={draft.order} onChange={(event) => set({ order: event.target.value })} />
        </Field>
      )}
    </>
  )
}

export default function LayersPage() {
  return <ResourcePage resource={resource} query={layersQuery} />
}
