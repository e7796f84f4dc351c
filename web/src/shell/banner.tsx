import { CloudOff, Lock } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useLive } from '../api/live'
import styles from './banner.module.css'

/** Banner says when nothing can be changed, why, and how old what is shown is. */
export function Banner() {
  const { state, freshAt } = useLive()
  if (state !== 'read-only' && state !== 'offline') return null
  const offline = state === 'offline'
  return (
    <div className={`${styles.banner} ${styles[state]} no-print`} role="alert">
      {offline ? <CloudOff size={16} aria-hidden /> : <Lock size={16} aria-hidden />}
      <span>
        {offline ? 'The server cannot be reached.' : 'Read-only: the database is down. Evaluation goes on.'} What you have written is kept; this page goes on by itself.
      </span>
      <Age since={freshAt} />
    </div>
  )
}

function Age({ since }: { readonly since: number }) {
  const [seconds, setSeconds] = useState(() => elapsed(since))
  useEffect(() => {
    setSeconds(elapsed(since))
    const timer = setInterval(() => setSeconds(elapsed(since)), 1000)
    return () => clearInterval(timer)
  }, [since])
  return <span className={styles.age}>data of {seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min`} ago</span>
}

const elapsed = (since: number): number => Math.max(0, Math.round((Date.now() - since) / 1000))
