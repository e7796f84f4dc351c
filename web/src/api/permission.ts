import { useMemo } from 'react'
import { useLive } from './live'
import { useSession } from './session'

export type Permission = { readonly allowed: true } | { readonly allowed: false; readonly why: string }

/** usePermission says whether a command can be given now, else why not. */
export function usePermission(need: 'editor' | 'admin' = 'editor'): Permission {
  const { state } = useSession()
  const { state: server } = useLive()
  return useMemo((): Permission => {
    if (server === 'offline') return { allowed: false, why: 'The server cannot be reached.' }
    if (server === 'read-only') return { allowed: false, why: 'The database is down: nothing can be changed until it is back.' }
    const role = state.kind === 'in' ? state.identity.role : 'viewer'
    if (role === 'viewer' || (need === 'admin' && role !== 'admin')) {
      return { allowed: false, why: `You are signed in as ${role}; this needs ${need === 'admin' ? 'admin' : 'editor'}.` }
    }
    return { allowed: true }
  }, [state, server, need])
}
