import { isObject, same, token, type Json, type JsonObject } from './json'
import type { Settings } from './settings'

/** Fields are settings taken apart into what is merged as one, by JSON pointer. */
export type Fields = ReadonlyMap<string, Json>

// Members of these are fields of their own; everything else is one field.
const open = new Set(['analysis', 'schedule', 'overrides'])

/**
 * fieldsOf takes settings apart. Variations are taken apart too, member by
 * member, while all states have the same ones in the same order.
 */
export function fieldsOf(settings: Settings, apart: boolean): Fields {
  const fields = new Map<string, Json>()
  for (const [name, value] of Object.entries(settings as unknown as JsonObject)) {
    if (open.has(name) && isObject(value)) {
      for (const [inner, each] of Object.entries(value)) fields.set(`/${name}/${token(inner)}`, each)
    } else if (name === 'variations' && apart) {
      settings.variations.forEach((variation) => {
        for (const member of ['name', 'value', 'weight'] as const) fields.set(`/variations/${token(variation.key)}/${member}`, variation[member])
      })
    } else {
      fields.set(`/${name}`, value)
    }
  }
  return fields
}

const keys = (settings: Settings): string => JSON.stringify(settings.variations.map((variation) => variation.key))

export interface Change {
  readonly path: string
  readonly old?: Json
  readonly new?: Json
}

function differences(from: Fields, to: Fields): readonly Change[] {
  const paths = [...new Set([...from.keys(), ...to.keys()])]
  return paths.flatMap((path) => {
    const [before, after] = [from.get(path), to.get(path)]
    if (same(before, after)) return []
    return [{ path, ...(before !== undefined && { old: before }), ...(after !== undefined && { new: after }) }]
  })
}

/** changesOf lists what differs between two states of the settings. */
export function changesOf(from: Settings, to: Settings): readonly Change[] {
  const apart = keys(from) === keys(to)
  return differences(fieldsOf(from, apart), fieldsOf(to, apart))
}

export interface Merge {
  readonly theirs: readonly Change[]
  readonly mine: readonly Change[]
  /** The fields that both changed, and not to the same. */
  readonly conflicts: readonly string[]
  /** merged lays mine over theirs; of conflicts it takes what is chosen. */
  readonly merged: (choice: (path: string) => 'mine' | 'theirs') => Settings
}

/** merge compares two states that came from one base. */
export function merge(base: Settings, theirs: Settings, mine: Settings): Merge {
  const apart = keys(base) === keys(theirs) && keys(base) === keys(mine)
  const [from, there, here] = [fieldsOf(base, apart), fieldsOf(theirs, apart), fieldsOf(mine, apart)]
  const changedThere = differences(from, there)
  const changedHere = differences(from, here)
  const touched = new Map(changedThere.map((change) => [change.path, change.new]))
  const conflicts = changedHere.filter((change) => touched.has(change.path) && !same(touched.get(change.path), change.new)).map((change) => change.path)
  return {
    theirs: changedThere,
    mine: changedHere,
    conflicts,
    merged: (choice) => {
      const result = new Map(there)
      for (const change of changedHere) {
        if (conflicts.includes(change.path) && choice(change.path) === 'theirs') continue
        if (change.new === undefined) result.delete(change.path)
        else result.set(change.path, change.new)
      }
      return settingsFrom(result, theirs)
    },
  }
}

function settingsFrom(fields: Fields, shape: Settings): Settings {
  const members = new Map<string, Json>()
  for (const name of open) members.set(name, {})
  const variations = new Map<string, Map<string, Json>>()
  for (const [path, value] of fields) {
    const [name = '', inner, member] = path.slice(1).split('/').map(untoken)
    if (name === 'variations' && inner !== undefined && member !== undefined) {
      variations.set(inner, (variations.get(inner) ?? new Map<string, Json>()).set(member, value))
    } else if (inner !== undefined) {
      members.set(name, Object.fromEntries([...Object.entries((members.get(name) ?? {}) as JsonObject), [inner, value]]))
    } else {
      members.set(name, value)
    }
  }
  if (variations.size > 0) {
    members.set('variations', shape.variations.map(({ key }) => ({ key, ...Object.fromEntries(variations.get(key) ?? []) })))
  }
  const schedule = members.get('schedule')
  if (isObject(schedule) && Object.keys(schedule).length === 0) members.delete('schedule')
  return Object.fromEntries(members) as unknown as Settings
}

const untoken = (text: string): string => text.replaceAll('~1', '/').replaceAll('~0', '~')
