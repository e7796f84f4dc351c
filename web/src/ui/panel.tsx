import type { ReactNode } from 'react'
import styles from './panel.module.css'

export interface PanelProps {
  readonly title?: ReactNode
  /** A line beside the title. */
  readonly about?: ReactNode
  readonly actions?: ReactNode
  /** For tables: no padding, and a scroll of its own. */
  readonly flush?: boolean
  readonly id?: string
  readonly children: ReactNode
}

export function Panel({ title, about, actions, flush = false, id, children }: PanelProps) {
  return (
    <section className={styles.panel} id={id}>
      {title !== undefined && (
        <header className={styles.head}>
          <div>
            <h2>{title}</h2>
            {about !== undefined && <p className={styles.about}>{about}</p>}
          </div>
          {actions !== undefined && <div className="row">{actions}</div>}
        </header>
      )}
      <div className={flush ? styles.flush : styles.body}>{children}</div>
    </section>
  )
}
