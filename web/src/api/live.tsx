import { useQueryClient } from '@tanstack/react-query'
import { createContext, useCallback, useContext, useEffect, useRef, useState, type ReactNode } from 'react'
import { sawPosition, type Schemas } from './client'
import { useSession } from './session'

type Health = Schemas['Health']

export interface Live {
  /** live is all well; read-only is without Postgres; offline without any answer. */
  readonly state: 'connecting' | 'live' | 'read-only' | 'offline'
  /** The ledger's position as last heard of. */
  readonly position: number
  /** When the page last heard that its data is what the ledger holds. */
  readonly freshAt: number
  readonly health: Health | null
}

const Context = createContext<Live>({ state: 'connecting', position: 0, freshAt: 0, health: null })

/** useLive says how the server is, within about a second. */
export const useLive = (): Live => useContext(Context)

const period = 1000
const hiddenPeriod = 10_000
const timeLimit = 1500

/**
 * LiveProvider keeps the page current: it listens to the stream, asks for health
 * each second, and has what follows from the ledger read anew when it moved.
 */
export function LiveProvider({ children }: { readonly children: ReactNode }) {
  const client = useQueryClient()
  const signedIn = useSession().state.kind === 'in'
  const [live, setLive] = useState<Live>({ state: 'connecting', position: 0, freshAt: Date.now(), health: null })
  const position = useRef(0)

  const moved = useCallback(
    (to: number) => {
      if (to <= position.current) return
      const first = position.current === 0
      position.current = to
      sawPosition(to)
      setLive((now) => ({ ...now, position: to }))
      if (!first) void client.invalidateQueries({ queryKey: ['ledger'] })
    },
    [client],
  )

  useEffect(() => {
    let ended = false
    let timer: ReturnType<typeof setTimeout>
    let wasWritable = true
    const ask = async (): Promise<void> => {
      const health = await readiness()
      if (ended) return
      const up = health?.dependencies['postgres']?.state === 'up'
      if (up && !wasWritable) void client.invalidateQueries()
      wasWritable = up
      setLive((now) => ({
        ...now,
        health,
        state: up ? 'live' : health ? 'read-only' : 'offline',
        freshAt: up ? Date.now() : now.freshAt,
      }))
      if (up) moved(health.dependencies['memory']?.position ?? 0)
      clearTimeout(timer)
      timer = setTimeout(() => void ask(), document.hidden ? hiddenPeriod : period)
    }
    const wake = (): void => {
      if (!document.hidden) void ask()
    }
    void ask()
    document.addEventListener('visibilitychange', wake)
    return () => {
      ended = true
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', wake)
    }
  }, [client, moved])

  useEffect(() => {
    if (!signedIn) return
    const stream = new EventSource('/stream')
    stream.onmessage = (event) => {
      const told = (JSON.parse(event.data as string) as { position?: number }).position
      if (told !== undefined) moved(told)
    }
    return () => stream.close()
  }, [signedIn, moved])

  return <Context value={live}>{children}</Context>
}

// readiness answers with what /readyz says, whatever its status, or null where
// nothing answers in time.
async function readiness(): Promise<Health | null> {
  try {
    const response = await fetch('/readyz', { signal: AbortSignal.timeout(timeLimit), cache: 'no-store' })
    return (await response.json()) as Health
  } catch {
    return null
  }
}

