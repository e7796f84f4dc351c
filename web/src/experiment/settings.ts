import type { Schemas } from '../api/client'
import { isObject, same, type Json, type JsonObject } from './json'

export interface VariationSettings {
  readonly key: string
  readonly name: string
  readonly value: Json
  readonly weight: number
}

export interface Analysis {
  readonly method: Schemas['Analysis']['method']
  readonly alpha: number
  readonly correction: Schemas['Analysis']['correction']
  readonly min_days?: number
  readonly max_days?: number
  readonly mde?: number
  readonly power?: number
  readonly guardrail_margin?: number
  readonly srm_alpha?: number
  readonly dimensions?: readonly string[]
  readonly exclude?: readonly string[]
}

export interface LayerSettings {
  readonly key: string
  readonly slots?: readonly Schemas['Range'][]
  readonly share_ppm?: number
}

export interface Schedule {
  readonly start_at?: string
  readonly stop_at?: string
}

/** Settings are what people set of an experiment: what the editor edits. */
export interface Settings {
  /** On a new experiment only: neither ever changes. */
  readonly key?: string
  readonly hash?: 'xxh3' | 'gb2'
  readonly name: string
  readonly description: string
  readonly hypothesis: string
  readonly owner: string
  readonly tags: readonly string[]
  readonly unit_type: string
  /** Absent on a new experiment, whose id it will be. */
  readonly salt?: string
  readonly variations: readonly VariationSettings[]
  readonly traffic_ppm: number
  readonly layer?: LayerSettings
  readonly audience: JsonObject
  readonly overrides: Readonly<Record<string, string>>
  readonly prerequisites: readonly Schemas['Prerequisite'][]
  readonly metrics: readonly Schemas['MetricUse'][]
  readonly analysis: Analysis
  readonly schedule?: Schedule
}

const names = [
  'name', 'description', 'hypothesis', 'owner', 'tags', 'unit_type', 'salt', 'variations', 'traffic_ppm', 'layer',
  'audience', 'overrides', 'prerequisites', 'metrics', 'analysis', 'schedule',
] as const satisfies readonly (keyof Settings)[]

/** settingsOf takes the settings out of an experiment. */
export function settingsOf(experiment: Schemas['Experiment']): Settings {
  const chosen = names.filter((name) => experiment[name] !== undefined).map((name) => [name, experiment[name]])
  return Object.fromEntries(chosen) as Settings
}

/** newSettings are those of an experiment of which nothing was said. */
export const newSettings: Settings = {
  name: '',
  description: '',
  hypothesis: '',
  owner: '',
  tags: [],
  unit_type: 'user_id',
  variations: [
    { key: 'control', name: 'Control', value: false, weight: 1 },
    { key: 'treatment', name: 'Treatment', value: true, weight: 1 },
  ],
  traffic_ppm: 1_000_000,
  audience: {},
  overrides: {},
  prerequisites: [],
  metrics: [],
  analysis: { method: 'sequential', alpha: 0.05, correction: 'holm' },
}

/** copyOf is what a duplicate begins with: of a layer, an equal share; no schedule. */
export function copyOf(experiment: Schemas['Experiment']): Settings {
  const { salt: _salt, schedule: _schedule, layer, ...settings } = settingsOf(experiment)
  const share = layer?.slots?.reduce((sum, range) => sum + range.to - range.from, 0)
  return {
    ...settings,
    name: `${settings.name} copy`,
    hash: experiment.hash,
    ...(layer && { layer: { key: layer.key, ...(share !== undefined && { share_ppm: share }) } }),
  }
}

/** mergePatch makes the RFC 7396 patch that turns one object into another; undefined where they are the same. */
export function mergePatch(from: JsonObject, to: JsonObject): JsonObject | undefined {
  const members: [string, Json][] = []
  for (const [name, value] of Object.entries(to)) {
    const was = from[name]
    if (!Object.hasOwn(from, name) || was === undefined) members.push([name, value])
    else if (isObject(was) && isObject(value)) {
      const inner = mergePatch(was, value)
      if (inner !== undefined) members.push([name, inner])
    } else if (!same(was, value)) members.push([name, value])
  }
  for (const name of Object.keys(from)) {
    if (!Object.hasOwn(to, name)) members.push([name, null])
  }
  return members.length > 0 ? Object.fromEntries(members) : undefined
}

// In a merge patch null removes, but not within a list: there a condition can
// compare with null.
function patchable(audience: JsonObject): JsonObject {
  const removes = (value: Json): boolean => value === null || (isObject(value) && Object.values(value).some(removes))
  return removes(audience) ? { $and: [audience] } : audience
}

/** patchOf is the patch that turns one state of the settings into another. */
export function patchOf(from: Settings, to: Settings): JsonObject {
  const audience = same(from.audience, to.audience) ? to.audience : patchable(to.audience)
  const patch = mergePatch(from as unknown as JsonObject, { ...(to as unknown as JsonObject), audience }) ?? {}
  const layer = patch['layer']
  if (!isObject(layer) || layer['share_ppm'] === undefined) return patch
  // A share is taken from the slots that are held: those stay.
  return { ...patch, layer: Object.fromEntries(Object.entries(layer).filter(([name]) => name !== 'slots')) }
}

/** phaseFields names what changed that decides who gets what: then a patch must say which phase it belongs to. */
export function phaseFields(from: Settings, to: Settings): readonly string[] {
  const weights = (settings: Settings) => settings.variations.map(({ key, weight }) => [key, weight])
  return [
    !same(weights(from), weights(to)) && 'variations',
    !same(from.audience, to.audience) && 'audience',
    from.salt !== to.salt && 'salt',
    from.unit_type !== to.unit_type && 'unit type',
  ].filter((name) => name !== false)
}

const labels: Readonly<Record<string, string>> = {
  name: 'name',
  description: 'description',
  hypothesis: 'hypothesis',
  owner: 'owner',
  tags: 'tags',
  unit_type: 'unit',
  salt: 'salt',
  variations: 'variations',
  traffic_ppm: 'traffic',
  layer: 'layer',
  audience: 'audience',
  overrides: 'overrides',
  prerequisites: 'prerequisites',
  metrics: 'metrics',
  analysis: 'analysis',
  schedule: 'schedule',
}

/** fieldName is how a field's path is called: "analysis/alpha" is "analysis: alpha". */
export function fieldName(path: string): string {
  const [first = '', ...rest] = path.replace(/^\//, '').split('/')
  const label = labels[first] ?? first
  return rest.length > 0 ? `${label}: ${rest.join(' ').replaceAll('_', ' ')}` : label
}
