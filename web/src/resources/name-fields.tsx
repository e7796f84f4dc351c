import type { Problem } from '../api/client'
import { Field, TextArea, TextInput } from '../ui/field'
import styles from './resources.module.css'

interface Named {
  readonly name: string
  readonly key: string
  readonly description: string
}

export interface NameFieldsProps {
  readonly draft: Named
  readonly set: (change: Partial<Named>) => void
  readonly problem: Problem | null
  readonly isNew: boolean
  /** A name that one could have. */
  readonly example: string
}

/** NameFields are those that building blocks share: name, key and description. */
export function NameFields({ draft, set, problem, isNew, example }: NameFieldsProps) {
  return (
    <>
      <div className={styles.two}>
        <Field label="Name" error={problem?.of('name')}>
          <TextInput autoFocus value={draft.name} placeholder={example} onChange={(event) => set({ name: event.target.value })} />
        </Field>
        <Field label="Key" optional={isNew} hint={isNew ? 'Made from the name; never changes.' : 'Never changes.'} error={problem?.of('key')}>
          <TextInput code readOnly={!isNew} value={draft.key} onChange={(event) => set({ key: event.target.value })} />
        </Field>
      </div>
      <Field label="Description" optional error={problem?.of('description')}>
        <TextArea rows={2} value={draft.description} onChange={(event) => set({ description: event.target.value })} />
      </Field>
    </>
  )
}
