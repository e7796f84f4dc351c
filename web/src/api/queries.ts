import { keepPreviousData, queryOptions } from '@tanstack/react-query'
import { all, send, type Answer, type Schemas } from './client'
import { readExperiments } from './list'

export type Experiment = Schemas['Experiment']
export type ExperimentPatch = Schemas['ExperimentPatch']
export type Variation = Schemas['Variation']
export type HistoryEntry = Schemas['HistoryEntry']
export type Layer = Schemas['Layer']
export type Holdout = Schemas['Holdout']
export type Segment = Schemas['Segment']
export type Metric = Schemas['Metric']
export type Key = Schemas['Key']
export type Results = Schemas['Results']
export type DailyReport = Schemas['DailyReport']

// Keys begin with 'ledger' where an answer follows from the ledger: the stream
// makes those anew when the ledger moves. Results move by themselves.

export const experimentsQuery = queryOptions({
  queryKey: ['ledger', 'experiments'],
  queryFn: ({ signal }) => readExperiments(signal),
})

/** experimentsAtQuery is the list as it stood at a moment, in milliseconds. */
export const experimentsAtQuery = (at: number) =>
  queryOptions({
    queryKey: ['past', 'experiments', at],
    queryFn: ({ signal }) => all<Experiment>('/experiments', { sort: 'key', at: new Date(at).toISOString() }, signal),
    placeholderData: keepPreviousData,
  })

export const experimentQuery = (id: string) =>
  queryOptions({
    queryKey: ['ledger', 'experiment', id],
    queryFn: ({ signal }): Promise<Answer<Experiment>> => send<Experiment>(`/experiments/${encodeURIComponent(id)}`, { signal }),
  })

export type ResourcePath = '/layers' | '/holdouts' | '/segments' | '/metric-definitions' | '/keys'

const listQuery = <T>(path: ResourcePath) =>
  queryOptions({
    queryKey: ['ledger', path],
    queryFn: ({ signal }) => all<T>(path, {}, signal),
  })

export const layersQuery = listQuery<Layer>('/layers')
export const holdoutsQuery = listQuery<Holdout>('/holdouts')
export const segmentsQuery = listQuery<Segment>('/segments')
export const metricsQuery = listQuery<Metric>('/metric-definitions')
export const keysQuery = listQuery<Key>('/keys')
