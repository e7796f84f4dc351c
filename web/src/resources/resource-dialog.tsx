import { useState } from 'react'
import { Trash2 } from 'lucide-react'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import { useUnsavedGuard } from '../shell/guard'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Field, TextInput } from '../ui/field'
import { ReasonDialog } from '../ui/reason-dialog'
import { Note, ProblemNote } from '../ui/states'
import { useTell } from '../ui/toast'
import type { Entity, Resource } from './resource-page'
import styles from './resources.module.css'

export interface ResourceDialogProps<T extends Entity, D extends object> {
  readonly resource: Resource<T, D>
  /** null makes a new one. */
  readonly item: T | null
  readonly onClose: () => void
}

/** ResourceDialog makes or changes one building block; what was typed outlives refetches and faults. */
export function ResourceDialog<T extends Entity, D extends object>({ resource, item, onClose }: ResourceDialogProps<T, D>) {
  // What the form began with: the version that a save is conditional on.
  const [base] = useState(item)
  const [before] = useState(() => (item ? resource.draftOf(item) : resource.blank))
  const [draft, setDraft] = useState(before)
  const [reason, setReason] = useState('')
  const [deleting, setDeleting] = useState(false)
  const permission = usePermission(resource.need)
  const command = useCommand()
  const tell = useTell()
  const change = item ? differing(resource.patchable(before), resource.patchable(draft)) : null
  const changed = change === null ? JSON.stringify(draft) !== JSON.stringify(before) : Object.keys(change).length > 0
  useUnsavedGuard(changed)

  const close = (): void => {
    if (!changed || confirm('There are changes that were not saved. Leave them?')) onClose()
  }
  const save = (): void => {
    command.mutate(base ? { method: 'PATCH', path: `${resource.path}/${base.id}`, body: change, ifVersion: base.version, reason } : { method: 'POST', path: resource.path, body: withoutEmpty(resource.createBody(draft)), reason }, {
      onSuccess: ({ data, position }) => {
        tell(base ? `Saved ${base.name}` : `Made the ${resource.noun}`, `Position ${position}`)
        onClose()
        if (!base) resource.onCreated?.(data)
      },
    })
  }
  const why = !permission.allowed ? permission.why : !changed ? 'Nothing is changed yet.' : null
  const moved = item !== null && base !== null && item.version !== base.version
  return (
    <Dialog
      wide
      title={base ? base.name : `New ${resource.noun}`}
      onClose={close}
      onSubmit={() => {
        if (why === null && !command.isPending) save()
      }}
      footer={
        <>
          {base && (
            <span className={styles.foot}>
              <Button kind="quiet" disabledBecause={permission.allowed ? null : permission.why} onClick={() => setDeleting(true)}>
                <Trash2 size={15} aria-hidden />
                {resource.deleteVerb ?? 'Delete'}…
              </Button>
            </span>
          )}
          <Button onClick={close}>Cancel</Button>
          <Button kind="primary" type="submit" busy={command.isPending} disabledBecause={why}>
            {base ? 'Save' : 'Create'}
          </Button>
        </>
      }
    >
      {moved && <Note tone="warn">Somebody else has changed it since you opened it. Close and open it again to see how it stands now; saving as it is will be refused.</Note>}
      <resource.Form draft={draft} set={(next) => setDraft({ ...draft, ...next })} problem={command.error} isNew={base === null} />
      <Field label="Reason" optional hint="Kept in the ledger with your name." error={command.error?.of('reason')}>
        <TextInput value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {command.error && (command.error.status === 412 ? <Note tone="bad">Somebody else changed it meanwhile, so that nothing was saved. Close and open it again: what you typed is here until then.</Note> : <ProblemNote problem={command.error} />)}
      {item && resource.Detail && (
        <div className={styles.detail}>
          <resource.Detail item={item} />
        </div>
      )}
      {deleting && base && <Delete resource={resource} item={base} onClose={() => setDeleting(false)} onDone={onClose} />}
    </Dialog>
  )
}

interface DeleteProps<T extends Entity, D extends object> {
  readonly resource: Resource<T, D>
  readonly item: T
  readonly onClose: () => void
  readonly onDone: () => void
}

function Delete<T extends Entity, D extends object>({ resource, item, onClose, onDone }: DeleteProps<T, D>) {
  const command = useCommand()
  const tell = useTell()
  const verb = resource.deleteVerb ?? 'Delete'
  return (
    <ReasonDialog
      title={`${verb} ${item.name}?`}
      verb={verb}
      danger
      busy={command.isPending}
      problem={command.error}
      onClose={onClose}
      onConfirm={(reason) =>
        command.mutate(
          { method: 'DELETE', path: `${resource.path}/${item.id}`, reason },
          {
            onSuccess: () => {
              tell(`${item.name} is gone`, 'Its history stays in the ledger.')
              onDone()
            },
          },
        )
      }
    >
      <p className="soft">What uses it must let go of it first: else the server refuses and says what that is.</p>
    </ReasonDialog>
  )
}

// differing keeps the members that are not as before; what has become undefined is null, which removes it.
function differing(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(after).flatMap(([name, value]) => (JSON.stringify(value) === JSON.stringify(before[name]) ? [] : [[name, value ?? null]])))
}

function withoutEmpty(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== ''))
}
