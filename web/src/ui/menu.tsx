import * as Radix from '@radix-ui/react-dropdown-menu'
import { Check, type LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import styles from './menu.module.css'

/** Menu drops down from its trigger, a button. */
export function Menu({ trigger, children, align = 'end' }: { readonly trigger: ReactNode; readonly children: ReactNode; readonly align?: 'start' | 'end' }) {
  return (
    // Not modal: the page's policy refuses the style element that locks its scroll.
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.menu} align={align} sideOffset={5} collisionPadding={8}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export interface MenuItemProps {
  readonly icon?: LucideIcon
  readonly onSelect: () => void
  readonly danger?: boolean
  readonly checked?: boolean
  readonly disabledBecause?: string | null | undefined
  readonly children: ReactNode
}

export function MenuItem({ icon: Icon, onSelect, danger = false, checked = false, disabledBecause, children }: MenuItemProps) {
  return (
    <Radix.Item className={`${styles.item} ${danger ? styles.danger : ''}`} disabled={Boolean(disabledBecause)} onSelect={onSelect}>
      {Icon && <Icon size={15} aria-hidden />}
      <span>
        {children}
        {disabledBecause && <span className={styles.why}>{disabledBecause}</span>}
      </span>
      {checked && <Check size={14} className={styles.check} aria-label="chosen" />}
    </Radix.Item>
  )
}

export const MenuLine = () => <Radix.Separator className={styles.line} />
export const MenuLabel = ({ children }: { readonly children: ReactNode }) => <Radix.Label className={styles.label}>{children}</Radix.Label>
