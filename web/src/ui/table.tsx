import type { TableHTMLAttributes } from 'react'
import styles from './table.module.css'

/** Table is a plain table; cells with data-number are set to the right. Give it a caption or aria-label. */
export function Table({ className, ...rest }: TableHTMLAttributes<HTMLTableElement>) {
  return <table {...rest} className={[styles.table, className].filter(Boolean).join(' ')} />
}
