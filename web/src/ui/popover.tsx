import * as Radix from '@radix-ui/react-popover'
import type { ReactNode } from 'react'
import styles from './popover.module.css'

/** Popover opens beside its trigger, a button, and holds what can be acted on. */
export function Popover({ trigger, label, children }: { readonly trigger: ReactNode; readonly label: string; readonly children: ReactNode }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.popover} sideOffset={5} collisionPadding={8} align="start" aria-label={label}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
