import { useCallback, useSyncExternalStore } from 'react'

export type Theme = 'system' | 'light' | 'dark'

const stored = 'assay.theme'

function current(): Theme {
  const theme = document.documentElement.dataset['theme']
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

// subscribe hears of a choice whoever made it.
function subscribe(listener: () => void): () => void {
  const observer = new MutationObserver(listener)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => observer.disconnect()
}

/** useTheme is the theme that was chosen on this device, and how to choose another. */
export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const theme = useSyncExternalStore(subscribe, current)
  const choose = useCallback((next: Theme) => {
    if (next === 'system') {
      delete document.documentElement.dataset['theme']
      localStorage.removeItem(stored)
    } else {
      document.documentElement.dataset['theme'] = next
      localStorage.setItem(stored, next)
    }
  }, [])
  return [theme, choose]
}

/** useDark says whether the page is dark now, for what is drawn on a canvas. */
export function useDark(): boolean {
  const [theme] = useTheme()
  const system = useSyncExternalStore(subscribeSystem, () => systemDark.matches)
  return theme === 'dark' || (theme === 'system' && system)
}

const systemDark = matchMedia('(prefers-color-scheme: dark)')

function subscribeSystem(listener: () => void): () => void {
  systemDark.addEventListener('change', listener)
  return () => systemDark.removeEventListener('change', listener)
}
