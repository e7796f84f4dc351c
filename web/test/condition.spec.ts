import { expect, test } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { addClause, holder, newGroup, newJoin, newNot, newRow, readCondition, replaceClause, rowsOf, writeCondition, type Clause, type Group } from '../src/experiment/condition'
import { same, type Json, type JsonObject } from '../src/experiment/json'
import { convert, fits, operators, readScalar, writeScalar, type Operator } from '../src/experiment/operators'

// The specification's own conditions, read from the module that brings them.
function vectors(): readonly (readonly [string, JsonObject])[] {
  const root = resolve(import.meta.dirname, '../..')
  const module = execFileSync('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/growthbook/growthbook-golang'], { cwd: root, encoding: 'utf8' }).trim()
  return (JSON.parse(readFileSync(join(module, 'cases.json'), 'utf8')) as { evalCondition: [string, JsonObject][] }).evalCondition
}

const ours: readonly JsonObject[] = [
  {},
  { ip: { $cidr: ['10.0.0.0/8', '::1'] } },
  { ip: { $cidr: '10.0.0.0/8' } },
  { user_id: { $notInGroup: 'staff' }, country: { $in: ['US', 'CA'] }, app_version: { $vgte: '2.3.0' } },
  { $or: [{ a: 1, b: { $gt: 1, $lt: 5 } }, { $nor: [{ c: null }, {}] }], $not: { d: { $not: { $regex: 'x' } } }, $groups: { $all: ['x', { $gt: 1 }] } },
  { a: {}, b: { c: 1 }, d: { $gt: 1, plain: 2 }, $unknown: [1], $and: 'no list', $or: [1] },
  JSON.parse('{"__proto__":1,"toString":{"$eq":2},"constructor":{"__proto__":{"$in":[]}}}') as JsonObject,
  { 'a/b': { '$x~y': 1 }, '': { '': 0 } },
]

test('a condition made into rows and back is the same condition', () => {
  const conditions = [...vectors().map(([, condition]) => condition), ...ours]
  expect(conditions.length).toBeGreaterThan(580)
  const changed = conditions.filter((condition) => JSON.stringify(writeCondition(readCondition(condition)).condition) !== JSON.stringify(condition))
  expect(changed).toEqual([])
})

// A generator that gives the same on every run.
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function anyGroup(next: (below: number) => number, depth: number): Group {
  const attributes = ['country', 'plan', 'a.b']
  const clause = (): Clause => {
    const what = next(depth > 0 ? 6 : 4)
    if (what < 4) {
      const operator = operators[next(operators.length)]
      return newRow(attributes[next(attributes.length)], operator?.name ?? '', operator?.initial ?? next(9))
    }
    if (what === 4) return newNot(anyGroup(next, depth - 1))
    return newJoin((['$and', '$or', '$nor'] as const)[next(3)] ?? '$and', Array.from({ length: next(3) }, () => anyGroup(next, depth - 1)))
  }
  return newGroup(Array.from({ length: next(5) }, clause))
}

function at(value: Json, pointer: string): Json | undefined {
  let found: Json | undefined = value
  for (const part of pointer.split('/').slice(1).map((text) => text.replaceAll('~1', '/').replaceAll('~0', '~'))) {
    found = typeof found === 'object' && found !== null ? (found as JsonObject)[part] : undefined
  }
  return found
}

test('no row is lost when rows are written, however often an attribute comes', () => {
  const lost: string[] = []
  for (let seed = 1; seed <= 400; seed++) {
    const group = anyGroup(generator(seed), 3)
    const { condition, pointers } = writeCondition(group)
    const rows = rowsOf(group)
    const again = readCondition(condition)
    const kept =
      rows.every((row) => same(at(condition, pointers.get(row.id) ?? '/nowhere'), row.value)) &&
      new Set(rows.map((row) => pointers.get(row.id))).size === rows.length &&
      rowsOf(again).length === rows.length &&
      same(writeCondition(again).condition, condition)
    if (!kept) lost.push(`${seed}: ${JSON.stringify(condition)}`)
  }
  expect(lost).toEqual([])
})

test('a fault is found at the row or group that its pointer names', () => {
  const group = readCondition({ country: { $in: ['US', 7] }, $or: [{ plan: 'pro' }, { 'a/b': { $gt: 1 } }] })
  const { pointers } = writeCondition(group)
  const [country, , slashed] = rowsOf(group)
  expect(holder(pointers, '/country/$in/1')).toBe(country?.id)
  expect(holder(pointers, '/$or/1/a~1b/$gt')).toBe(slashed?.id)
  expect(holder(pointers, '/country')).toBe(group.id)
  expect(holder(pointers, '')).toBe(group.id)
})

test('rows are added, replaced and removed at any depth', () => {
  const group = readCondition({ $or: [{ a: 1 }, { $not: { b: 2 } }] })
  const b = rowsOf(group)[1]
  const inner = group.clauses[0]?.kind === 'join' ? group.clauses[0].groups[1]?.clauses[0] : undefined
  if (!b || inner?.kind !== 'not') throw new Error('not read as rows')
  expect(writeCondition(replaceClause(group, b.id, [{ ...b, operator: '$gt' }])).condition).toEqual({ $or: [{ a: 1 }, { $not: { b: { $gt: 2 } } }] })
  expect(writeCondition(replaceClause(group, b.id, [])).condition).toEqual({ $or: [{ a: 1 }, { $not: {} }] })
  expect(writeCondition(addClause(group, inner.group.id, newRow('c', '', 3))).condition).toEqual({ $or: [{ a: 1 }, { $not: { b: 2, c: 3 } }] })
})

test('what is typed keeps its type, and every operator begins with what it can show', () => {
  for (const value of [42, -1.5, true, false, null, 'US', '42', 'true', 'null', '', '"', '"quoted"', ' x ', '007', '1e3', 1e21] as const) {
    expect(readScalar(writeScalar(value))).toBe(value)
  }
  expect(readScalar('42')).toBe(42)
  expect(readScalar('"42"')).toBe('42')
  const shown = (operator: Operator, value: Json): boolean => operator.operand === 'json' || fits(operator.operand, value)
  const unfit = operators.flatMap((from) => operators.filter((to) => !shown(from, from.initial) || !shown(to, convert(from.initial, to))).map((to) => `${from.name} to ${to.name}`))
  expect(unfit).toEqual([])
  expect(convert('US', { name: '$in', words: '', operand: 'list', initial: [] })).toEqual(['US'])
  expect(convert(['US', 'CA'], { name: '', words: '', operand: 'value', initial: '' })).toBe('US')
})
