import { Check, ChevronRight, CircleDot } from 'lucide-react'
import { useState } from 'react'
import { Link } from 'wouter'
import type { Experiment } from '../api/queries'
import { eventWords } from '../ledger/words'
import { count } from '../ui/format'
import { Time } from '../ui/time'
import { VariationName } from '../ui/variation'
import styles from './explain.module.css'
import { reasonWords, stepWords, takesPart, type Explanation } from './words'

export interface AnswersProps {
  readonly explanations: readonly Explanation[]
  readonly experiments: readonly Experiment[]
  /** Whether the steps are shown at once. */
  readonly open: boolean
}

/** Answers lists what a unit gets of each experiment; each opens to its steps. */
export function Answers({ explanations, experiments, open }: AnswersProps) {
  const known = new Map(experiments.map((experiment) => [experiment.id, experiment]))
  if (explanations.length === 0) return <p style={{ padding: 16 }}>No experiment.</p>
  return groups
    .map(({ title, holds }) => ({ title, members: explanations.filter(({ reason }) => holds(reason)) }))
    .filter(({ members }) => members.length > 0)
    .map(({ title, members }) => (
      <section key={title} className={styles.group}>
        <h3>
          {title} <span>{count(members.length)}</span>
        </h3>
        <ul>
          {members.map((explanation) => (
            <Answer key={explanation.experiment.id} explanation={explanation} experiment={known.get(explanation.experiment.id)} open={open} />
          ))}
        </ul>
      </section>
    ))
}

type Reason = Explanation['reason']

// What one asks about first: where the unit takes part, then where it could.
const groups: readonly { readonly title: string; readonly holds: (reason: Reason) => boolean }[] = [
  { title: 'Takes part', holds: takesPart },
  { title: 'Does not take part', holds: (reason) => !takesPart(reason) && reason !== 'INACTIVE' },
  { title: 'Off', holds: (reason) => reason === 'INACTIVE' },
]

function Answer({ explanation, experiment, open: initially }: { readonly explanation: Explanation; readonly experiment: Experiment | undefined; readonly open: boolean }) {
  const [open, setOpen] = useState(initially)
  const index = experiment?.variations.findIndex((variation) => variation.key === explanation.variation) ?? 0
  return (
    <li className={styles.answer}>
      <button type="button" className={styles.summary} aria-expanded={open} onClick={() => setOpen(!open)}>
        <ChevronRight size={15} aria-hidden />
        <span className={`${styles.name} truncate`} title={explanation.experiment.key}>
          {experiment?.name ?? explanation.experiment.key}
        </span>
        <VariationName index={index} name={explanation.variation} />
        <span className={takesPart(explanation.reason) ? styles.in : styles.why}>{reasonWords(explanation.reason)}</span>
      </button>
      {open && (
        <div className={styles.steps}>
          <pre className={styles.value} title="The value that the program gets">
            {JSON.stringify(explanation.value, null, 2)}
          </pre>
          <ol>
            {explanation.steps.map((step, at) => (
              <li key={at} className={`${styles.step} ${step.decided ? styles.decided : ''}`}>
                {step.decided ? <CircleDot size={15} aria-label="decided" /> : <Check size={15} aria-label="passed" />}
                <div>
                  <p className={styles.words}>{stepWords(step)}</p>
                  <p className={styles.record}>
                    {eventWords(step.record.type)} by {step.record.actor}, <Time at={step.record.at} />, <Link href={`/console/ledger?at=${step.record.position}`}>position {step.record.position}</Link>
                    {step.record.reason && ` — “${step.record.reason}”`}
                  </p>
                </div>
              </li>
            ))}
          </ol>
          <Link href={`/console/experiments/${explanation.experiment.key}`}>Open the experiment</Link>
        </div>
      )}
    </li>
  )
}
