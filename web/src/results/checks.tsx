import type { Results } from '../api/queries'
import { Badge, type Tone } from '../ui/badge'
import { count, pValue, percent, plural } from '../ui/format'
import { Panel } from '../ui/panel'
import { VariationName, variationColour } from '../ui/variation'
import { signOf } from '../verdict/verdict'
import styles from './results.module.css'
import { planWords } from './verdict-banner'

/** Checks says whether the numbers can be trusted, and whether they are enough. */
export function Checks({ results }: { readonly results: Results }) {
  return (
    <div className={styles.checks}>
      <Split results={results} />
      <Quality results={results} />
      <Power results={results} />
    </div>
  )
}

const splitWords: Readonly<Record<Results['srm']['verdict'], readonly [Tone, string]>> = {
  ok: ['good', 'As split'],
  mismatch: ['bad', 'Mismatch'],
  leak: ['bad', 'Leak'],
  no_data: ['neutral', 'No data'],
}

function Split({ results }: { readonly results: Results }) {
  const { srm } = results
  const [tone, word] = splitWords[srm.verdict]
  const arms = results.experiment.variations.map((variation) => {
    const parts = srm.epochs.flatMap((epoch) => epoch.variations.filter((arm) => arm.variation === variation))
    return { variation, observed: sum(parts.map((arm) => arm.observed)), expected: sum(parts.map((arm) => arm.expected)) }
  })
  const largest = Math.max(1, ...arms.map((arm) => Math.max(arm.observed, arm.expected)))
  return (
    <Panel title="Did units come as split?" actions={<Badge tone={tone}>{word}</Badge>}>
      <p className="soft">{srm.p_value === null ? 'Nobody has been exposed yet.' : `Sequential test of the split: p ${pValue(srm.p_value).startsWith('<') ? pValue(srm.p_value) : `= ${pValue(srm.p_value)}`}, level ${results.plan.srm_alpha}`}</p>
      <div className={styles.arms}>
        {arms.map((arm, index) => (
          <div key={arm.variation} className={styles.arm}>
            <VariationName index={index} name={arm.variation} />
            <div className={styles.track} role="img" aria-label={`${count(arm.observed)} units, ${count(Math.round(arm.expected))} expected`}>
              <span className={styles.fill} style={{ width: `${(96 * arm.observed) / largest}%`, background: variationColour(index) }} />
              {arm.expected > 0 && <span className={styles.expect} style={{ left: `${(96 * arm.expected) / largest}%` }} title={`${count(Math.round(arm.expected))} expected`} />}
            </div>
            <span title={`${count(Math.round(arm.expected))} expected`}>{count(arm.observed)}</span>
          </div>
        ))}
      </div>
    </Panel>
  )
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)

function Quality({ results }: { readonly results: Results }) {
  const { quality } = results
  const rows: readonly (readonly [string, number, string, boolean])[] = [
    ['Saw two variations', quality.crossovers, 'Units, left out', true],
    ['Exposures that disagree', quality.disagreements, 'With what the ledger gives, left out', true],
    ['Bots', quality.bots, 'Units with over 10,000 events, left out', false],
    ['Set by hand', quality.overridden, 'Exposures of overridden units, left out', false],
    ['Of excluded segments', quality.excluded, 'Units, left out', false],
  ]
  const troubled = rows.some(([, n, , trouble]) => trouble && n > 0)
  return (
    <Panel title="Is the data clean?" actions={<Badge tone={troubled ? 'warn' : 'good'}>{troubled ? 'Look' : 'Clean'}</Badge>}>
      <dl className={styles.list} style={{ marginTop: 0 }}>
        {rows.map(([name, n, about]) => (
          <div key={name} style={{ display: 'contents' }}>
            <dt title={about}>{name}</dt>
            <dd className={n === 0 ? 'faint' : undefined}>{count(n)}</dd>
          </div>
        ))}
      </dl>
      {quality.wide_dimensions && <p className="soft">Not counted by {quality.wide_dimensions.join(', ')}: over 1,000 values.</p>}
    </Panel>
  )
}

function Power({ results }: { readonly results: Results }) {
  const primary = results.metrics.filter((metric) => metric.role === 'primary' && !metric.added)
  const weakest = primary.map((metric) => metric.power).reduce((least, power) => (power !== null && (least === null || (power.reached ?? 0) < (least.reached ?? 0)) ? power : least), null)
  const { decided } = signOf(results.verdict)
  return (
    <Panel title="Is it enough?" actions={<Badge tone={decided ? 'good' : 'neutral'}>{decided ? 'Decided' : 'Not yet'}</Badge>}>
      {weakest === null ? (
        <p className="soft">Unknown until a primary metric has been counted.</p>
      ) : (
        <>
          <p className="soft">To find the effect worth having, by the least certain primary metric</p>
          <p className={styles.figure}>{weakest.reached === null ? '–' : `${percent(weakest.reached, 0)} power`}</p>
          <div className={styles.meter} role="img" aria-label={`Power ${percent(weakest.reached ?? 0, 0)} of ${percent(results.plan.power, 0)} wanted`}>
            <span style={{ width: `${Math.min(100, (100 * (weakest.reached ?? 0)) / results.plan.power)}%` }} />
          </div>
        </>
      )}
      <dl className={styles.list}>
        {weakest !== null && (
          <>
            {!decided && (
              <>
                <dt>Still to come</dt>
                <dd>{weakest.days_left === null ? '–' : weakest.days_left === 0 ? 'nothing' : `${plural(weakest.days_left, 'day')}${weakest.units ? `, ${plural(weakest.units, 'unit')}` : ''}`}</dd>
              </>
            )}
            <dt>Found by now</dt>
            <dd>{weakest.mde === null ? '–' : `effects of ${percent(weakest.mde)} and more`}</dd>
          </>
        )}
        {planWords(results)
          .slice(0, 2)
          .map(([name, words]) => (
            <div key={name} style={{ display: 'contents' }}>
              <dt>{name}</dt>
              <dd>{words}</dd>
            </div>
          ))}
      </dl>
    </Panel>
  )
}
