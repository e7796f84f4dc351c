import { Download, Pin } from 'lucide-react'
import type { Results } from '../api/queries'
import { Button } from '../ui/button'
import { useDownloadCSV } from '../ui/download'
import { date, plural, sentence } from '../ui/format'
import { Time } from '../ui/time'
import { signOf } from '../verdict/verdict'
import { correctionWords, methodWords } from './judge'
import { resultsPath, type Ask } from './results-query'
import styles from './results.module.css'

export interface BannerProps {
  readonly results: Results
  readonly ask: Ask
  readonly onPin: () => void
}

/** VerdictBanner says what follows, by which rule, from which data. */
export function VerdictBanner({ results, ask, onPin }: BannerProps) {
  const { verdict, plan } = results
  const { tone, icon: Icon } = signOf(verdict)
  const [method, why] = methodWords(results.method)
  const download = useDownloadCSV()
  const save = (): void => download(resultsPath(results.experiment.id), { ...ask, as_of: results.as_of }, `${results.experiment.key}-phase-${results.phase}-${results.as_of}.csv`)
  const test = sentence(results.test.label)
  return (
    <section className={`${styles.banner} ${styles[tone]}`} aria-label="Verdict">
      <Icon size={24} strokeWidth={1.8} aria-hidden />
      <p className={styles.words}>{sentence(verdict.text)}</p>
      <div className={`${styles.side} no-print`}>
        {ask.as_of === '' && (
          <Button size="small" onClick={onPin}>
            <Pin size={14} aria-hidden />
            Pin
          </Button>
        )}
        <Button size="small" onClick={save}>
          <Download size={14} aria-hidden />
          CSV
        </Button>
      </div>
      <div className={styles.under}>
        <span title={why}>
          <b>{test || method}</b> at {Number((results.alpha * 100).toFixed(3))}%, {correctionWords(results.correction)}
        </span>
        {results.since !== null && results.through !== null && (
          <span>
            {plural(results.days, 'day')}, {date(results.since)} to {date(results.through)}
          </span>
        )}
        {plan.fixed_at !== null && (
          <span>
            Rule fixed at version {plan.fixed_at.version}, <Time at={plan.fixed_at.at} />
          </span>
        )}
        <span title={`SHA-256 ${results.hash}`}>
          As of <span className="code">{results.as_of}</span>
        </span>
      </div>
    </section>
  )
}

/** planWords lists the numbers of the rule that decide. */
export function planWords(results: Results): readonly (readonly [string, string])[] {
  const { plan } = results
  return [
    ['Effect worth having', `${Number((plan.mde * 100).toFixed(2))}%`],
    ['Power wanted', `${Number((plan.power * 100).toFixed(1))}%`],
    ['Guardrail margin', `${Number((plan.guardrail_margin * 100).toFixed(2))}%`],
    ['Earliest decision', plan.min_days > 0 ? plural(plan.min_days, 'day') : 'none'],
    ['Planned length', plan.max_days > 0 ? plural(plan.max_days, 'day') : 'open'],
    ['Level of the split check', String(plan.srm_alpha)],
  ]
}
