import { askSession } from './api/ask-session'
import { readExperiments, readOverview } from './api/list'

// This is small, and runs while the console itself is still on its way: who is
// there, and what the first page shows, are asked for meanwhile. To a browser that
// has a session the server has named these questions with the page (http/console.go).

const { pathname, search } = location
const listed = ['/', '/console', '/console/experiments'].includes(pathname) && !new URLSearchParams(search).has('at')

/** asked is who is there. */
export const asked = askSession()

/** first is what was asked for the list of experiments, null where another page comes first. */
export const first = asked.then((state) => (listed && state.kind === 'in' ? { experiments: kept(readExperiments()), overview: kept(readOverview()) } : null))

// kept has a fault wait for who asks for the answer.
function kept<T>(question: Promise<T>): Promise<T> {
  question.catch(() => {})
  return question
}
