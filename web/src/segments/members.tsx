import { useState } from 'react'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import type { Segment } from '../api/queries'
import { lines } from '../resources/numbers'
import { Button } from '../ui/button'
import { Choice, Field, TextArea, TextInput } from '../ui/field'
import { count, plural } from '../ui/format'
import { ProblemNote } from '../ui/states'
import { useTell } from '../ui/toast'

const most = 100_000 // ids that go into one request of 8 MiB at the most

/** Members adds ids to a segment and takes ids out of it. */
export function Members({ segment }: { readonly segment: Segment }) {
  const [how, setHow] = useState<'add' | 'remove'>('add')
  const [text, setText] = useState('')
  const [reason, setReason] = useState('')
  const permission = usePermission()
  const command = useCommand()
  const tell = useTell()
  const ids = [...new Set(lines(text))]
  const why = !permission.allowed ? permission.why : ids.length === 0 ? 'Type or paste ids first.' : ids.length > most ? `At most ${count(most)} at a time.` : null
  return (
    <section className="stack">
      <h3>{plural(segment.size, 'member')}</h3>
      <Choice
        label="What to do"
        value={how}
        options={[
          { value: 'add', text: 'Add' },
          { value: 'remove', text: 'Take out' },
        ]}
        onChange={setHow}
      />
      <Field label="Unit ids" hint="A line each, or separated by commas; to the letter.">
        <TextArea code rows={5} value={text} onChange={(event) => setText(event.target.value)} />
      </Field>
      <Field label="Reason" optional>
        <TextInput value={reason} maxLength={1000} onChange={(event) => setReason(event.target.value)} />
      </Field>
      {command.error && <ProblemNote problem={command.error} />}
      <div>
        <Button
          busy={command.isPending}
          disabledBecause={why}
          onClick={() =>
            command.mutate(
              { method: 'PATCH', path: `/segments/${segment.id}/members`, body: { [how]: ids }, reason },
              {
                onSuccess: () => {
                  tell(how === 'add' ? `Added ${plural(ids.length, 'id')}` : `Took out ${plural(ids.length, 'id')}`)
                  setText('')
                  setReason('')
                },
              },
            )
          }
        >
          {how === 'add' ? 'Add' : 'Take out'} {ids.length > 0 && plural(ids.length, 'id')}
        </Button>
      </div>
    </section>
  )
}
