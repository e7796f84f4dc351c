import { isObject, token, type Json, type JsonObject } from './json'

/** Row is one test of an attribute: "country is one of US, CA". */
export interface Row {
  readonly kind: 'row'
  readonly id: string
  readonly attribute: string
  /** As it is written ("$in"); empty for a plain value. */
  readonly operator: string
  readonly value: Json
}

/** Join holds conditions of which all, any or none must be met. */
export interface Join {
  readonly kind: 'join'
  readonly id: string
  readonly how: '$and' | '$or' | '$nor'
  readonly groups: readonly Group[]
}

/** Not holds the condition that must not be met. */
export interface Not {
  readonly kind: 'not'
  readonly id: string
  readonly group: Group
}

/** Raw is a member that rows cannot show: it stays as it is. */
export interface Raw {
  readonly kind: 'raw'
  readonly id: string
  readonly name: string
  readonly value: Json
}

export type Clause = Row | Join | Not | Raw

/** Group is a condition: an object all of whose clauses must be met. Empty, it is everybody. */
export interface Group {
  readonly id: string
  readonly clauses: readonly Clause[]
}

let last = 0
const nextId = (): string => `c${++last}`

export const newRow = (attribute = '', operator = '', value: Json = ''): Row => ({ kind: 'row', id: nextId(), attribute, operator, value })
export const newGroup = (clauses: readonly Clause[] = []): Group => ({ id: nextId(), clauses })
export const newJoin = (how: Join['how'], groups: readonly Group[] = []): Join => ({ kind: 'join', id: nextId(), how, groups })
export const newNot = (group: Group): Not => ({ kind: 'not', id: nextId(), group })

const isJoin = (name: string): name is Join['how'] => name === '$and' || name === '$or' || name === '$nor'

// $groups is an attribute, whatever it begins with: targeting takes it as one.
const isAttribute = (name: string): boolean => !name.startsWith('$') || name === '$groups'

/** readCondition makes rows of a condition; writeCondition of them is the condition again. */
export function readCondition(condition: JsonObject): Group {
  return newGroup(Object.entries(condition).flatMap(([name, value]) => readClause(name, value)))
}

function readClause(name: string, value: Json): readonly Clause[] {
  if (isJoin(name) && Array.isArray(value) && value.every(isObject)) return [newJoin(name, value.map(readCondition))]
  if (name === '$not' && isObject(value)) return [newNot(readCondition(value))]
  if (!isAttribute(name)) return [{ kind: 'raw', id: nextId(), name, value }]
  const tests = isObject(value) ? Object.entries(value) : []
  if (tests.length > 0 && tests.every(([operator]) => operator.startsWith('$'))) {
    return tests.map(([operator, operand]) => newRow(name, operator, operand))
  }
  return [newRow(name, '', value)]
}

export interface Written {
  readonly condition: JsonObject
  /** Where each row, join and group stands, as a JSON pointer. */
  readonly pointers: ReadonlyMap<string, string>
}

/** writeCondition makes the condition of rows. */
export function writeCondition(group: Group): Written {
  const pointers = new Map<string, string>()
  return { condition: write(group, '', pointers), pointers }
}

// An object has each name once. What would come twice goes into an $and, which
// means the same; so tests of one attribute stand together where they can.
function write(group: Group, at: string, pointers: Map<string, string>): JsonObject {
  pointers.set(group.id, at)
  const members = new Map<string, Json>()
  const tested = new Map<string, Map<string, Json>>()
  const twice: Clause[] = []
  for (const clause of group.clauses) {
    if (!place(clause, at, members, tested, pointers)) twice.push(clause)
  }
  for (const [attribute, tests] of tested) members.set(attribute, Object.fromEntries(tests))
  if (twice.length > 0) {
    const and = members.get('$and')
    const before = Array.isArray(and) ? and : []
    const more = twice.map((clause, i) => {
      const inner = `${at}/$and/${before.length + i}`
      return write({ id: `${clause.id}*`, clauses: [clause] }, inner, pointers)
    })
    members.set('$and', [...before, ...more])
  }
  return Object.fromEntries(members)
}

// place puts a clause into an object's members, unless its name is taken.
function place(clause: Clause, at: string, members: Map<string, Json>, tested: Map<string, Map<string, Json>>, pointers: Map<string, string>): boolean {
  const name = clause.kind === 'row' ? clause.attribute : clause.kind === 'join' ? clause.how : clause.kind === 'not' ? '$not' : clause.name
  const here = `${at}/${token(name)}`
  if (clause.kind === 'row' && clause.operator !== '') {
    const tests = tested.get(name)
    if (tests ? tests.has(clause.operator) : members.has(name)) return false
    if (tests) tests.set(clause.operator, clause.value)
    else {
      tested.set(name, new Map([[clause.operator, clause.value]]))
      members.set(name, null) // keeps the place until all its tests are known
    }
    pointers.set(clause.id, `${here}/${token(clause.operator)}`)
    return true
  }
  if (members.has(name)) return false
  pointers.set(clause.id, here)
  if (clause.kind === 'join') {
    members.set(name, clause.groups.map((group, i) => write(group, `${here}/${i}`, pointers)))
  } else if (clause.kind === 'not') {
    members.set(name, write(clause.group, here, pointers))
  } else {
    members.set(name, clause.value)
  }
  return true
}

/** holder finds whose place a pointer names: the row or group that is nearest above it. */
export function holder(pointers: ReadonlyMap<string, string>, pointer: string): string | undefined {
  let found: string | undefined
  let length = -1
  for (const [id, at] of pointers) {
    if (at.length > length && (pointer === at || pointer.startsWith(`${at}/`))) {
      found = id
      length = at.length
    }
  }
  return found
}

/** replaceClause puts others in a clause's place, at any depth; none removes it. */
export function replaceClause(group: Group, id: string, by: readonly Clause[]): Group {
  return {
    ...group,
    clauses: group.clauses.flatMap((clause): readonly Clause[] => {
      if (clause.id === id) return by
      if (clause.kind === 'join') return [{ ...clause, groups: clause.groups.map((inner) => replaceClause(inner, id, by)) }]
      if (clause.kind === 'not') return [{ ...clause, group: replaceClause(clause.group, id, by) }]
      return [clause]
    }),
  }
}

/** addClause appends a clause to the group with that id, at any depth. */
export function addClause(group: Group, to: string, clause: Clause): Group {
  if (group.id === to) return { ...group, clauses: [...group.clauses, clause] }
  return {
    ...group,
    clauses: group.clauses.map((inner): Clause => {
      if (inner.kind === 'join') return { ...inner, groups: inner.groups.map((each) => addClause(each, to, clause)) }
      if (inner.kind === 'not') return { ...inner, group: addClause(inner.group, to, clause) }
      return inner
    }),
  }
}

/** rowsOf lists all rows, at any depth. */
export function rowsOf(group: Group): readonly Row[] {
  return group.clauses.flatMap((clause): readonly Row[] => {
    switch (clause.kind) {
      case 'row':
        return [clause]
      case 'join':
        return clause.groups.flatMap(rowsOf)
      case 'not':
        return rowsOf(clause.group)
      case 'raw':
        return []
    }
  })
}
