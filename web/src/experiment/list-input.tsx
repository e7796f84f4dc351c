import { X } from 'lucide-react'
import { useRef, useState, type ClipboardEvent, type KeyboardEvent } from 'react'
import { same, type Json } from './json'
import styles from './list-input.module.css'
import { readScalar, writeScalar } from './operators'

export interface ListInputProps {
  readonly id?: string
  readonly values: readonly Json[]
  readonly onChange: (values: readonly Json[]) => void
  /** Everything is a text, 42 too. */
  readonly textOnly?: boolean
  readonly placeholder?: string
  readonly label?: string | undefined
  readonly 'aria-invalid'?: boolean
  readonly 'aria-describedby'?: string
}

/** ListInput is a list of values: Enter or a comma adds one, Backspace takes the last away, and a pasted column is many. */
export function ListInput({ id, values, onChange, textOnly = false, placeholder, label, ...aria }: ListInputProps) {
  const [typed, setTyped] = useState('')
  const input = useRef<HTMLInputElement>(null)
  const read = (text: string): Json => (textOnly ? text : readScalar(text))
  const write = (value: Json): string => (textOnly && typeof value === 'string' ? value : writeScalar(value))
  const add = (texts: readonly string[]): void => {
    const more = texts.map((text) => text.trim()).filter((text) => text !== '').map(read)
    const fresh = more.filter((value, i) => ![...values, ...more.slice(0, i)].some((other) => same(other, value)))
    if (fresh.length > 0) onChange([...values, ...fresh])
    setTyped('')
  }
  const key = (event: KeyboardEvent): void => {
    const quoting = typed.startsWith('"') && !(typed.length > 1 && typed.endsWith('"'))
    if (event.key === 'Enter' || (event.key === ',' && !quoting)) {
      event.preventDefault()
      add([typed])
    } else if (event.key === 'Backspace' && typed === '' && values.length > 0) {
      onChange(values.slice(0, -1))
    }
  }
  const paste = (event: ClipboardEvent): void => {
    const texts = event.clipboardData.getData('text').split(/[\n\r\t,;]+/)
    if (texts.length < 2) return
    event.preventDefault()
    add(texts)
  }
  return (
    <div className={styles.list} data-invalid={aria['aria-invalid']} onClick={(event) => event.target === event.currentTarget && input.current?.focus()}>
      {values.map((value, i) => (
        <span key={i} className={styles.item}>
          {write(value)}
          <button
            type="button"
            aria-label={`Remove ${write(value)}`}
            onClick={() => {
              onChange(values.filter((_, j) => j !== i))
              input.current?.focus()
            }}
          >
            <X size={12} aria-hidden />
          </button>
        </span>
      ))}
      <input
        ref={input}
        {...aria}
        id={id}
        aria-label={label}
        value={typed}
        autoComplete="off"
        spellCheck={false}
        placeholder={values.length === 0 ? placeholder : undefined}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={key}
        onPaste={paste}
        onBlur={() => add([typed])}
      />
    </div>
  )
}
