import { queryOptions } from '@tanstack/react-query'
import { get, type Schemas } from '../api/client'

export type System = Schemas['System']
export type State = Schemas['Dependency']['state']

/** systemQuery is how the whole installation is, by the server that answers. */
export const systemQuery = queryOptions({
  queryKey: ['system'],
  queryFn: ({ signal }) => get<System>('/system', {}, signal),
  refetchInterval: 2000,
})

export const stateWords: Readonly<Record<State, string>> = { up: 'Up', down: 'Down', loading: 'Loading', stopped: 'Stopped' }

/** lagWords says how far behind something is. */
export function lagWords(lag: number, seconds?: number): string {
  if (lag === 0) return 'up to date'
  const records = `${lag.toLocaleString('en')} ${lag === 1 ? 'record' : 'records'} behind`
  return seconds === undefined || seconds === 0 ? records : `${records}, ${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
}
