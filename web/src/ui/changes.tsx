import type { Schemas } from '../api/client'
import styles from './changes.module.css'

export type FieldChange = Schemas['FieldChange']

/** Changes shows field by field what was and what is, side by side. */
export function Changes({ changes, before = 'Before', after = 'After' }: { readonly changes: readonly FieldChange[]; readonly before?: string; readonly after?: string }) {
  return (
    <table className={styles.table}>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">{before}</th>
          <th scope="col">{after}</th>
        </tr>
      </thead>
      <tbody>
        {changes.map((change) => (
          <tr key={change.path}>
            <td className={styles.path}>{change.path}</td>
            <Value value={change.old} tone={styles.old} />
            <Value value={change.new} tone={styles.new} />
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Value({ value, tone }: { readonly value: unknown; readonly tone: string | undefined }) {
  if (value === undefined || value === null) {
    return (
      <td>
        <span className={styles.none}>none</span>
      </td>
    )
  }
  return (
    <td className={tone}>
      <pre className={styles.value}>{typeof value === 'string' ? value : JSON.stringify(value, null, 1)}</pre>
    </td>
  )
}
