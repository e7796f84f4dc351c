import { useCallback, useEffect } from 'react'
import { useBrowserLocation } from 'wouter/use-browser-location'
import type { BaseLocationHook } from 'wouter'

const question = 'There are changes that were not saved. Leave them?'
const unsaved = new Set<symbol>()

/** useUnsavedGuard asks before the page is left while dirty. */
export function useUnsavedGuard(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return
    const mark = Symbol('unsaved')
    unsaved.add(mark)
    const warn = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', warn)
    return () => {
      unsaved.delete(mark)
      removeEventListener('beforeunload', warn)
    }
  }, [dirty])
}

const samePage = (to: string): boolean => new URL(to, location.href).pathname === location.pathname

/** useGuardedLocation is the router's way of going elsewhere: it asks first where work would be lost. */
export const useGuardedLocation: BaseLocationHook = () => {
  const [path, navigate] = useBrowserLocation()
  const guarded = useCallback<typeof navigate>(
    (to, options) => {
      if (unsaved.size > 0 && !samePage(String(to)) && !confirm(question)) return
      navigate(to, options)
    },
    [navigate],
  )
  return [path, guarded]
}
