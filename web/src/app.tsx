import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { lazy, Suspense, type ComponentType } from 'react'
import { Redirect, Route, Router, Switch } from 'wouter'
import { asProblem } from './api/client'
import { LiveProvider } from './api/live'
import { SessionProvider, useSession, type State } from './api/session'
import ExperimentsPage from './experiments/list'
import { useGuardedLocation } from './shell/guard'
import { Layout } from './shell/layout'
import { SignIn } from './shell/sign-in'
import { Button } from './ui/button'
import { Page } from './ui/page'
import { Failed, Loading } from './ui/states'
import { Toasts } from './ui/toast'
import { TooltipProvider } from './ui/tooltip'

// Answers that follow from the ledger stay true until it moves, and then the
// stream says so: nothing is read again merely because time has passed.
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      retry: (failures, error) => asProblem(error).unreachable && failures < 2,
      retryDelay: (attempt) => 300 * 2 ** attempt,
      // What was read stays in sight while the database is down.
      networkMode: 'always',
    },
  },
})

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

export function App({ asked }: { readonly asked: Promise<State> }) {
  return (
    <QueryClientProvider client={client}>
      <TooltipProvider delayDuration={300}>
        <Toasts>
          <SessionProvider asked={asked}>
            <LiveProvider>
              <Router hook={useGuardedLocation}>
                <Content />
              </Router>
            </LiveProvider>
          </SessionProvider>
        </Toasts>
      </TooltipProvider>
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
          <Route path="/">
            <Redirect to="/console/experiments" replace />
          </Route>
          <Route path="/console">
            <Redirect to="/console/experiments" replace />
          </Route>
          <Route>
            <Page title="No such page" actions={<Button onClick={() => history.back()}>Back</Button>}>
              <p className="soft">Nothing is at {location.pathname}.</p>
            </Page>
          </Route>
        </Switch>
      </Suspense>
    </Layout>
  )
}

const Unreachable = ({ problem }: { readonly problem: unknown }) => <Failed error={problem} onRetry={() => location.reload()} />
