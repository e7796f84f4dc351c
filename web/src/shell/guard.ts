import { useCallback, useEffect } from 'react'
import { useBrowserLocation } from 'wouter/use-browser-location'
import type { BaseLocationHook } from 'wouter'

const question = 'There are changes that were not saved. Leave them?'
const unsaved = new Map<symbol, string | undefined>()

/** useUnsavedGuard asks before the page is left while dirty; the pages under `within` count as one. */
export function useUnsavedGuard(dirty: boolean, within?: string): void {
  useEffect(() => {
    if (!dirty) return
    const mark = Symbol('unsaved')
    unsaved.set(mark, within)
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => {
      unsaved.delete(mark)
      removeEventListener('beforeunload', warn)
    }
  }, [dirty, within])
}

function leaves(to: string): boolean {
  const path = new URL(to, location.href).pathname
  if (path === location.pathname) return false
  return [...unsaved.values()].some((within) => within === undefined || (path !== within && !path.startsWith(`${within}/`)))
}

/** useGuardedLocation is the router's way of going elsewhere: it asks first where work would be lost. */
export const useGuardedLocation: BaseLocationHook = () => {
  const [path, navigate] = useBrowserLocation()
  const guarded = useCallback<typeof navigate>(
    (to, options) => {
      if (leaves(String(to)) && !confirm(question)) return
      navigate(to, options)
    },
    [navigate],
  )
  return [path, guarded]
}
