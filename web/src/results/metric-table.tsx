import { TriangleAlert } from 'lucide-react'
import { Fragment } from 'react'
import type { Results } from '../api/queries'
import { chance, count, pValue, signedPercent, significant } from '../ui/format'
import { Tooltip } from '../ui/tooltip'
import { VariationName } from '../ui/variation'
import { Axis, Interval } from './interval'
import { direction, flagWords, statusWords, value } from './judge'
import styles from './results.module.css'
import type { MetricResult, VariationResult } from './results-query'
import { scaleOf, type Scale } from './scale'

const roles = ['primary', 'guardrail', 'secondary'] as const
const roleWords = { primary: 'Primary: decides', guardrail: 'Guardrails: must not get worse', secondary: 'Secondary: tells more' } as const

export interface MetricTableProps {
  readonly results: Results
  readonly metrics: readonly MetricResult[]
  /** What the rows are, where they are not the metrics by their roles. */
  readonly rows?: string
  readonly chosen?: string | undefined
  readonly onChoose?: (metric: string) => void
}

/** MetricTable has each variation's numbers and its interval against zero, all on one scale. */
export function MetricTable({ results, metrics, rows, chosen, onChoose }: MetricTableProps) {
  const guarded = metrics.some((metric) => metric.role === 'guardrail')
  const scale = scaleOf(
    metrics.flatMap((metric) => metric.variations.slice(1)),
    guarded ? results.plan.guardrail_margin : 0,
  )
  return (
    <table className={styles.metrics}>
      <caption className="visually-hidden">Metrics by variation</caption>
      <colgroup>
        <col style={{ width: '20%' }} />
        <col style={{ width: '14%' }} />
        <col style={{ width: '8%' }} />
        <col style={{ width: '10%' }} />
        <col style={{ width: '12%' }} />
        <col />
        <col style={{ width: '11%' }} />
      </colgroup>
      <thead>
        <tr>
          <th scope="col">{rows ?? 'Metric'}</th>
          <th scope="col">Variation</th>
          <th scope="col" className={styles.n}>
            Units
          </th>
          <th scope="col" className={styles.n}>
            Value
          </th>
          <th scope="col" className={styles.n}>
            Lift
          </th>
          <th scope="col">
            <span className="visually-hidden">Interval against no difference</span>
            <Axis scale={scale} />
          </th>
          <th scope="col" className={styles.n}>
            {results.method === 'bayesian' ? 'Chance to win' : 'p, corrected'}
          </th>
        </tr>
      </thead>
      {roles.map((role) => {
        const held = metrics.filter((metric) => metric.role === role)
        if (held.length === 0) return null
        return (
          <tbody key={role}>
            {rows === undefined && (
              <tr className={styles.roles}>
                <th scope="rowgroup" colSpan={7}>
                  {roleWords[role]}
                </th>
              </tr>
            )}
            {held.map((metric) => (
              <Fragment key={metric.metric}>
                {metric.variations.map((result, index) => (
                  <Row
                    key={result.variation}
                    results={results}
                    metric={metric}
                    result={result}
                    index={index}
                    scale={scale}
                    chosen={chosen === metric.metric}
                    {...(onChoose && { onChoose })}
                  />
                ))}
              </Fragment>
            ))}
          </tbody>
        )
      })}
    </table>
  )
}

interface RowProps {
  readonly results: Results
  readonly metric: MetricResult
  readonly result: VariationResult
  readonly index: number
  readonly scale: Scale
  readonly chosen: boolean
  readonly onChoose?: (metric: string) => void
}

function Row({ results, metric, result, index, scale, chosen, onChoose }: RowProps) {
  const control = index === 0
  const way = direction(metric, result)
  return (
    <tr className={control ? undefined : styles['arm-row']}>
      {control && (
        <th scope="rowgroup" rowSpan={metric.variations.length} className={`${styles.metric} ${chosen ? styles.chosen : ''}`}>
          {onChoose ? (
            <button type="button" aria-pressed={chosen} onClick={() => onChoose(metric.metric)}>
              {metric.name}
            </button>
          ) : (
            metric.name
          )}
          <p>
            {metric.kind}, {metric.goal === 'increase' ? 'more' : 'less'} is better{metric.added && ' · added later, has no say'}
          </p>
        </th>
      )}
      <td>
        <VariationName index={index} name={result.variation} />
      </td>
      <td className={styles.n}>{count(result.units)}</td>
      <td className={styles.n}>
        {result.mean === null ? <span className="faint">{statusWords(result.status)}</span> : value(metric, result.mean)}
        {result.std_error !== null && <span className={styles.sub}>± {significant(metric.kind === 'conversion' || metric.kind === 'retention' ? result.std_error * 100 : result.std_error, 2)}</span>}
      </td>
      <td className={styles.n}>{!control && <Lift result={result} way={way} />}</td>
      <td>{!control && <Interval result={result} scale={scale} direction={way} margin={metric.role === 'guardrail' ? (metric.goal === 'increase' ? -1 : 1) * results.plan.guardrail_margin : undefined} />}</td>
      <td className={styles.n}>{!control && <Certainty results={results} result={result} />}</td>
    </tr>
  )
}

function Lift({ result, way }: { readonly result: VariationResult; readonly way: ReturnType<typeof direction> }) {
  if (result.lift === null) return <span className="faint">{result.status === 'ok' ? '–' : statusWords(result.status)}</span>
  const [low = null, high = null] = result.lift_ci ?? []
  return (
    <>
      <span className={way === 'unclear' ? undefined : styles[way]}>
        {signedPercent(result.lift)}
        {way !== 'unclear' && <span className="visually-hidden">, {way}</span>}
      </span>
      {result.flags.length > 0 && (
        <Tooltip text={result.flags.map(flagWords).join(' ')}>
          <button type="button" className={styles.flag} aria-label={`To know: ${result.flags.map(flagWords).join(' ')}`}>
            <TriangleAlert size={13} aria-hidden />
          </button>
        </Tooltip>
      )}
      <span className={styles.sub}>
        {low === null ? '−∞' : signedPercent(low)} to {high === null ? '∞' : signedPercent(high)}
      </span>
    </>
  )
}

function Certainty({ results, result }: { readonly results: Results; readonly result: VariationResult }) {
  const win = result.chance_to_win === null ? null : chance(result.chance_to_win)
  if (results.method === 'bayesian') {
    return (
      <>
        {win ?? '–'}
        {result.expected_loss !== null && <span className={styles.sub}>loss {significant(result.expected_loss, 2)}</span>}
      </>
    )
  }
  const p = result.p_adjusted ?? result.p_value
  return (
    <>
      {p === null ? '–' : pValue(p)}
      {win !== null && <span className={styles.sub}>{win} to win</span>}
    </>
  )
}
