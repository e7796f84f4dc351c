import { isObject, parse, type Json, type JsonObject } from './json'
import { readScalar, writeScalar } from './operators'

/** Pair is an attribute of the person who is tried, as it is typed. */
export interface Pair {
  readonly name: string
  readonly text: string
}

/** personOf makes attributes of pairs: "a.b" is b within a, and what was left empty is not known. */
export function personOf(pairs: readonly Pair[]): JsonObject {
  let person: JsonObject = {}
  for (const { name, text } of pairs) {
    if (name !== '' && text !== '') person = put(person, name.split('.'), read(text))
  }
  return person
}

function put(object: JsonObject, [first = '', ...rest]: readonly string[], value: Json): JsonObject {
  const inner = object[first]
  return { ...object, [first]: rest.length === 0 ? value : put(isObject(inner) ? inner : {}, rest, value) }
}

const read = (text: string): Json => (/^[[{]/.test(text) ? (parse(text) ?? text) : readScalar(text))

/** pairsOf is the reverse of personOf. */
export function pairsOf(person: JsonObject, within = ''): readonly Pair[] {
  return Object.entries(person).flatMap(([name, value]): readonly Pair[] => {
    if (isObject(value) && Object.keys(value).length > 0) return pairsOf(value, `${within}${name}.`)
    return [{ name: within + name, text: typeof value === 'object' && value !== null ? JSON.stringify(value) : writeScalar(value) }]
  })
}
