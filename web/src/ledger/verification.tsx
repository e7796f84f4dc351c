import { useQuery } from '@tanstack/react-query'
import { CircleAlert, CircleDashed, ShieldCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import { get, type Schemas } from '../api/client'
import { count, duration, plural } from '../ui/format'
import { Panel } from '../ui/panel'
import { Failed, Loading } from '../ui/states'
import { Time } from '../ui/time'
import styles from './ledger.module.css'

type Verifications = Schemas['Verifications']
type Finding = Schemas['Finding']

/** Verification says up to where the ledger has been found to be as it was written, by whom and when. */
export function Verification() {
  const { data, error, refetch } = useQuery({
    queryKey: ['verification'],
    queryFn: ({ signal }) => get<Verifications>('/ledger/verification', { limit: 10 }, signal),
    refetchInterval: 10_000,
  })
  return (
    <Panel title="Verification" about="Each record's hash covers the one before: what is changed, taken out or put in afterwards shows">
      {data ? (
        <div className={styles.checks}>
          <Check
            state={data.following.state === 'up' ? 'ok' : data.following.state === 'stopped' ? 'bad' : 'none'}
            title={data.following.state === 'stopped' ? 'This server has stopped reading' : `This server has read up to ${count(data.following.position)}`}
          >
            It checks each record as it reads{data.following.read_at && <>; last <Time at={data.following.read_at} /></>}
          </Check>
          <Found title="Chain" finding={data.chain} none="Servers check the chain by themselves, once a minute." />
          <Found title="Everything" finding={data.full} none="Never yet. assay verify derives everything again and compares." />
        </div>
      ) : error ? (
        <Failed error={error} onRetry={() => void refetch()} />
      ) : (
        <Loading lines={2} />
      )}
    </Panel>
  )
}

function Found({ title, finding, none }: { readonly title: string; readonly finding: Finding | null; readonly none: string }) {
  if (finding === null) {
    return (
      <Check state="none" title={`${title}: not verified`}>
        {none}
      </Check>
    )
  }
  if (!finding.ok) {
    return (
      <Check state="bad" title={finding.first_bad_position === undefined ? `${title}: not in order` : `${title}: bad from position ${count(finding.first_bad_position)}`}>
        {finding.problem}
        {finding.mismatches > 0 && ` ${plural(finding.mismatches, 'row')} of read models differ.`} <Time at={finding.at} /> by {finding.by}
      </Check>
    )
  }
  return (
    <Check state="ok" title={`${title} in order up to ${count(finding.position)}`}>
      <Time at={finding.at} /> by {finding.by}, in {duration(finding.seconds)}{finding.redacted.length > 0 && `; ${plural(finding.redacted.length, 'record')} redacted`}
    </Check>
  )
}

const icons = { ok: ShieldCheck, bad: CircleAlert, none: CircleDashed } as const

function Check({ state, title, children }: { readonly state: keyof typeof icons; readonly title: string; readonly children: ReactNode }) {
  const Icon = icons[state]
  return (
    <div className={styles.check}>
      <Icon size={18} className={styles[state]} aria-hidden />
      <div>
        <h3>{title}</h3>
        <p className="soft">{children}</p>
      </div>
    </div>
  )
}
