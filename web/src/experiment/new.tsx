import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { useLocation, useSearch } from 'wouter'
import { useCommand } from '../api/commands'
import { usePermission } from '../api/permission'
import { experimentQuery, type Experiment } from '../api/queries'
import { useUnsavedGuard } from '../shell/guard'
import { Field, Select, TextInput } from '../ui/field'
import { Page } from '../ui/page'
import { ReasonDialog } from '../ui/reason-dialog'
import { Failed, Loading } from '../ui/states'
import { useTell } from '../ui/toast'
import { useDraft } from './draft'
import { EditingProvider, useEditing, useError } from './editing'
import { Editor } from './editor'
import { SaveBar } from './save-bar'
import { copyOf, newSettings, type Settings } from './settings'

const parent = { href: '/console/experiments', text: 'Experiments' }

/** NewExperiment creates an experiment, from nothing or as a copy of another. */
export default function NewExperiment() {
  const from = new URLSearchParams(useSearch()).get('from')
  return from === null ? <Create key="new" name="new" begin={newSettings} /> : <Duplicate key={from} from={from} />
}

function Duplicate({ from }: { readonly from: string }) {
  const { data, error, refetch } = useQuery(experimentQuery(from))
  const begin = useMemo(() => data && copyOf(data.data), [data])
  if (begin) return <Create name={`new.${from}`} begin={begin} />
  return (
    <Page title="New experiment" parent={parent}>
      {error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={8} />}
    </Page>
  )
}

function Create({ name, begin }: { readonly name: string; readonly begin: Settings }) {
  const draft = useDraft(name, begin, 0)
  const [, navigate] = useLocation()
  const [asking, setAsking] = useState(false)
  const [made, setMade] = useState<string | null>(null)
  const permission = usePermission()
  const command = useCommand<Experiment>()
  const tell = useTell()
  const editing = useMemo(() => ({ draft, experiment: null, problem: command.error }), [draft, command.error])
  useUnsavedGuard(draft.dirty)
  useEffect(() => {
    if (made !== null && !draft.dirty) navigate(`/console/experiments/${made}`)
  }, [made, draft.dirty, navigate])

  const { key, ...settings } = draft.settings
  const create = (reason: string): void =>
    command.mutate(
      { method: 'POST', path: '/experiments', body: { ...settings, ...(key && { key }) }, reason },
      {
        onSuccess: ({ data }) => {
          tell('Created', data.name)
          draft.discard()
          setMade(data.key)
        },
        onError: () => setAsking(false),
      },
    )
  return (
    <EditingProvider value={editing}>
      <Page title="New experiment" parent={parent} about="It begins inactive: nothing happens until it is switched on.">
        <Editor previewed={null} first={<Identity />} />
        <SaveBar verb="Create…" problem={command.error} onSave={() => setAsking(true)} />
      </Page>
      {asking && (
        <ReasonDialog
          title={`Create ${draft.settings.name}?`}
          verb="Create"
          busy={command.isPending}
          disabledBecause={permission.allowed ? null : permission.why}
          onClose={() => setAsking(false)}
          onConfirm={create}
        />
      )}
    </EditingProvider>
  )
}

// What is given at creation and never changes.
function Identity() {
  const { draft } = useEditing()
  const { settings } = draft
  return (
    <>
      <Field label="Key" optional hint="What programs ask for; made from the name if empty. It never changes." error={useError('key')}>
        <TextInput code value={settings.key ?? ''} placeholder={keyOf(settings.name)} onChange={(event) => draft.set({ key: event.target.value || undefined })} />
      </Field>
      <Field label="Hash" hint="gb2 lets GrowthBook's SDKs evaluate by themselves. It never changes." error={useError('hash')}>
        <Select value={settings.hash ?? 'xxh3'} onChange={(event) => draft.set({ hash: event.target.value === 'gb2' ? 'gb2' : undefined })}>
          <option value="xxh3">xxh3, Assay's own</option>
          <option value="gb2">gb2, GrowthBook's</option>
        </Select>
      </Field>
    </>
  )
}

const keyOf = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, '')
