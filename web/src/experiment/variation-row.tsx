import { useState, type ReactNode } from 'react'
import { Field, Select, TextInput } from '../ui/field'
import { count, share as shareText } from '../ui/format'
import { variationColour } from '../ui/variation'
import { ParsedArea, ParsedInput, useEditing, useError, whole } from './editing'
import styles from './editor.module.css'
import { parse, type Json } from './json'
import type { VariationSettings } from './settings'

type Kind = 'boolean' | 'string' | 'number' | 'json'

const kindOf = (value: Json): Kind => {
  const type = typeof value
  return type === 'boolean' || type === 'string' || type === 'number' ? type : 'json'
}

const kindNames: Readonly<Record<Kind, string>> = { boolean: 'boolean', string: 'text', number: 'number', json: 'JSON' }

export interface VariationRowProps {
  readonly index: number
  readonly variation: VariationSettings
  readonly share: number
  /** Whether programs know the key already: another one is another variation. */
  readonly kept: boolean
  readonly onChange: (change: Partial<VariationSettings>) => void
  readonly actions: ReactNode
}

/** VariationRow edits one variation. */
export function VariationRow({ index, variation, share, kept, onChange, actions }: VariationRowProps) {
  const { experiment } = useEditing()
  const at = `variations[${index}]`
  return (
    <li className={styles.variation} aria-label={index === 0 ? `${variation.name}, the control` : variation.name}>
      <span className={styles.swatch} style={{ background: variationColour(index) }} aria-hidden />
      <Field label="Name" error={useError(`${at}.name`)}>
        <TextInput value={variation.name} maxLength={200} onChange={(event) => onChange({ name: event.target.value })} />
      </Field>
      <Field label="Key" error={useError(`${at}.key`)}>
        <TextInput
          code
          value={variation.key}
          maxLength={128}
          readOnly={kept && experiment !== null}
          title={kept && experiment !== null ? 'The key stays: another key is another variation.' : undefined}
          onChange={(event) => onChange({ key: event.target.value })}
        />
      </Field>
      <ValueFields at={at} value={variation.value} onValue={(value) => onChange({ value })} />
      <Field label="Weight" error={useError(`${at}.weight`)}>
        <ParsedInput field={`${at}.weight`} inputMode="numeric" value={variation.weight} format={String} read={whole(0, 1_000_000)} onValue={(weight) => onChange({ weight })} />
      </Field>
      <p className={styles.share} title={`${count(share)} slots of a million`}>
        {shareText(share)}
        <span className="faint">{count(share)}</span>
      </p>
      <div className={styles.rowActions}>{actions}</div>
    </li>
  )
}

function ValueFields({ at, value, onValue }: { readonly at: string; readonly value: Json; readonly onValue: (value: Json) => void }) {
  // JSON can hold a text too: the kind that was chosen stays while it fits.
  const [chosen, setChosen] = useState<Kind | null>(null)
  const { draft } = useEditing()
  const field = `${at}.value`
  const kind = chosen === 'json' || draft.texts[field] !== undefined ? 'json' : kindOf(value)
  const error = useError(field)
  const choose = (next: Kind): void => {
    setChosen(next)
    draft.setText(field, null)
    if (next !== 'json' && next !== kindOf(value)) onValue(as(next, value))
  }
  return (
    <div className={styles.typed}>
      <Field label="Type">
        <Select value={kind} onChange={(event) => choose(event.target.value as Kind)}>
          {Object.entries(kindNames).map(([name, text]) => (
            <option key={name} value={name}>
              {text}
            </option>
          ))}
        </Select>
      </Field>
      <Field label="Value" error={error}>
        {kind === 'boolean' ? (
          <Select value={String(value)} onChange={(event) => onValue(event.target.value === 'true')}>
            <option value="true">true</option>
            <option value="false">false</option>
          </Select>
        ) : kind === 'string' ? (
          <TextInput value={String(value)} onChange={(event) => onValue(event.target.value)} />
        ) : kind === 'number' ? (
          <ParsedInput field={field} inputMode="decimal" value={value} format={(number) => JSON.stringify(number)} read={readNumber} onValue={onValue} />
        ) : (
          <ParsedArea
            code
            rows={1}
            field={field}
            value={value}
            format={(json) => JSON.stringify(json)}
            read={(text) => {
              const json = parse(text)
              return json === undefined ? undefined : { value: json }
            }}
            onValue={onValue}
          />
        )}
      </Field>
    </div>
  )
}

function readNumber(text: string): { readonly value: Json } | undefined {
  const number = Number(text)
  return text.trim() !== '' && Number.isFinite(number) ? { value: number } : undefined
}

function as(kind: Exclude<Kind, 'json'>, value: Json): Json {
  switch (kind) {
    case 'boolean':
      return value === 'true' || (typeof value === 'number' && value !== 0)
    case 'number':
      return Number.isFinite(Number(value)) ? Number(value) : 0
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value)
  }
}
