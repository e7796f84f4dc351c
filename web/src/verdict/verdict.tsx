import { CircleCheck, CircleDashed, CircleMinus, CircleX, Hourglass, TriangleAlert, type LucideIcon } from 'lucide-react'
import type { Schemas } from '../api/client'
import { plural } from '../ui/format'
import styles from './verdict.module.css'

export type Verdict = Schemas['Verdict']
export type VerdictTone = 'neutral' | 'good' | 'bad' | 'warn'

interface Sign {
  readonly tone: VerdictTone
  readonly icon: LucideIcon
  /** In a word or two, for lists. */
  readonly short: string
  /** Whether the experiment has its answer. */
  readonly decided?: true
}

const unknown: Sign = { tone: 'neutral', icon: CircleDashed, short: 'No verdict' }

const signs: Readonly<Record<string, Sign>> = {
  not_started: { tone: 'neutral', icon: CircleDashed, short: 'Not started' },
  not_enough_data: { tone: 'neutral', icon: Hourglass, short: 'Collecting data' },
  ship_treatment: { tone: 'good', icon: CircleCheck, short: 'Ship', decided: true },
  keep_control: { tone: 'bad', icon: CircleX, short: 'Keep control', decided: true },
  no_difference: { tone: 'neutral', icon: CircleMinus, short: 'No difference', decided: true },
  guardrail_failed: { tone: 'bad', icon: CircleX, short: 'Guardrail failed', decided: true },
  traffic_broken: { tone: 'warn', icon: TriangleAlert, short: 'Traffic broken' },
}

export const signOf = (verdict: Verdict): Sign => signs[verdict.code] ?? unknown

/** short is the verdict for a line of a list, with what decides it. */
export function short(verdict: Verdict): string {
  const sign = signOf(verdict)
  if (verdict.code === 'ship_treatment' && verdict.variation) return `Ship ${verdict.variation}`
  if (verdict.code === 'not_enough_data' && verdict.days_left !== undefined) return verdict.days_left > 365 ? 'Over a year left' : `${plural(verdict.days_left, 'day')} left`
  return sign.short
}

/** VerdictMark is the verdict at a glance; its title has all the words. */
export function VerdictMark({ verdict }: { readonly verdict: Verdict }) {
  const { tone, icon: Icon } = signOf(verdict)
  return (
    <span className={`${styles.verdict} ${styles[tone]}`} title={verdict.text}>
      <Icon size={14} aria-hidden />
      <span className="truncate">{short(verdict)}</span>
    </span>
  )
}
