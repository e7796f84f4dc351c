import { Braces, Check, ListPlus, Plus, Trash2, X } from 'lucide-react'
import { Button } from '../ui/button'
import { Select } from '../ui/field'
import { Menu, MenuItem } from '../ui/menu'
import styles from './audience.module.css'
import { useAudience } from './audience-state'
import { addClause, newGroup, newJoin, newNot, newRow, replaceClause, rowsOf, type Clause, type Group, type Join, type Not, type Raw } from './condition'
import { ConditionRow } from './condition-row'
import { JsonCell } from './json-cell'

/** GroupRows edits a condition: all its clauses must be met. */
export function GroupRows({ group, root = false }: { readonly group: Group; readonly root?: boolean }) {
  const { faults } = useAudience()
  const fault = faults.get(group.id)
  return (
    <div className={root ? styles.root : styles.group}>
      {group.clauses.length === 0 && <p className="soft">{root ? 'Everybody: there is no condition yet.' : 'Everybody.'}</p>}
      <ul className={styles.clauses}>
        {group.clauses.map((clause, i) => (
          <li key={clause.id}>
            {i > 0 && (
              <span className={styles.and} aria-hidden>
                and
              </span>
            )}
            <ClauseEditor clause={clause} />
          </li>
        ))}
      </ul>
      {fault && <p className={styles.fault}>{fault}</p>}
      <AddClause group={group} />
    </div>
  )
}

function AddClause({ group }: { readonly group: Group }) {
  const { tree, change } = useAudience()
  const add = (clause: Clause): void => change(addClause(tree, group.id, clause), rowsOf(newGroup([clause]))[0]?.id)
  return (
    <div className="row">
      <Button size="small" onClick={() => add(newRow())}>
        <Plus size={14} aria-hidden />
        Add a condition
      </Button>
      <Menu
        align="start"
        trigger={
          <Button size="small" kind="quiet">
            <ListPlus size={14} aria-hidden />
            Add a group
          </Button>
        }
      >
        <MenuItem onSelect={() => add(newJoin('$or', [newGroup([newRow()]), newGroup([newRow()])]))}>Any of…</MenuItem>
        <MenuItem onSelect={() => add(newJoin('$and', [newGroup([newRow()]), newGroup([newRow()])]))}>All of…</MenuItem>
        <MenuItem onSelect={() => add(newJoin('$nor', [newGroup([newRow()]), newGroup([newRow()])]))}>None of…</MenuItem>
        <MenuItem onSelect={() => add(newNot(newGroup([newRow()])))}>Not…</MenuItem>
      </Menu>
    </div>
  )
}

function ClauseEditor({ clause }: { readonly clause: Clause }) {
  switch (clause.kind) {
    case 'row':
      return <ConditionRow row={clause} />
    case 'join':
      return <JoinRows join={clause} />
    case 'not':
      return <NotRows not={clause} />
    case 'raw':
      return <RawRow raw={clause} />
  }
}

/** Held says by sign and colour whether the person who is tried meets it. */
export function Held({ id }: { readonly id: string }) {
  const { held, pointers } = useAudience()
  const pointer = pointers.get(id)
  const met = pointer === undefined ? undefined : held.get(pointer)
  if (met === undefined) return null
  const Icon = met ? Check : X
  return <Icon size={15} className={met ? styles.met : styles.unmet} role="img" aria-label={met ? 'met' : 'not met'} />
}

/** Remove takes a clause away. */
export function Remove({ id, what }: { readonly id: string; readonly what: string }) {
  const { tree, change } = useAudience()
  return (
    <Button kind="quiet" size="small" icon label={`Remove ${what}`} onClick={() => change(replaceClause(tree, id, []))}>
      <Trash2 size={14} aria-hidden />
    </Button>
  )
}

const joinNames: Readonly<Record<Join['how'], string>> = { $or: 'Any of', $and: 'All of', $nor: 'None of' }

function JoinRows({ join }: { readonly join: Join }) {
  const { tree, change, faults } = useAudience()
  const set = (next: Join): void => change(replaceClause(tree, join.id, [next]))
  return (
    <fieldset className={styles.join}>
      <legend className="visually-hidden">{joinNames[join.how]}</legend>
      <div className={styles.head}>
        <Held id={join.id} />
        <Select aria-label="How these are joined" value={join.how} onChange={(event) => set({ ...join, how: event.target.value as Join['how'] })}>
          {Object.entries(joinNames).map(([how, text]) => (
            <option key={how} value={how}>
              {text}
            </option>
          ))}
        </Select>
        <span className="grow" />
        <Button size="small" kind="quiet" onClick={() => set({ ...join, groups: [...join.groups, newGroup([newRow()])] })}>
          <Plus size={14} aria-hidden />
          Add one more
        </Button>
        <Remove id={join.id} what={`"${joinNames[join.how]}" and all in it`} />
      </div>
      {faults.get(join.id) && <p className={styles.fault}>{faults.get(join.id)}</p>}
      {join.groups.map((group, i) => (
        <div key={group.id} className={styles.member}>
          <div className="grow">
            <GroupRows group={group} />
          </div>
          <Button kind="quiet" size="small" icon label={`Remove part ${i + 1}`} onClick={() => set({ ...join, groups: join.groups.filter((each) => each.id !== group.id) })}>
            <X size={14} aria-hidden />
          </Button>
        </div>
      ))}
    </fieldset>
  )
}

function NotRows({ not }: { readonly not: Not }) {
  const { faults } = useAudience()
  return (
    <fieldset className={styles.join}>
      <legend className="visually-hidden">Not</legend>
      <div className={styles.head}>
        <Held id={not.id} />
        <strong className="grow">Not</strong>
        <Remove id={not.id} what={'"Not" and all in it'} />
      </div>
      {faults.get(not.id) && <p className={styles.fault}>{faults.get(not.id)}</p>}
      <GroupRows group={not.group} />
    </fieldset>
  )
}

function RawRow({ raw }: { readonly raw: Raw }) {
  const { tree, change, faults, pointers } = useAudience()
  return (
    <div className={styles.row} data-raw>
      <Held id={raw.id} />
      <Braces size={15} aria-hidden />
      <code>{raw.name}</code>
      <JsonCell field={`audience:${pointers.get(raw.id) ?? raw.name}`} label={`${raw.name} as JSON`} value={raw.value} onValue={(value) => change(replaceClause(tree, raw.id, [{ ...raw, value }]))} />
      <Remove id={raw.id} what={raw.name} />
      {faults.get(raw.id) && <p className={styles.fault}>{faults.get(raw.id)}</p>}
    </div>
  )
}
