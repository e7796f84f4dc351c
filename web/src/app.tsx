import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import { Compass } from 'lucide-react'
import { lazy, Suspense, type ComponentType } from 'react'
import { Route, Router, Switch } from 'wouter'
import type { State } from './api/ask-session'
import { LiveProvider } from './api/live'
import { SessionProvider, useSession } from './api/session'
import ExperimentsPage from './experiments/list'
import { useGuardedLocation } from './shell/guard'
import { Layout } from './shell/layout'
import { SignIn } from './shell/sign-in'
import { Button, ButtonLink } from './ui/button'
import { Page } from './ui/page'
import { Panel } from './ui/panel'
import { Empty, Failed, Loading } from './ui/states'
import { Toasts } from './ui/toast'

// The first page comes with the shell, at no request more.
const pages: readonly (readonly [string, ComponentType])[] = [
  ['/console/experiments', ExperimentsPage],
  ['/console/experiments/:id/:tab?', lazy(() => import('./experiment/page'))],
  ['/console/explain', lazy(() => import('./explain/page'))],
  ['/console/reports', lazy(() => import('./reports/calendar'))],
  ['/console/reports/:date', lazy(() => import('./reports/day'))],
  ['/console/metrics', lazy(() => import('./metrics/page'))],
  ['/console/layers', lazy(() => import('./layers/page'))],
  ['/console/holdouts', lazy(() => import('./holdouts/page'))],
  ['/console/segments', lazy(() => import('./segments/page'))],
  ['/console/ledger', lazy(() => import('./ledger/page'))],
  ['/console/health', lazy(() => import('./health/page'))],
  ['/console/keys', lazy(() => import('./keys/page'))],
]

export interface AppProps {
  readonly client: QueryClient
  /** Who is known to be there, and who askSession says it is. */
  readonly first: State
  readonly asked: Promise<State>
}

export function App({ client, first, asked }: AppProps) {
  return (
    <QueryClientProvider client={client}>
      <Toasts>
        <SessionProvider first={first} asked={asked}>
          <LiveProvider>
            <Router hook={useGuardedLocation}>
              <Content />
            </Router>
          </LiveProvider>
        </SessionProvider>
      </Toasts>
    </QueryClientProvider>
  )
}

function Content() {
  const { state } = useSession()
  if (state.kind === 'asking') return <Loading />
  if (state.kind === 'out') return state.problem?.unreachable ? <Unreachable problem={state.problem} /> : <SignIn oidc={state.oidc} initial={state.problem} />
  return (
    <Layout>
      <Suspense fallback={<Loading lines={8} />}>
        <Switch>
          {pages.map(([path, component]) => (
            <Route key={path} path={path} component={component} />
          ))}
          <Route>
            <Missing />
          </Route>
        </Switch>
      </Suspense>
    </Layout>
  )
}

function Missing() {
  return (
    <Page title="No such page">
      <Panel>
        <Empty
          icon={Compass}
          title="Nothing is at this address"
          actions={
            <>
              <Button onClick={() => history.back()}>Back</Button>
              <ButtonLink kind="primary" href="/console/experiments">
                To the experiments
              </ButtonLink>
            </>
          }
        >
          The console has no page at <code>{location.pathname}</code>. It may have been mistyped, or belong to another version. <kbd>Ctrl K</kbd> finds experiments and pages by name.
        </Empty>
      </Panel>
    </Page>
  )
}

const Unreachable = ({ problem }: { readonly problem: unknown }) => <Failed error={problem} onRetry={() => location.reload()} />
