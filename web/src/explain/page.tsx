import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { SearchCode } from 'lucide-react'
import { useCallback, useEffect, useMemo, useState } from 'react'
import { useSearchParams } from 'wouter'
import { asProblem, send, type Schemas } from '../api/client'
import { experimentsQuery } from '../api/queries'
import { Moment } from '../history/moment'
import { ledgerStartQuery } from '../history/start'
import { withParams } from '../ui/address'
import { Checkbox, Field, Select, TextArea, TextInput } from '../ui/field'
import { count, dateTime } from '../ui/format'
import { Page } from '../ui/page'
import { Panel } from '../ui/panel'
import { Empty, Loading, ProblemNote } from '../ui/states'
import { Answers } from './answers'
import styles from './explain.module.css'
import { takesPart } from './words'
import { bodyOf, type Question } from './snippets'
import { Snippets } from './snippets-panel'

/** Explain answers what a unit gets, now or at any moment, and why. The question is in the address. */
export default function ExplainPage() {
  const [params, setParams] = useSearchParams()
  const { data: experiments = [] } = useQuery(experimentsQuery)
  const { data: start } = useQuery(ledgerStartQuery)
  const [text, setText] = useState(params.get('attributes') ?? '')
  const [onlyIn, setOnlyIn] = useState(false)
  const set = useCallback(
    (name: string, value: string) => setParams((now) => withParams(now, { [name]: value }), { replace: true }),
    [setParams],
  )
  useEffect(() => {
    const timer = setTimeout(() => set('attributes', text.trim()), 250)
    return () => clearTimeout(timer)
  }, [text, set])
  useEffect(() => localStorage.setItem('assay.explained', 'yes'), [])

  const attributes = useMemo(() => parse(params.get('attributes') ?? ''), [params])
  const at = Date.parse(params.get('at') ?? '')
  const question: Question = {
    unit: params.get('unit') ?? '',
    attributes: attributes ?? {},
    experiment: params.get('experiment') ?? '',
    at: Number.isNaN(at) ? null : at,
  }
  const toMoment = useCallback((to: number | null) => set('at', to === null ? '' : new Date(to).toISOString()), [set])
  const asked = question.unit !== '' || question.experiment !== '' || Object.keys(question.attributes).length > 0
  const { data, error, isPlaceholderData } = useQuery({
    queryKey: [question.at === null ? 'ledger' : 'past', 'explain', question],
    queryFn: async ({ signal }) => (await send<Schemas['Explained']>('/explain', { method: 'POST', body: bodyOf(question), signal })).data,
    enabled: asked && attributes !== null,
    placeholderData: keepPreviousData,
    retry: false,
  })
  const shown = data?.explanations.filter((one) => !onlyIn || takesPart(one.reason)) ?? []

  return (
    <Page title="Explain" about="Which variation somebody gets, now or at any past moment, and which record of the ledger made it so.">
      <div className={styles.layout}>
        <div className={`${styles.form} stack`}>
          <Panel title="Who, and when">
            <div className="stack">
              <Field label="Unit" hint="The id as your program sends it, to the letter.">
                <TextInput code autoFocus value={question.unit} placeholder="u-1001" onChange={(event) => set('unit', event.target.value)} />
              </Field>
              <Field label="Attributes" optional error={attributes === null ? 'Not a JSON object yet.' : undefined} hint="What audiences look at, and ids of other unit types.">
                <TextArea code rows={5} value={text} placeholder={'{"country": "US"}'} onChange={(event) => setText(event.target.value)} />
              </Field>
              <Field label="Experiment" optional>
                <Select value={question.experiment} onChange={(event) => set('experiment', event.target.value)}>
                  <option value="">All experiments</option>
                  {experiments.map((experiment) => (
                    <option key={experiment.id} value={experiment.key}>
                      {experiment.name}
                    </option>
                  ))}
                </Select>
              </Field>
              {start !== undefined && <Moment from={start} value={question.at} onChange={toMoment} />}
            </div>
          </Panel>
        </div>
        <div className="stack">
          <Panel
            title="What it gets"
            about={data && `${question.at === null ? 'Now' : dateTime(question.at)}, ledger position ${count(data.position)}`}
            actions={
              <Checkbox checked={onlyIn} onChange={(event) => setOnlyIn(event.target.checked)}>
                Only where it takes part
              </Checkbox>
            }
            flush
          >
            <div aria-busy={isPlaceholderData} aria-live="polite">
              {error ? (
                <div style={{ padding: 16 }}>
                  <ProblemNote problem={asProblem(error)} />
                </div>
              ) : !asked ? (
                <Empty icon={SearchCode} title="Ask about somebody">
                  Type a unit’s id, and its attributes where audiences look at them.
                </Empty>
              ) : data ? (
                <Answers explanations={shown} experiments={experiments} open={question.experiment !== ''} />
              ) : (
                <Loading lines={6} />
              )}
            </div>
          </Panel>
          {asked && <Snippets question={question} />}
        </div>
      </div>
    </Page>
  )
}

// parse reads attributes: nothing is none, and null is no JSON object.
function parse(text: string): Readonly<Record<string, unknown>> | null {
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}
