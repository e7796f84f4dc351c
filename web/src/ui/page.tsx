import { ChevronLeft } from 'lucide-react'
import { useEffect, type ReactNode } from 'react'
import { Link } from 'wouter'
import styles from './page.module.css'

export interface PageProps {
  readonly title: string
  /** What stands beside the title: status, badges. */
  readonly beside?: ReactNode
  readonly about?: ReactNode
  readonly actions?: ReactNode
  /** The page that this one belongs to. */
  readonly parent?: { readonly href: string; readonly text: string }
  readonly narrow?: boolean
  readonly children: ReactNode
}

/** Page is the frame of every page: its title names the document too. */
export function Page({ title, beside, about, actions, parent, narrow = false, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Assay`
  }, [title])
  return (
    <div className={`${styles.page} ${narrow ? styles.narrow : ''}`}>
      <header className={styles.head}>
        <div className={styles.titles}>
          {parent && (
            <nav className={styles.parent} aria-label="Breadcrumb">
              <Link href={parent.href}>
                <ChevronLeft size={14} aria-hidden />
                {parent.text}
              </Link>
            </nav>
          )}
          <div className={styles.title}>
            <h1>{title}</h1>
            {beside}
          </div>
          {about !== undefined && <p className={styles.about}>{about}</p>}
        </div>
        {actions !== undefined && <div className={`${styles.actions} no-print`}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}
