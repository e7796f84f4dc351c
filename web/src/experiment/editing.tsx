import { createContext, useContext, useState, type ComponentProps } from 'react'
import type { Problem } from '../api/client'
import type { Experiment } from '../api/queries'
import { TextArea, TextInput } from '../ui/field'
import type { Draft } from './draft'
import { same } from './json'

export interface Editing {
  readonly draft: Draft
  /** Null while it is being created. */
  readonly experiment: Experiment | null
  /** What the server refuses: at the last attempt to save, or in the preview. */
  readonly problem: Problem | null
}

const Context = createContext<Editing | null>(null)
export const EditingProvider = Context.Provider

/** useEditing is what the sections of the editor share. */
export function useEditing(): Editing {
  const editing = useContext(Context)
  if (!editing) throw new Error('useEditing outside EditingProvider')
  return editing
}

/** useError says what is wrong with a field, whether it cannot be read here or the server refuses it. */
export function useError(field: string): string | undefined {
  const { draft, problem } = useEditing()
  return draft.texts[field] !== undefined ? unreadable(field) : problem?.of(field)
}

function unreadable(field: string): string {
  if (field === 'audience' || field.startsWith('audience') || field.endsWith('.value')) return 'This is not JSON.'
  return field.startsWith('schedule') ? 'This is not a time.' : 'This must be a number in the allowed range.'
}

export interface Parsed<T> {
  /** The field's path, as the server names it. */
  readonly field: string
  readonly value: T
  readonly format: (value: T) => string
  /** read returns undefined for what cannot be read. */
  readonly read: (text: string) => { readonly value: T } | undefined
  readonly onValue: (value: T) => void
}

// While one types, the field shows what was typed, as long as it means the
// value: "12." on the way to "12.5". What means nothing is kept in the draft.
function useParsed<T>({ field, value, format, read, onValue }: Parsed<T>) {
  const { draft } = useEditing()
  const [typed, setTyped] = useState<string | null>(null)
  const kept = draft.texts[field]
  const means = typed === null ? undefined : read(typed)
  return {
    value: kept ?? (typed !== null && means && same(means.value, value) ? typed : format(value)),
    onChange: (event: { readonly target: { readonly value: string } }) => {
      const text = event.target.value
      const readable = read(text)
      setTyped(text)
      draft.setText(field, readable ? null : text)
      if (readable) onValue(readable.value)
    },
    onBlur: () => setTyped(null),
  }
}

type Rest<P> = Omit<P, 'value' | 'onChange' | 'onBlur' | 'onInput' | keyof Parsed<unknown>>

/** ParsedInput is a field whose text stands for a value. */
export function ParsedInput<T>({ field, value, format, read, onValue, ...rest }: Parsed<T> & Rest<ComponentProps<typeof TextInput>>) {
  return <TextInput {...rest} {...useParsed({ field, value, format, read, onValue })} />
}

/** ParsedArea is ParsedInput of several lines. */
export function ParsedArea<T>({ field, value, format, read, onValue, ...rest }: Parsed<T> & Rest<ComponentProps<typeof TextArea>>) {
  return <TextArea {...rest} {...useParsed({ field, value, format, read, onValue })} />
}

export const whole = (from: number, to: number) => (text: string) => {
  const number = Number(text)
  return /^\d+$/.test(text.trim()) && number >= from && number <= to ? { value: number } : undefined
}

/** readShare reads a percentage of at most four decimals as parts per million. */
export function readShare(text: string): { readonly value: number } | undefined {
  const match = /^(\d{1,3})(?:[.,](\d{0,4}))?\s*%?$/.exec(text.trim())
  if (!match) return undefined
  const ppm = Number(match[1]) * 10_000 + Number((match[2] ?? '').padEnd(4, '0'))
  return ppm <= 1_000_000 ? { value: ppm } : undefined
}

export const writeShare = (ppm: number): string => String(ppm / 10_000)
