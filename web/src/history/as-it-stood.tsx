import { RotateCcw } from 'lucide-react'
import { useState } from 'react'
import { usePermission } from '../api/permission'
import type { Experiment } from '../api/queries'
import { changesOf } from '../experiment/merge'
import { settingsOf } from '../experiment/settings'
import { StatusBadge } from '../ui/badge'
import { Button } from '../ui/button'
import { Changes } from '../ui/changes'
import { CopyButton } from '../ui/copy'
import { share } from '../ui/format'
import { Time } from '../ui/time'
import { VariationName } from '../ui/variation'
import styles from './as-it-stood.module.css'
import { RevertDialog } from './revert-dialog'

/** AsItStood shows an experiment as it was, what is different now, and offers to bring it back. */
export function AsItStood({ then, now }: { readonly then: Experiment; readonly now: Experiment }) {
  const [reverting, setReverting] = useState(false)
  const permission = usePermission()
  const changes = changesOf(settingsOf(then), settingsOf(now))
  const total = then.variations.reduce((sum, variation) => sum + variation.weight, 0) || 1
  const same = then.version === now.version
  return (
    <div className="stack">
      <dl className={styles.facts}>
        <dt>Status</dt>
        <dd>
          <StatusBadge status={then.status} />
        </dd>
        <dt>Last record</dt>
        <dd>
          <Time at={then.updated_at} /> <span className="faint">at position {then.position}</span>
        </dd>
        <dt>Phase</dt>
        <dd>{then.phase}</dd>
        <dt>Split</dt>
        <dd className={styles.split}>
          {then.variations.map((variation, index) => (
            <span key={variation.key} className="row">
              <VariationName index={index} name={variation.key} />
              <span className="soft numbers">{Number(((100 * variation.weight) / total).toFixed(3))}%</span>
            </span>
          ))}
        </dd>
        <dt>Traffic</dt>
        <dd>{share(then.traffic_ppm)}</dd>
        <dt>Layer</dt>
        <dd>{then.layer?.key ?? <span className="faint">none</span>}</dd>
        <dt>Audience</dt>
        <dd className="code">{Object.keys(then.audience).length === 0 ? 'everybody' : JSON.stringify(then.audience)}</dd>
      </dl>
      {!same && (
        <section>
          <div className={styles.head}>
            <h3>{changes.length === 0 ? 'Its settings are as they are now' : 'What is different now'}</h3>
            {changes.length > 0 && (
              <Button size="small" disabledBecause={permission.allowed ? null : permission.why} onClick={() => setReverting(true)}>
                <RotateCcw size={14} aria-hidden />
                Revert to version {then.version}…
              </Button>
            )}
          </div>
          {changes.length > 0 && (
            <div className={styles.diff}>
              <Changes changes={changes} before={`Version ${then.version}`} after="Now" />
            </div>
          )}
        </section>
      )}
      <Document experiment={then} />
      {reverting && <RevertDialog then={then} now={now} onClose={() => setReverting(false)} />}
    </div>
  )
}

function Document({ experiment }: { readonly experiment: Experiment }) {
  const [open, setOpen] = useState(false)
  const text = JSON.stringify(experiment, null, 2)
  return (
    <section>
      <div className={styles.head}>
        <Button kind="quiet" size="small" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? 'Hide' : 'Show'} the whole document
        </Button>
        <CopyButton text={text} label="Copy the document" />
      </div>
      {open && (
        <pre className={styles.document} tabIndex={0} aria-label="The document">
          {text}
        </pre>
      )}
    </section>
  )
}
