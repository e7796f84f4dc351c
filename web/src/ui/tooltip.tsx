import * as Radix from '@radix-ui/react-tooltip'
import type { ReactNode } from 'react'
import styles from './tooltip.module.css'

/** Tooltip explains what it stands around, which must be able to take the focus. */
export function Tooltip({ text, children }: { readonly text: ReactNode; readonly children: ReactNode }) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.tip} sideOffset={5} collisionPadding={8}>
          {text}
          <Radix.Arrow className={styles.arrow} />
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export const TooltipProvider = Radix.Provider
