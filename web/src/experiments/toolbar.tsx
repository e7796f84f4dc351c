import { Search, X } from 'lucide-react'
import { memo, type RefObject } from 'react'
import { Button } from '../ui/button'
import { Choice, Select, TextInput } from '../ui/field'
import { count } from '../ui/format'
import type { Filter } from './filter'
import styles from './list.module.css'

export interface ToolbarProps {
  readonly filter: Filter
  readonly tags: readonly string[]
  readonly owners: readonly string[]
  readonly layers: readonly string[]
  readonly found: number
  readonly total: number
  readonly search: RefObject<HTMLInputElement | null>
  readonly onChange: (change: Partial<Filter>) => void
}

export function Toolbar({ filter, tags, owners, layers, found, total, search, onChange }: ToolbarProps) {
  const filtered = filter.q !== '' || filter.status !== 'all' || filter.tag !== '' || filter.owner !== '' || filter.layer !== ''
  return (
    <div className={`${styles.tools} no-print`} role="search">
      <div className={styles.search}>
        <Search size={15} aria-hidden />
        <TextInput
          ref={search}
          type="search"
          aria-label="Search experiments"
          placeholder="Search name, key, owner, tag…"
          value={filter.q}
          onChange={(event) => onChange({ q: event.target.value })}
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return
            event.preventDefault() // or the browser empties it
            event.currentTarget.blur()
          }}
        />
        <kbd aria-hidden>/</kbd>
      </div>
      <Choice
        label="Status"
        value={filter.status}
        options={[
          { value: 'all', text: 'All' },
          { value: 'active', text: 'Active' },
          { value: 'inactive', text: 'Inactive' },
        ]}
        onChange={(status) => onChange({ status })}
      />
      <Pick label="Owner" field="owner" any="Any owner" value={filter.owner} values={owners} onChange={onChange} />
      <Pick label="Tag" field="tag" any="Any tag" value={filter.tag} values={tags} onChange={onChange} />
      <Pick label="Layer" field="layer" any="Any layer" value={filter.layer} values={layers} onChange={onChange} />
      {filtered && (
        <Button kind="quiet" size="small" onClick={() => onChange({ q: '', status: 'all', tag: '', owner: '', layer: '' })}>
          <X size={14} aria-hidden />
          Clear
        </Button>
      )}
      <span className={styles.found} role="status">
        {found === total ? `${count(total)} in all` : `${count(found)} of ${count(total)}`}
      </span>
    </div>
  )
}

interface PickProps {
  readonly label: string
  readonly field: 'owner' | 'tag' | 'layer'
  readonly any: string
  readonly value: string
  readonly values: readonly string[]
  readonly onChange: ToolbarProps['onChange']
}

const Pick = memo(function Pick({ label, field, any, value, values, onChange }: PickProps) {
  if (values.length === 0 && value === '') return null
  return (
    <Select aria-label={label} className={`${styles.filter} ${value ? styles.chosen : ''}`} value={value} onChange={(event) => onChange({ [field]: event.target.value })}>
      <option value="">{any}</option>
      {(value === '' || values.includes(value) ? values : [value, ...values]).map((item) => (
        <option key={item}>{item}</option>
      ))}
    </Select>
  )
})
