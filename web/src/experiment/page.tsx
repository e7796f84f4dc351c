import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useMemo, useState } from 'react'
import { Link, Redirect, useLocation, useParams } from 'wouter'
import { asProblem } from '../api/client'
import { experimentQuery, type Experiment } from '../api/queries'
import { useUnsavedGuard } from '../shell/guard'
import { ButtonLink } from '../ui/button'
import { Page } from '../ui/page'
import { Failed, Loading, Note } from '../ui/states'
import { useDraft } from './draft'
import { About, Actions, Beside } from './header'
import { Overview } from './overview'
import styles from './page.module.css'
import { settingsOf } from './settings'

const Setup = lazy(() => import('./setup'))
const NewExperiment = lazy(() => import('./new'))
const ResultsTab = lazy(() => import('../results/results-tab'))
const HistoryTab = lazy(() => import('../history/history-tab'))

const tabs = ['overview', 'setup', 'results', 'history'] as const
type Tab = (typeof tabs)[number]
const tabNames: Readonly<Record<Tab, string>> = { overview: 'Overview', setup: 'Setup', results: 'Results', history: 'History' }
const isTab = (name: string): name is Tab => tabs.some((tab) => tab === name)

const parent = { href: '/console/experiments', text: 'Experiments' }

export default function ExperimentPage() {
  const { id = '', tab = 'overview' } = useParams<{ id: string; tab?: string }>()
  if (id === 'new') return <NewExperiment />
  return <ByKey key={id} id={id} tab={tab} />
}

function ByKey({ id, tab }: { readonly id: string; readonly tab: string }) {
  const { data, error, refetch } = useQuery(experimentQuery(id))
  const gone = error !== null && asProblem(error).status === 404
  if (data && !gone) return <Loaded experiment={data.data} tab={tab} />
  return (
    <Page title={id} parent={parent}>
      {error ? <Failed error={error} onRetry={() => void refetch()} /> : <Loading lines={8} />}
    </Page>
  )
}

function Loaded({ experiment, tab }: { readonly experiment: Experiment; readonly tab: string }) {
  const [, navigate] = useLocation()
  const current = useMemo(() => settingsOf(experiment), [experiment])
  const draft = useDraft(experiment.id, current, experiment.version)
  const path = `/console/experiments/${experiment.key}`
  const [deleted, setDeleted] = useState(false)
  useUnsavedGuard(draft.dirty, path)
  useEffect(() => {
    if (deleted && !draft.dirty) navigate('/console/experiments')
  }, [deleted, draft.dirty, navigate])

  if (!isTab(tab)) return <Redirect to={path} replace />
  return (
    <Page
      title={experiment.name}
      parent={parent}
      beside={<Beside experiment={experiment} />}
      about={<About experiment={experiment} />}
      actions={
        <Actions
          experiment={experiment}
          unsaved={draft.dirty}
          onDeleted={() => {
            draft.discard()
            setDeleted(true)
          }}
        />
      }
    >
      <nav className={styles.tabs} aria-label="Parts of the experiment">
        {tabs.map((name) => (
          <Link key={name} href={name === 'overview' ? path : `${path}/${name}`} aria-current={name === tab ? 'page' : undefined}>
            {tabNames[name]}
            {name === 'setup' && draft.dirty && <span className={styles.mark} role="img" aria-label="with changes that were not saved" />}
          </Link>
        ))}
      </nav>
      {tab === 'overview' && draft.dirty && (
        <div className={styles.note}>
          <Note tone="warn">
            <p>
              There are changes that were not saved.
              <ButtonLink href={`${path}/setup`} size="small">
                Go on
              </ButtonLink>
            </p>
          </Note>
        </div>
      )}
      <Suspense fallback={<Loading lines={8} />}>
        {tab === 'overview' && <Overview experiment={experiment} />}
        {tab === 'setup' && <Setup experiment={experiment} draft={draft} />}
        {tab === 'results' && <ResultsTab experiment={experiment} />}
        {tab === 'history' && <HistoryTab experiment={experiment} />}
      </Suspense>
    </Page>
  )
}
