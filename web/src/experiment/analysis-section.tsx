import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { segmentsQuery } from '../api/queries'
import { Checkbox, Field, Select } from '../ui/field'
import { Panel } from '../ui/panel'
import { ParsedInput, useEditing, useError } from './editing'
import styles from './editor.module.css'
import { ListInput } from './list-input'
import type { Analysis } from './settings'

type NumberName = 'alpha' | 'min_days' | 'max_days' | 'mde' | 'power' | 'guardrail_margin' | 'srm_alpha'

interface Numeric {
  readonly name: NumberName
  readonly label: string
  readonly hint: string
  readonly from: number
  readonly to: number
  /** Shown where nothing is said. */
  readonly byDefault?: string
  readonly days?: boolean
}

const numbers: readonly Numeric[] = [
  { name: 'alpha', label: 'Level α', hint: 'How often a difference is claimed where there is none.', from: 0.0001, to: 0.5 },
  { name: 'mde', label: 'Effect worth having', hint: 'Relative: 0.05 is 5 %. Smaller ones take longer to find.', from: 0.0001, to: 10, byDefault: '0.05' },
  { name: 'power', label: 'Power', hint: 'The chance to find such an effect if it is there.', from: 0.5, to: 0.9999, byDefault: '0.8' },
  { name: 'min_days', label: 'Least days', hint: 'Before these pass, only harm is decided.', from: 0, to: 366, byDefault: 'none', days: true },
  { name: 'max_days', label: 'Most days', hint: 'The planned length. A fixed test decides then only.', from: 0, to: 366, byDefault: 'none', days: true },
  { name: 'guardrail_margin', label: 'Guardrail margin', hint: 'The relative harm to a guardrail that is put up with.', from: 0.0001, to: 1, byDefault: '0.05' },
  { name: 'srm_alpha', label: 'Level of the split check', hint: 'How unlikely the counts of units must be before results are doubted.', from: 1e-9, to: 0.1, byDefault: '0.001' },
]

const methodHints: Readonly<Record<Analysis['method'], string>> = {
  sequential: 'Always valid: look any day and stop when it is significant.',
  fixed: 'One look at the planned end: the shortest intervals, if nobody peeks.',
  bayesian: 'The chance to win and the expected loss, instead of p-values.',
}

const correctionHints: Readonly<Record<Analysis['correction'], string>> = {
  holm: 'The chance of any false finding stays at α.',
  'benjamini-hochberg': 'The share of false ones among the findings stays at α.',
  none: 'Each metric for itself: several give false findings more often.',
}

export function AnalysisSection() {
  const { draft } = useEditing()
  const { data: segments = [] } = useQuery(segmentsQuery)
  const { analysis } = draft.settings
  const set = (change: { readonly [K in keyof Analysis]?: Analysis[K] | undefined }): void =>
    draft.set((now) => ({ ...now, analysis: Object.fromEntries(Object.entries({ ...now.analysis, ...change }).filter(([, value]) => value !== undefined)) as unknown as Analysis }))
  const orNone = <T,>(list: readonly T[]): readonly T[] | undefined => (list.length > 0 ? list : undefined)
  const exclude = analysis.exclude ?? []
  return (
    <Panel title="Analysis" id="analysis" about="How results are judged">
      <div className={styles.grid}>
        <Field label="Method" hint={methodHints[analysis.method]} error={useError('analysis.method')}>
          <Select value={analysis.method} onChange={(event) => set({ method: event.target.value as Analysis['method'] })}>
            <option value="sequential">Sequential</option>
            <option value="fixed">Fixed horizon</option>
            <option value="bayesian">Bayesian</option>
          </Select>
        </Field>
        <Field label="Correction for several metrics" hint={correctionHints[analysis.correction]} error={useError('analysis.correction')}>
          <Select value={analysis.correction} onChange={(event) => set({ correction: event.target.value as Analysis['correction'] })}>
            <option value="holm">Holm</option>
            <option value="benjamini-hochberg">Benjamini-Hochberg</option>
            <option value="none">None</option>
          </Select>
        </Field>
        {numbers.map((numeric) => (
          <NumberField key={numeric.name} numeric={numeric} value={analysis[numeric.name]} onValue={(value) => set({ [numeric.name]: value })} />
        ))}
        <Field label="Dimensions" optional hint="Attributes of exposures by which results are broken down." error={useListError('analysis.dimensions')}>
          <ListInput textOnly values={analysis.dimensions ?? []} onChange={(values) => set({ dimensions: orNone(values.filter((value) => typeof value === 'string')) })} />
        </Field>
        {(segments.length > 0 || exclude.length > 0) && (
          <Names legend="Left out of results" error={useListError('analysis.exclude')}>
            {[...new Set([...segments.map((segment) => segment.key), ...exclude])].map((key) => (
              <Checkbox key={key} checked={exclude.includes(key)} onChange={(event) => set({ exclude: orNone(event.target.checked ? [...exclude, key] : exclude.filter((each) => each !== key)) })}>
                {segments.find((segment) => segment.key === key)?.name ?? key}
              </Checkbox>
            ))}
          </Names>
        )}
      </div>
    </Panel>
  )
}

function useListError(field: string): string | undefined {
  return useEditing().problem?.fields.find((fault) => fault.field.startsWith(field))?.problem
}

function Names({ legend, error, children }: { readonly legend: string; readonly error: string | undefined; readonly children: ReactNode }) {
  return (
    <fieldset className={styles.oneOf}>
      <legend>{legend}</legend>
      {children}
      {error && <p className={styles.fault}>{error}</p>}
    </fieldset>
  )
}

function NumberField({ numeric, value, onValue }: { readonly numeric: Numeric; readonly value: number | undefined; readonly onValue: (value: number | undefined) => void }) {
  const { name, label, hint, from, to, byDefault, days = false } = numeric
  const field = `analysis.${name}`
  const read = (text: string): { readonly value: number | undefined } | undefined => {
    if (text.trim() === '') return byDefault === undefined ? undefined : { value: undefined }
    const number = Number(text.replace(',', '.'))
    const fits = number >= from && number <= to && (!days || Number.isInteger(number))
    return fits ? { value: days && number === 0 ? undefined : number } : undefined
  }
  const error = useError(field)
  return (
    <Field label={label} hint={hint} error={error && error.startsWith('This must') ? `This must be a ${days ? 'whole ' : ''}number from ${from} to ${to}.` : error} optional={byDefault !== undefined}>
      <ParsedInput field={field} inputMode="decimal" placeholder={byDefault} value={value} format={(number) => (number === undefined ? '' : String(number))} read={read} onValue={onValue} />
    </Field>
  )
}
