import { useState } from 'react'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import { Field, TextInput } from '../ui/field'
import { ReasonDialog } from '../ui/reason-dialog'
import { useTell } from '../ui/toast'

/** DeleteDialog deletes once the key was typed. */
export function DeleteDialog({ experiment, onDeleted, onClose }: { readonly experiment: Experiment; readonly onDeleted: () => void; readonly onClose: () => void }) {
  const permission = usePermission()
  const command = useCommand()
  const tell = useTell()
  const [typed, setTyped] = useState('')
  return (
    <ReasonDialog
      title={`Delete ${experiment.name}?`}
      verb="Delete"
      danger
      busy={command.isPending}
      problem={command.error}
      disabledBecause={!permission.allowed ? permission.why : typed !== experiment.key ? 'Type the key first.' : null}
      onClose={onClose}
      onConfirm={(reason) =>
        command.mutate(
          { method: 'DELETE', path: `/experiments/${experiment.id}`, reason },
          {
            onSuccess: () => {
              tell('Deleted', experiment.name)
              onDeleted()
            },
          },
        )
      }
    >
      <p className="soft">
        It leaves lists, counts and evaluation; programs that ask for it get their own default. Its records stay in the ledger.
        {experiment.status === 'active' && ' It is active: it is switched off first.'}
      </p>
      <Field label={<>Type the key, {experiment.key}</>}>
        <TextInput code value={typed} onChange={(event) => setTyped(event.target.value)} />
      </Field>
    </ReasonDialog>
  )
}
