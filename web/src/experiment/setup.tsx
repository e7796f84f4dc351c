import { useMemo, useState } from 'react'
import type { Problem } from '../api/client'
import type { Experiment } from '../api/queries'
import { ConflictDialog } from './conflict-dialog'
import type { Draft } from './draft'
import { EditingProvider } from './editing'
import { Editor } from './editor'
import { MovedNote } from './moved-note'
import { SaveBar } from './save-bar'
import { SaveDialog } from './save-dialog'
import { settingsOf } from './settings'
import { usePreview } from './use-preview'

/** Setup edits an experiment. */
export default function Setup({ experiment, draft }: { readonly experiment: Experiment; readonly draft: Draft }) {
  const [open, setOpen] = useState<'nothing' | 'save' | 'conflict'>('nothing')
  const [refused, setRefused] = useState<{ readonly problem: Problem; readonly at: number } | null>(null)
  const previewed = usePreview(experiment, draft)
  // What was refused holds until the draft is edited; from then on the preview tells.
  const problem = refused?.at === draft.at ? refused.problem : previewed.problem
  const editing = useMemo(() => ({ draft, experiment, problem }), [draft, experiment, problem])
  const behind = draft.dirty && experiment.version > draft.version
  const close = (): void => setOpen('nothing')
  return (
    <EditingProvider value={editing}>
      <Editor previewed={previewed} />
      <SaveBar problem={problem} onSave={() => setOpen('save')}>
        {behind && <MovedNote experiment={experiment} since={draft.version} onCompare={() => setOpen('conflict')} />}
      </SaveBar>
      {open === 'save' && (
        <SaveDialog
          experiment={experiment}
          draft={draft}
          onClose={close}
          onConflict={() => setOpen('conflict')}
          onRefused={(problem) => {
            setRefused({ problem, at: draft.at })
            close()
          }}
        />
      )}
      {open === 'conflict' && (
        <ConflictDialog
          experiment={experiment}
          draft={draft}
          onClose={close}
          onDiscard={() => {
            draft.discard()
            close()
          }}
          onMerged={(settings) => {
            draft.rebase(settingsOf(experiment), experiment.version, settings)
            close()
          }}
        />
      )}
    </EditingProvider>
  )
}
