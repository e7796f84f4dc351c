import { ParsedArea, useError } from './editing'
import { parse, type Json } from './json'

export interface JsonCellProps {
  readonly field: string
  readonly label: string
  readonly value: Json
  readonly onValue: (value: Json) => void
}

/** JsonCell edits a value of any shape as JSON. */
export function JsonCell({ field, label, value, onValue }: JsonCellProps) {
  const error = useError(field)
  return (
    <ParsedArea
      code
      rows={1}
      aria-label={label}
      aria-invalid={error ? true : undefined}
      title={error}
      field={field}
      value={value}
      format={(json) => JSON.stringify(json)}
      read={(text) => {
        const json = parse(text)
        return json === undefined ? undefined : { value: json }
      }}
      onValue={onValue}
    />
  )
}
