import { useQueryClient } from '@tanstack/react-query'
import { createContext, useCallback, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { ask, enter, type State } from './ask-session'
import { send, whenSignedOut } from './client'

export interface Session {
  readonly state: State
  readonly signIn: (token: string) => Promise<void>
  readonly signOut: () => Promise<void>
}

const Context = createContext<Session | null>(null)

/** useSession says who is signed in. */
export function useSession(): Session {
  const session = useContext(Context)
  if (!session) throw new Error('useSession outside SessionProvider')
  return session
}

export interface SessionProviderProps {
  /** What is known when the page is drawn first. */
  readonly first: State
  /** What askSession answers. */
  readonly asked: Promise<State>
  readonly children: ReactNode
}

/** SessionProvider knows who is signed in. */
export function SessionProvider({ first, asked, children }: SessionProviderProps) {
  const client = useQueryClient()
  const [state, setState] = useState(first)

  const signIn = useCallback(async (token: string) => {
    setState(await enter(token))
  }, [])

  const signOut = useCallback(async () => {
    await send('/session', { method: 'DELETE' })
    client.clear()
    setState({ kind: 'out', oidc: false, problem: null })
    void ask().then(setState)
  }, [client])

  useEffect(() => {
    whenSignedOut(() => setState((now) => (now.kind === 'in' ? { kind: 'out', oidc: false, problem: null } : now)))
    void asked.then(setState)
  }, [asked])

  const session = useMemo(() => ({ state, signIn, signOut }), [state, signIn, signOut])
  return <Context value={session}>{children}</Context>
}
