import type { ButtonHTMLAttributes, ReactNode } from 'react'
import { Link } from 'wouter'
import styles from './button.module.css'
import { Tooltip } from './tooltip'

interface Look {
  readonly kind?: 'plain' | 'primary' | 'danger' | 'quiet'
  readonly size?: 'normal' | 'small'
  /** An icon alone; label then names it. */
  readonly icon?: boolean
}

export interface ButtonProps extends Look, Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled'> {
  /** What an icon's button is called, and its tooltip. */
  readonly label?: string
  /** Why it cannot be used now: it stays in reach of the keyboard and says so. */
  readonly disabledBecause?: string | null | undefined
  readonly busy?: boolean
}

const look = ({ kind = 'plain', size = 'normal', icon = false }: Look, ...more: (string | false | undefined)[]): string =>
  [styles.button, styles[kind], size === 'small' && styles.small, icon && styles.icon, ...more].filter(Boolean).join(' ')

export function Button({ kind, size, icon, label, disabledBecause, busy = false, className, onClick, type = 'button', ...rest }: ButtonProps) {
  const off = busy || Boolean(disabledBecause)
  const button = (
    <button
      {...rest}
      type={type}
      aria-label={label}
      aria-disabled={off || undefined}
      aria-busy={busy || undefined}
      className={look({ ...(kind && { kind }), ...(size && { size }), ...(icon && { icon }) }, busy && styles.busy, className)}
      onClick={(event) => {
        if (off) event.preventDefault()
        else onClick?.(event)
      }}
    />
  )
  const tip = disabledBecause || (icon ? label : undefined)
  return tip ? <Tooltip text={tip}>{button}</Tooltip> : button
}

/** ButtonLink looks like a button and goes to a page. */
export function ButtonLink({ href, children, ...rest }: Look & { readonly href: string; readonly children: ReactNode }) {
  return (
    <Link href={href} className={look(rest)}>
      {children}
    </Link>
  )
}
