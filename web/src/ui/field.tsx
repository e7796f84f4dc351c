import { cloneElement, useId, type ComponentProps, type InputHTMLAttributes, type ReactElement, type ReactNode, type SelectHTMLAttributes, type TextareaHTMLAttributes } from 'react'
import styles from './field.module.css'

interface Control {
  readonly id?: string | undefined
  readonly 'aria-invalid'?: boolean | undefined
  readonly 'aria-describedby'?: string | undefined
}

export interface FieldProps {
  readonly label: ReactNode
  readonly hint?: ReactNode
  readonly error?: string | undefined
  readonly optional?: boolean
  /** One control, which gets its id and what describes it. */
  readonly children: ReactElement<Control>
}

/** Field is a labelled control with what helps and what is wrong. */
export function Field({ label, hint, error, optional = false, children }: FieldProps) {
  const id = useId()
  const describedBy = [hint !== undefined && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
        {optional && <span className={styles.optional}>optional</span>}
      </label>
      {cloneElement(children, { id, 'aria-invalid': error ? true : undefined, 'aria-describedby': describedBy })}
      {error && (
        <p className={styles.error} id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p className={styles.hint} id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  )
}

const classes = (...names: (string | false | undefined)[]): string => names.filter(Boolean).join(' ')

export function TextInput({ code = false, className, ...rest }: ComponentProps<'input'> & { readonly code?: boolean }) {
  return <input type="text" autoComplete="off" spellCheck={!code} {...rest} className={classes(styles.input, code && styles.code, className)} />
}

export function TextArea({ code = false, className, ...rest }: TextareaHTMLAttributes<HTMLTextAreaElement> & { readonly code?: boolean }) {
  return <textarea rows={3} spellCheck={!code} {...rest} className={classes(styles.input, code && styles.code, className)} />
}

export function Select({ className, ...rest }: SelectHTMLAttributes<HTMLSelectElement>) {
  return <select {...rest} className={classes(styles.input, className)} />
}

export function Checkbox({ children, ...rest }: Omit<InputHTMLAttributes<HTMLInputElement>, 'type'>) {
  return (
    <label className={styles.check}>
      <input type="checkbox" {...rest} />
      <span>{children}</span>
    </label>
  )
}

export interface ChoiceProps<T extends string> {
  /** What is chosen; read aloud. */
  readonly label: string
  readonly value: T
  readonly options: readonly { readonly value: T; readonly text: ReactNode }[]
  readonly onChange: (value: T) => void
}

/** Choice picks one of a few that all stay in sight. */
export function Choice<T extends string>({ label, value, options, onChange }: ChoiceProps<T>) {
  const name = useId()
  return (
    <div className={styles.segments} role="radiogroup" aria-label={label}>
      {options.map((option) => (
        <label key={option.value}>
          <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
          {option.text}
        </label>
      ))}
    </div>
  )
}
