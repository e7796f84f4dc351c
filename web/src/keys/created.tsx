import { CheckCircle2, Loader } from 'lucide-react'
import type { Schemas } from '../api/client'
import { CopyButton } from '../ui/copy'
import { Button } from '../ui/button'
import { Dialog } from '../ui/dialog'
import { Note } from '../ui/states'
import { Time } from '../ui/time'
import styles from './keys.module.css'
import { useUsage } from './usage'

export type NewKey = Schemas['NewKey']

/** Created shows a new key's token, this once, and waits for its first request. */
export function Created({ made, onClose }: { readonly made: NewKey; readonly onClose: () => void }) {
  const usage = useUsage(2000)?.get(made.id)
  const token = made.token ?? ''
  return (
    <Dialog title={`The key ${made.name}`} wide onClose={onClose} footer={<Button kind="primary" onClick={onClose}>I have kept it</Button>}>
      <Note tone="warn">This is the only time that the token is shown: the ledger keeps its hash alone.</Note>
      <div className={styles.token}>
        <code>{token}</code>
        <CopyButton text={token} label="Copy the token" />
      </div>
      <h3>Try it</h3>
      <div className={styles.try}>
        <pre tabIndex={0}>{tryIt(made, token)}</pre>
        <CopyButton text={tryIt(made, token)} label="Copy the command" />
      </div>
      <p className={styles.first} role="status">
        {usage ? (
          <>
            <CheckCircle2 size={16} className={styles.seen} aria-hidden />
            First request seen <Time at={usage.first_seen_at} />
          </>
        ) : (
          <>
            <Loader size={16} className={styles.waiting} aria-hidden />
            Waiting for the first request…
          </>
        )}
      </p>
    </Dialog>
  )
}

function tryIt(made: NewKey, token: string): string {
  const auth = `-H 'Authorization: Bearer ${token}'`
  if (made.role === 'client' || made.role === 'server') return `curl -s ${auth} -H 'Content-Type: application/json' ${location.origin}/evaluate -d '{"unit":"u1"}'`
  return `curl -s ${auth} ${location.origin}/experiments`
}
