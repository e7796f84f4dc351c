import { useQuery } from '@tanstack/react-query'
import { segmentsQuery } from '../api/queries'
import { Select, TextInput } from '../ui/field'
import styles from './audience.module.css'
import { useAudience } from './audience-state'
import { replaceClause, type Row } from './condition'
import { Held, Remove } from './condition-rows'
import { ParsedInput } from './editing'
import type { Json } from './json'
import { JsonCell } from './json-cell'
import { ListInput } from './list-input'
import { convert, fits, operatorOf, operators, readScalar, types, writeScalar } from './operators'

/** ConditionRow edits one test: attribute, operator, value. */
export function ConditionRow({ row }: { readonly row: Row }) {
  const { tree, change, faults, pointers, fresh } = useAudience()
  const set = (next: Partial<Row>): void => change(replaceClause(tree, row.id, [{ ...row, ...next }]))
  const fault = faults.get(row.id) ?? (row.attribute === '' ? 'Name an attribute.' : undefined)
  const known = operators.some((operator) => operator.name === row.operator)
  const name = row.attribute || 'the new condition'
  return (
    <div className={styles.row}>
      <Held id={row.id} />
      <TextInput
        code
        autoFocus={row.id === fresh}
        aria-label="Attribute"
        placeholder="attribute"
        value={row.attribute}
        aria-invalid={fault ? true : undefined}
        onChange={(event) => set({ attribute: event.target.value })}
      />
      <Select
        aria-label={`Operator of ${name}`}
        value={row.operator}
        onChange={(event) => set({ operator: event.target.value, value: convert(row.value, operatorOf(event.target.value)) })}
      >
        {!known && <option value={row.operator}>{row.operator} (unknown)</option>}
        {operators.map((operator) => (
          <option key={operator.name} value={operator.name}>
            {operator.words}
            {operator.name && ` (${operator.name})`}
          </option>
        ))}
      </Select>
      <Operand row={row} label={`Value of ${name}`} at={pointers.get(row.id) ?? ''} onValue={(value) => set({ value })} />
      <Remove id={row.id} what={name} />
      {fault && <p className={styles.fault}>{fault}</p>}
    </div>
  )
}

interface OperandProps {
  readonly row: Row
  readonly label: string
  readonly at: string
  readonly onValue: (value: Json) => void
}

function Operand({ row, label, at, onValue }: OperandProps) {
  const { operand } = operatorOf(row.operator)
  const { value } = row
  if (!fits(operand, value)) return <JsonCell field={`audience:${at}`} label={`${label} as JSON`} value={value} onValue={onValue} />
  switch (operand) {
    case 'yes':
      return (
        <Select aria-label={label} value={String(value)} onChange={(event) => onValue(event.target.value === 'true')}>
          <option value="true">yes</option>
          <option value="false">no</option>
        </Select>
      )
    case 'type':
      return (
        <Select aria-label={label} value={String(value)} onChange={(event) => onValue(event.target.value)}>
          {types.map((type) => (
            <option key={type}>{type}</option>
          ))}
        </Select>
      )
    case 'segment':
      return <SegmentPicker label={label} value={String(value)} onValue={onValue} />
    case 'list':
      return <ListInput label={label} placeholder="Enter adds a value" values={value as readonly Json[]} onChange={onValue} />
    case 'networks':
      return <ListInput label={label} textOnly placeholder="10.0.0.0/8" values={Array.isArray(value) ? (value as readonly Json[]) : [value]} onChange={onValue} />
    case 'number':
      return <ParsedInput field={`audience:${at}`} aria-label={label} inputMode="numeric" value={value} format={(number) => String(number)} read={readNumber} onValue={onValue} />
    case 'value':
      return (
        <span className={styles.scalar}>
          <ParsedInput field={`audience:${at}`} aria-label={label} placeholder={'text, 42, true, "42"'} value={value} format={writeScalar} read={(text) => ({ value: readScalar(text) })} onValue={onValue} />
          <span className={styles.kind} title="42 is a number, and &quot;42&quot; in quotes a text">
            {value === null ? 'null' : typeof value === 'string' ? 'text' : typeof value}
          </span>
        </span>
      )
    default:
      return <TextInput code={operand === 'pattern'} aria-label={label} value={String(value)} onChange={(event) => onValue(event.target.value)} />
  }
}

function readNumber(text: string): { readonly value: Json } | undefined {
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? { value: number } : undefined
}

function SegmentPicker({ label, value, onValue }: { readonly label: string; readonly value: string; readonly onValue: (value: string) => void }) {
  const { data: segments = [] } = useQuery(segmentsQuery)
  const known = segments.some((segment) => segment.key === value)
  return (
    <Select aria-label={label} value={value} onChange={(event) => onValue(event.target.value)}>
      {!known && <option value={value}>{value === '' ? 'Choose a segment' : `${value} (gone)`}</option>}
      {segments.map((segment) => (
        <option key={segment.key} value={segment.key}>
          {segment.name} ({segment.key})
        </option>
      ))}
    </Select>
  )
}
