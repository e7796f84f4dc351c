import type { ReactNode } from 'react'
import styles from './badge.module.css'

export type Tone = 'neutral' | 'good' | 'bad' | 'warn' | 'accent'

export function Badge({ tone = 'neutral', children, title }: { readonly tone?: Tone; readonly children: ReactNode; readonly title?: string }) {
  return (
    <span className={`${styles.badge} ${styles[tone] ?? ''}`} title={title}>
      {children}
    </span>
  )
}

/** StatusBadge says whether an experiment is evaluated. */
export function StatusBadge({ status }: { readonly status: 'active' | 'inactive' }) {
  const active = status === 'active'
  return (
    <Badge tone={active ? 'good' : 'neutral'}>
      <span className={`${styles.dot} ${active ? '' : styles.hollow}`} aria-hidden />
      {active ? 'Active' : 'Inactive'}
    </Badge>
  )
}

export function Tag({ children }: { readonly children: ReactNode }) {
  return <span className={`${styles.badge} ${styles.tag}`}>{children}</span>
}
