import type { Json } from './json'

/** What an operator compares with, and so how it is typed in. */
export type OperandKind = 'value' | 'text' | 'number' | 'version' | 'list' | 'yes' | 'type' | 'segment' | 'networks' | 'pattern' | 'json'

export interface Operator {
  /** As it is written; empty for a plain value. */
  readonly name: string
  /** As it is read: "country is one of US". */
  readonly words: string
  readonly operand: OperandKind
  /** What it compares with to begin. */
  readonly initial: Json
}

const operator = (name: string, words: string, operand: OperandKind, initial: Json): Operator => ({ name, words, operand, initial })

export const operators: readonly Operator[] = [
  operator('', 'is', 'value', ''),
  operator('$ne', 'is not', 'value', ''),
  operator('$eq', 'equals (never a list)', 'value', ''),
  operator('$in', 'is one of', 'list', []),
  operator('$nin', 'is none of', 'list', []),
  operator('$ini', 'is one of, in any case', 'list', []),
  operator('$nini', 'is none of, in any case', 'list', []),
  operator('$gt', 'is more than', 'value', 0),
  operator('$gte', 'is at least', 'value', 0),
  operator('$lt', 'is less than', 'value', 0),
  operator('$lte', 'is at most', 'value', 0),
  operator('$veq', 'is version', 'version', ''),
  operator('$vne', 'is not version', 'version', ''),
  operator('$vgt', 'is newer than version', 'version', ''),
  operator('$vgte', 'is at least version', 'version', ''),
  operator('$vlt', 'is older than version', 'version', ''),
  operator('$vlte', 'is at most version', 'version', ''),
  operator('$inGroup', 'is in segment', 'segment', ''),
  operator('$notInGroup', 'is not in segment', 'segment', ''),
  operator('$exists', 'is known', 'yes', true),
  operator('$regex', 'matches', 'pattern', ''),
  operator('$regexi', 'matches, in any case', 'pattern', ''),
  operator('$cidr', 'is an address in', 'networks', []),
  operator('$all', 'has all of', 'list', []),
  operator('$alli', 'has all of, in any case', 'list', []),
  operator('$size', 'has as many elements as', 'number', 1),
  operator('$elemMatch', 'has an element that', 'json', {}),
  operator('$type', 'is of type', 'type', 'string'),
  operator('$not', 'does not meet', 'json', {}),
]

const byName = new Map(operators.map((entry) => [entry.name, entry]))

/** operatorOf describes an operator; one that is not known is edited as JSON. */
export const operatorOf = (name: string): Operator => byName.get(name) ?? operator(name, name, 'json', null)

export const types = ['string', 'number', 'boolean', 'object', 'array', 'null'] as const

const isScalar = (value: Json): boolean => value === null || typeof value !== 'object'

/** fits says whether a value can be typed in the operator's own way; otherwise as JSON. */
export function fits(kind: OperandKind, value: Json): boolean {
  switch (kind) {
    case 'value':
      return isScalar(value)
    case 'text':
    case 'pattern':
    case 'segment':
      return typeof value === 'string'
    case 'version':
      return typeof value === 'string'
    case 'number':
      return typeof value === 'number'
    case 'yes':
      return typeof value === 'boolean'
    case 'type':
      return types.some((type) => type === value)
    case 'list':
      return Array.isArray(value) && value.every(isScalar)
    case 'networks':
      return typeof value === 'string' || (Array.isArray(value) && value.every((item) => typeof item === 'string'))
    case 'json':
      return false
  }
}

/** convert keeps of a value what another operator can use. */
export function convert(value: Json, to: Operator): Json {
  if (fits(to.operand, value)) return value
  switch (to.operand) {
    case 'value':
      return Array.isArray(value) && value.length > 0 && isScalar(value[0] as Json) ? (value[0] as Json) : to.initial
    case 'list':
      return isScalar(value) && value !== '' && value !== null ? [value] : to.initial
    case 'networks':
      return typeof value === 'string' && value !== '' ? [value] : to.initial
    case 'text':
    case 'pattern':
    case 'version':
      return typeof value === 'number' ? String(value) : to.initial
    default:
      return to.initial
  }
}

// What is typed without quotes: numbers, true, false and null mean themselves,
// and quotes make a text of them.
const literal = /^(true|false|null|-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?)$/

/** readScalar reads what was typed: 42 is a number, "42" in quotes a text. */
export function readScalar(typed: string): Json {
  if (literal.test(typed)) return JSON.parse(typed) as Json
  if (typed.length > 1 && typed.startsWith('"') && typed.endsWith('"')) {
    try {
      return JSON.parse(typed) as string
    } catch {
      return typed
    }
  }
  return typed
}

/** writeScalar is the shortest text that readScalar reads as the value. */
export function writeScalar(value: Json): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return readScalar(value) === value ? value : JSON.stringify(value)
}
