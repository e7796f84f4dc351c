import { Fragment, type ReactNode } from 'react'
import type { Clause, Group, Join } from './condition'
import { isObject, type Json } from './json'
import { operatorOf } from './operators'
import styles from './audience.module.css'

/** ConditionWords reads a condition out. */
export function ConditionWords({ group }: { readonly group: Group }) {
  if (group.clauses.length === 0) return <p>Everybody.</p>
  return <Clauses group={group} />
}

function Clauses({ group }: { readonly group: Group }) {
  if (group.clauses.length === 0) return <>everybody</>
  const [only] = group.clauses
  if (group.clauses.length === 1 && only) return <ClauseWords clause={only} />
  return <Several lead="All of" items={group.clauses.map((clause) => <ClauseWords key={clause.id} clause={clause} />)} />
}

function Several({ lead, items }: { readonly lead: string; readonly items: readonly ReactNode[] }) {
  return (
    <div className={styles.words}>
      <span className="soft">{lead}:</span>
      <ul>
        {items.map((item, i) => (
          <li key={i}>{item}</li>
        ))}
      </ul>
    </div>
  )
}

const leads: Readonly<Record<Join['how'], string>> = { $and: 'All of', $or: 'Any of', $nor: 'None of' }

function ClauseWords({ clause }: { readonly clause: Clause }) {
  switch (clause.kind) {
    case 'row':
      return (
        <span>
          <code className={styles.attribute}>{clause.attribute}</code> {rowWords(clause.operator, clause.value)} <Values value={clause.operator === '$exists' ? undefined : clause.value} />
        </span>
      )
    case 'join': {
      const [only] = clause.groups
      if (clause.groups.length === 1 && only && clause.how !== '$nor') return <Clauses group={only} />
      return <Several lead={leads[clause.how]} items={clause.groups.map((group) => <Clauses key={group.id} group={group} />)} />
    }
    case 'not':
      return <Several lead="Not" items={[<Clauses key={clause.id} group={clause.group} />]} />
    case 'raw':
      return <code>{JSON.stringify({ [clause.name]: clause.value })}</code>
  }
}

const rowWords = (operator: string, value: Json): string => (operator === '$exists' && value === false ? 'is not known' : operatorOf(operator).words)

const shown = 8

function Values({ value }: { readonly value: Json | undefined }) {
  if (value === undefined) return null
  const items = Array.isArray(value) ? (value as readonly Json[]) : [value]
  if (items.length === 0) return <em className="soft">nothing</em>
  return (
    <>
      {items.slice(0, shown).map((item, i) => (
        <Fragment key={i}>
          {i > 0 && ', '}
          <strong className={styles.value}>{typeof item === 'string' && item !== '' ? item : isObject(item) ? <code>{JSON.stringify(item)}</code> : JSON.stringify(item)}</strong>
        </Fragment>
      ))}
      {items.length > shown && <span className="soft"> and {items.length - shown} more</span>}
    </>
  )
}
