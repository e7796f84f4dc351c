import { useState, type ReactNode } from 'react'
import type { Problem } from '../api/client'
import { Button } from './button'
import { Dialog } from './dialog'
import { Field, TextInput } from './field'
import { ProblemNote } from './states'

export interface ReasonDialogProps {
  readonly title: ReactNode
  /** What the button says: a verb. */
  readonly verb: string
  readonly danger?: boolean
  readonly wide?: boolean
  readonly busy?: boolean
  readonly problem?: Problem | null
  readonly disabledBecause?: string | null | undefined
  /** Whether to go on without words is allowed. */
  readonly required?: boolean
  readonly onConfirm: (reason: string) => void
  readonly onClose: () => void
  readonly children?: ReactNode
}

/** ReasonDialog asks why before a command is given: the ledger keeps the answer. */
export function ReasonDialog({ title, verb, danger = false, wide = false, busy = false, problem, disabledBecause, required = true, onConfirm, onClose, children }: ReasonDialogProps) {
  const [reason, setReason] = useState('')
  const [tried, setTried] = useState(false)
  const missing = required && reason.trim() === ''
  return (
    <Dialog
      title={title}
      wide={wide}
      onClose={onClose}
      onSubmit={() => {
        setTried(true)
        if (!missing && !busy && !disabledBecause) onConfirm(reason.trim())
      }}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" kind={danger ? 'danger' : 'primary'} busy={busy} disabledBecause={disabledBecause}>
            {verb}
          </Button>
        </>
      }
    >
      {children}
      <Field label="Reason" optional={!required} hint="Kept in the ledger with your name." error={tried && missing ? 'Say in a few words why.' : undefined}>
        <TextInput autoFocus value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {problem && <ProblemNote problem={problem} />}
    </Dialog>
  )
}
