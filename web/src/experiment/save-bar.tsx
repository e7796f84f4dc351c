import type { ReactNode } from 'react'
import type { Problem } from '../api/client'
import { usePermission } from '../api/permission'
import { Button } from '../ui/button'
import { plural } from '../ui/format'
import { ProblemNote } from '../ui/states'
import { useEditing } from './editing'
import styles from './editor.module.css'
import { fieldName } from './settings'

const shown = 6

/** SaveBar stays in sight: what changed, what is wrong, and how to save. */
export function SaveBar({ problem, onSave, verb = 'Save…', children }: { readonly problem: Problem | null; readonly onSave: () => void; readonly verb?: string; readonly children?: ReactNode }) {
  const { draft, experiment } = useEditing()
  const permission = usePermission()
  if (!draft.dirty && experiment !== null) return null
  const unreadable = Object.keys(draft.texts)
  const fields = [...new Set([...draft.changes.map((change) => fieldName(change.path)), ...unreadable.map((field) => fieldName(field.split(/[.[/:]/)[0] ?? field))])]
  const why = !permission.allowed
    ? permission.why
    : unreadable.length > 0
      ? `Mend what cannot be read: ${unreadable.map((field) => field.replace(/[:/].*/, '')).join(', ')}.`
      : draft.settings.name.trim() === ''
        ? 'Give it a name first.'
        : draft.changes.length === 0 && experiment !== null
          ? 'Nothing would change.'
          : null
  return (
    <div className={styles.bar} role="region" aria-label="Changes">
      {children}
      {problem && <ProblemNote problem={problem} />}
      <div className={styles.line}>
        <p className={styles.what}>
          {experiment === null ? (
            <span className="soft">{draft.dirty ? 'Kept on this device until it is created.' : 'A name alone is enough.'}</span>
          ) : (
            <>
              <strong>{plural(fields.length, 'change')}</strong> <span className="soft">{fields.slice(0, shown).join(', ')}{fields.length > shown && ` and ${fields.length - shown} more`}</span>
            </>
          )}
        </p>
        {draft.dirty && <Button onClick={draft.discard}>Discard</Button>}
        <Button kind="primary" disabledBecause={why} onClick={onSave}>
          {verb}
        </Button>
      </div>
    </div>
  )
}
