import { useSyncExternalStore } from 'react'
import { ago, dateTime } from './format'

// All times on a page tick together, by one timer.
const listeners = new Set<() => void>()
let now = Date.now()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const call of listeners) call()
  }, 5000)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** useNow is the time in milliseconds, renewed every five seconds. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now)

/** Time says how long ago something was; its title has the moment. */
export function Time({ at }: { readonly at: string | number }) {
  const current = useNow()
  return (
    <time dateTime={new Date(at).toISOString()} title={dateTime(at)}>
      {ago(at, Math.max(current, Date.now() - 5000))}
    </time>
  )
}
