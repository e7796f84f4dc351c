import type { Experiment } from '../api/queries'
import { withParams } from '../ui/address'

/** Filter is what the address's query says of the list. */
export interface Filter {
  readonly q: string
  readonly status: 'all' | 'active' | 'inactive'
  readonly tag: string
  readonly owner: string
  readonly layer: string
  readonly sort: Sort
}

export const sortFields = ['name', 'status', 'verdict', 'traffic', 'layer', 'owner', 'updated'] as const
export type SortField = (typeof sortFields)[number]
export type Sort = SortField | `-${SortField}`

const defaultSort: Sort = '-updated'

/** readFilter takes what it knows out of an address and leaves the rest. */
export function readFilter(params: URLSearchParams): Filter {
  const status = params.get('status')
  const sort = params.get('sort') ?? ''
  return {
    q: params.get('q') ?? '',
    status: status === 'active' || status === 'inactive' ? status : 'all',
    tag: params.get('tag') ?? '',
    owner: params.get('owner') ?? '',
    layer: params.get('layer') ?? '',
    sort: (sortFields as readonly string[]).includes(sort.replace(/^-/, '')) ? (sort as Sort) : defaultSort,
  }
}

/** writeFilter puts a changed filter into an address; what is at its default is left out. */
export function writeFilter(params: URLSearchParams, change: Partial<Filter>): URLSearchParams {
  return withParams(params, {
    ...change,
    ...(change.status === 'all' && { status: null }),
    ...(change.sort === defaultSort && { sort: null }),
  })
}

/** Row is an experiment with what the list needs of it ready. */
export interface Row {
  readonly experiment: Experiment
  readonly haystack: string
  readonly verdict: string
}

/** rowsOf prepares a list once, so that each key stroke only compares. */
export function rowsOf(experiments: readonly Experiment[], verdicts: ReadonlyMap<string, string>): readonly Row[] {
  return experiments.map((experiment) => ({
    experiment,
    haystack: [experiment.name, experiment.key, experiment.owner, experiment.description, experiment.hypothesis, experiment.layer?.key, ...experiment.tags].join('\n').toLowerCase(),
    verdict: verdicts.get(experiment.id) ?? '',
  }))
}

/** ordered sorts rows, which a search then leaves in their order. */
export function ordered(rows: readonly Row[], sort: Sort): readonly Row[] {
  const descending = sort.startsWith('-')
  const value = values[sort.replace(/^-/, '') as SortField]
  const keyed = rows.map((row) => [value(row), row] as const)
  keyed.sort(([a, x], [b, y]) => {
    const order = a < b ? -1 : a > b ? 1 : 0
    return order === 0 ? (x.experiment.key < y.experiment.key ? -1 : 1) : descending ? -order : order
  })
  return keyed.map(([, row]) => row)
}

/** select keeps the rows that every word of the search and every filter fits. */
export function select(rows: readonly Row[], filter: Filter): readonly Row[] {
  const words = filter.q.toLowerCase().split(/\s+/).filter(Boolean)
  return rows.filter(
    ({ experiment, haystack }) =>
      (filter.status === 'all' || experiment.status === filter.status) &&
      (filter.tag === '' || experiment.tags.includes(filter.tag)) &&
      (filter.owner === '' || experiment.owner === filter.owner) &&
      (filter.layer === '' || experiment.layer?.key === filter.layer) &&
      words.every((word) => haystack.includes(word)),
  )
}

const values: Readonly<Record<SortField, (row: Row) => string | number>> = {
  name: ({ experiment }) => experiment.name.toLowerCase(),
  status: ({ experiment }) => experiment.status,
  verdict: ({ verdict }) => verdict,
  traffic: ({ experiment }) => experiment.traffic_ppm,
  layer: ({ experiment }) => experiment.layer?.key ?? '',
  owner: ({ experiment }) => experiment.owner.toLowerCase(),
  updated: ({ experiment }) => experiment.position,
}

/** distinct lists the values that a field has, most frequent first. */
export function distinct(experiments: readonly Experiment[], field: (experiment: Experiment) => readonly (string | undefined)[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const value of experiments.flatMap(field)) {
    if (value) counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([value]) => value)
}
