import { CircleAlert, Info, TriangleAlert, CircleCheck, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import { asProblem, type Problem } from '../api/client'
import { Button } from './button'
import styles from './states.module.css'

export interface EmptyProps {
  readonly icon: LucideIcon
  readonly title: string
  readonly children?: ReactNode
  readonly actions?: ReactNode
}

/** Empty says that there is nothing yet, and what to do about it. */
export function Empty({ icon: Icon, title, children, actions }: EmptyProps) {
  return (
    <div className={styles.empty}>
      <Icon size={28} strokeWidth={1.5} aria-hidden />
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </div>
  )
}

const noteIcons = { neutral: Info, accent: Info, good: CircleCheck, warn: TriangleAlert, bad: CircleAlert } as const

export function Note({ tone = 'neutral', children }: { readonly tone?: keyof typeof noteIcons; readonly children: ReactNode }) {
  const Icon = noteIcons[tone]
  return (
    <div className={`${styles.note} ${styles[tone] ?? ''}`} role={tone === 'bad' ? 'alert' : undefined}>
      <Icon size={15} aria-hidden />
      <div className="grow">{children}</div>
    </div>
  )
}

/** ProblemNote shows what the server refused, each field by name. */
export function ProblemNote({ problem }: { readonly problem: Problem }) {
  return (
    <Note tone="bad">
      <strong>{problem.title}</strong>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.fields.length > 0 && (
        <ul>
          {problem.fields.map((field) => (
            <li key={field.field}>
              <code>{field.field}</code> {field.problem}
            </li>
          ))}
        </ul>
      )}
    </Note>
  )
}

/** Failed stands where something could not be read. */
export function Failed({ error, onRetry }: { readonly error: unknown; readonly onRetry?: () => void }) {
  const problem = asProblem(error)
  return (
    <Empty icon={CircleAlert} title={problem.status === 404 ? 'There is no such thing' : problem.title} actions={onRetry && <Button onClick={onRetry}>Try again</Button>}>
      {problem.detail}
    </Empty>
  )
}

/** Loading keeps the place of what is being read. */
export function Loading({ lines = 4 }: { readonly lines?: number }) {
  return (
    <div className={styles.lines} role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        <div key={i} className={styles.skeleton} style={{ width: `${92 - ((i * 23) % 50)}%` }} />
      ))}
    </div>
  )
}
