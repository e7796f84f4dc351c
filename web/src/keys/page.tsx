import { KeyRound } from 'lucide-react'
import { useState } from 'react'
import { keysQuery, type Key } from '../api/queries'
import { lines } from '../resources/numbers'
import { ResourcePage, type FormProps, type Resource } from '../resources/resource-page'
import styles from '../resources/resources.module.css'
import { Badge, type Tone } from '../ui/badge'
import { Field, Select, TextArea, TextInput } from '../ui/field'
import { date } from '../ui/format'
import { Time, useNow } from '../ui/time'
import { Created, type NewKey } from './created'
import { useUsage } from './usage'

interface Draft {
  readonly name: string
  readonly key: string
  readonly role: Key['role']
  readonly origins: string
  readonly expires: string
}

const roles: Readonly<Record<Key['role'], readonly [Tone, string]>> = {
  client: ['neutral', 'Evaluate and track: for browsers and apps'],
  server: ['neutral', 'Snapshots and streams too: for servers and edges'],
  viewer: ['accent', 'Read everything here'],
  editor: ['accent', 'Change experiments and what they are made of'],
  admin: ['warn', 'Everything, keys included'],
}

const patchable = (draft: Draft): Readonly<Record<string, unknown>> => ({
  name: draft.name,
  origins: lines(draft.origins),
  expires_at: draft.expires === '' ? undefined : `${draft.expires}:00Z`,
})

const resource: Resource<Key, Draft> = {
  title: 'Keys',
  about: 'Who may ask and who may change. The key’s name is the actor in the ledger.',
  noun: 'key',
  icon: KeyRound,
  emptyText: 'A program that evaluates needs a key with the role client; one with an SDK needs server.',
  path: '/keys',
  need: 'admin',
  columns: [
    { title: 'Role', cell: (key) => <Badge tone={roles[key.role][0]}>{key.role}</Badge> },
    { title: 'Last used', cell: (key) => <LastUsed id={key.id} /> },
    { title: 'Expires', cell: (key) => <Expiry at={key.expires_at} /> },
    { title: 'Origins', cell: (key) => <span className="soft">{key.origins.join(', ') || 'any'}</span> },
    { title: 'Made', number: true, cell: (key) => <Time at={key.created_at} /> },
  ],
  blank: { name: '', key: '', role: 'client', origins: '', expires: '' },
  draftOf: (key) => ({ name: key.name, key: key.key, role: key.role, origins: key.origins.join('\n'), expires: key.expires_at?.slice(0, 16) ?? '' }),
  createBody: (draft) => ({ ...patchable(draft), key: draft.key, role: draft.role }),
  patchable,
  Form: KeyForm,
  deleteVerb: 'Revoke',
}

function LastUsed({ id }: { readonly id: string }) {
  const usage = useUsage()?.get(id)
  return usage ? <Time at={usage.last_seen_at} /> : <span className="faint">never seen</span>
}

function Expiry({ at }: { readonly at: string | undefined }) {
  const now = useNow()
  if (at === undefined) return <span className="faint">never</span>
  return Date.parse(at) <= now ? <Badge tone="bad">expired</Badge> : <>{date(at)}</>
}

function KeyForm({ draft, set, problem, isNew }: FormProps<Draft>) {
  return (
    <>
      <div className={styles.two}>
        <Field label="Name" hint="Whose it is: it stands in the ledger." error={problem?.of('name')}>
          <TextInput autoFocus value={draft.name} placeholder="checkout service" onChange={(event) => set({ name: event.target.value })} />
        </Field>
        <Field label="Role" hint={roles[draft.role][1]} error={problem?.of('role')}>
          <Select disabled={!isNew} value={draft.role} onChange={(event) => set({ role: event.target.value as Key['role'] })}>
            {Object.keys(roles).map((role) => (
              <option key={role}>{role}</option>
            ))}
          </Select>
        </Field>
        <Field label="Expires, UTC" optional error={problem?.of('expires_at')}>
          <TextInput type="datetime-local" value={draft.expires} onChange={(event) => set({ expires: event.target.value })} />
        </Field>
      </div>
      {draft.role === 'client' && (
        <Field label="Web origins" optional hint="Where browsers may use it from, a line each; none is anywhere." error={problem?.of('origins')}>
          <TextArea code rows={3} value={draft.origins} placeholder="https://shop.example" onChange={(event) => set({ origins: event.target.value })} />
        </Field>
      )}
    </>
  )
}

export default function KeysPage() {
  const [made, setMade] = useState<NewKey | null>(null)
  useUsage(5000)
  return (
    <>
      <ResourcePage resource={{ ...resource, onCreated: (answer) => setMade(answer as NewKey) }} query={keysQuery} />
      {made && <Created made={made} onClose={() => setMade(null)} />}
    </>
  )
}
