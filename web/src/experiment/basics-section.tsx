import type { ReactNode } from 'react'
import { Field, TextArea, TextInput } from '../ui/field'
import { Panel } from '../ui/panel'
import { useEditing, useError } from './editing'
import styles from './editor.module.css'
import { ListInput } from './list-input'

export function BasicsSection({ children }: { readonly children?: ReactNode }) {
  const { draft, problem } = useEditing()
  const { settings } = draft
  return (
    <Panel title="Basics" id="basics">
      <div className={styles.grid}>
        <Field label="Name" error={useError('name')}>
          <TextInput value={settings.name} maxLength={200} onChange={(event) => draft.set({ name: event.target.value })} />
        </Field>
        <Field label="Owner" optional error={useError('owner')}>
          <TextInput value={settings.owner} maxLength={200} onChange={(event) => draft.set({ owner: event.target.value })} />
        </Field>
        {children}
        <div className={styles.full}>
          <Field label="Hypothesis" hint="What do you expect, and why? Written before the first result, it keeps everybody honest." error={useError('hypothesis')}>
            <TextArea value={settings.hypothesis} maxLength={10_000} rows={2} onChange={(event) => draft.set({ hypothesis: event.target.value })} />
          </Field>
        </div>
        <div className={styles.full}>
          <Field label="Description" optional error={useError('description')}>
            <TextArea value={settings.description} maxLength={10_000} onChange={(event) => draft.set({ description: event.target.value })} />
          </Field>
        </div>
        <Field label="Tags" optional hint="Enter adds one." error={problem?.fields.find((fault) => fault.field.startsWith('tags'))?.problem}>
          <ListInput values={settings.tags} onChange={(tags) => draft.set({ tags: tags.filter((tag) => typeof tag === 'string') })} textOnly />
        </Field>
        <Field label="Unit" hint="The attribute that identifies what is randomised." error={useError('unit_type')}>
          <TextInput code value={settings.unit_type} maxLength={64} onChange={(event) => draft.set({ unit_type: event.target.value })} />
        </Field>
        {settings.salt !== undefined && (
          <Field label="Salt" hint="What assignment hashes with the unit. Another salt deals all units anew." error={useError('salt')}>
            <TextInput code value={settings.salt} maxLength={128} onChange={(event) => draft.set({ salt: event.target.value })} />
          </Field>
        )}
      </div>
    </Panel>
  )
}
