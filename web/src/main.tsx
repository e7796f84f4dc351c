import '@fontsource-variable/inter/wght.css'
import './styles/tokens.css'
import './styles/base.css'
import { QueryClient } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import type { State } from './api/ask-session'
import { asProblem } from './api/client'
import { experimentsQuery } from './api/queries'
import { App } from './app'
import { asked, first } from './early'
import { overviewQuery } from './experiments/overview'

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

// How long the page is not drawn, in milliseconds since it was asked for, because
// answers may come: what is drawn once is there sooner than what is drawn twice.
const patience = 600

let known: State = { kind: 'asking' }

async function answers(): Promise<void> {
  known = await asked
  const questions = await first
  if (!questions) return
  // A question that fails is put again by the page itself.
  await Promise.all([
    client.prefetchQuery({ ...experimentsQuery, queryFn: () => questions.experiments, retry: false }),
    client.prefetchQuery({ queryKey: overviewQuery.queryKey, queryFn: () => questions.overview, retry: false }),
  ])
}

// The front door leads to the experiments. Led there by a route the page would be drawn twice.
if (location.pathname === '/' || location.pathname === '/console') history.replaceState(null, '', `/console/experiments${location.search}`)

const root = document.getElementById('root')
if (!root) throw new Error('the page has no #root')
await Promise.race([answers(), new Promise((resolve) => setTimeout(resolve, patience - performance.now()))])
createRoot(root).render(
  <StrictMode>
    <App client={client} first={known} asked={asked} />
  </StrictMode>,
)
