import type { TableHTMLAttributes } from 'react'
import styles from './table.module.css'

export interface TableProps extends TableHTMLAttributes<HTMLTableElement> {
  /** Has each row stand by itself on a phone; cells but the first then need a data-label, the column's name. */
  readonly stacked?: boolean
}

/** Table is a plain table; cells with data-number are set to the right. Give it a caption or aria-label. */
export function Table({ stacked = false, className, ...rest }: TableProps) {
  return <table {...rest} className={[styles.table, stacked && styles.stacked, className].filter(Boolean).join(' ')} />
}
