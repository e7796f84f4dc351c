import { X } from 'lucide-react'
import { useEffect, useId, useRef, type FormEvent, type ReactNode } from 'react'
import { Button } from './button'
import styles from './dialog.module.css'

export interface DialogProps {
  readonly title: ReactNode
  readonly onClose: () => void
  readonly wide?: boolean
  /** Buttons. Those of type submit end the form that the dialog is. */
  readonly footer?: ReactNode
  readonly onSubmit?: () => void
  readonly children: ReactNode
}

/** Dialog is shown while it is rendered; Escape and a click beside it close it. */
export function Dialog({ title, onClose, wide = false, footer, onSubmit, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const element = dialog.current
    element?.showModal()
    // The first field, not the button that closes; autoFocus comes before the dialog is shown.
    const field = element?.querySelector<HTMLElement>('form :is(input:not([type=radio], [type=checkbox]), textarea, select)')
    ;(field ?? element?.querySelector<HTMLElement>('form :is(input, button)'))?.focus()
    return () => element?.close()
  }, [])

  const submit = (event: FormEvent): void => {
    event.preventDefault()
    event.stopPropagation()
    onSubmit?.()
  }
  return (
    <dialog
      ref={dialog}
      className={`${styles.dialog} ${wide ? styles.wide : ''}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <header className={styles.head}>
        <h2 id={titleId}>{title}</h2>
        <Button kind="quiet" size="small" icon label="Close" onClick={onClose}>
          <X size={16} aria-hidden />
        </Button>
      </header>
      <form onSubmit={submit} style={{ display: 'contents' }}>
        <div className={styles.body}>{children}</div>
        {footer !== undefined && <footer className={styles.foot}>{footer}</footer>}
      </form>
    </dialog>
  )
}
