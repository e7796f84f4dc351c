import { useQuery } from '@tanstack/react-query'
import { FlaskConical, Gauge, Layers, LogOut, Moon, Plus, Search, Sun, Users, type LucideIcon } from 'lucide-react'
import { useDeferredValue, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useLocation } from 'wouter'
import { experimentsQuery, layersQuery, metricsQuery, segmentsQuery } from '../api/queries'
import { useSession } from '../api/session'
import { places } from './nav'
import styles from './palette.module.css'
import { useDark, useTheme } from './theme'

interface Entry {
  readonly id: string
  readonly group: string
  readonly text: string
  readonly hint: string
  readonly icon: LucideIcon
  readonly act: () => void
}

const most = 40

/** Palette finds anything by a few letters and goes there, or does it. It is at hand at once: what is typed next is for it. */
export function Palette({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const list = useRef<HTMLDivElement>(null)
  const [query, setQuery] = useState('')
  const [at, setAt] = useState(0)
  const listId = useId()
  const entries = useEntries()
  const deferred = useDeferredValue(query)
  const found = useMemo(() => search(entries, deferred), [entries, deferred])
  const current = Math.min(at, found.length - 1)

  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' })
  }, [current, found])

  const act = (entry: Entry | undefined): void => {
    if (!entry) return
    dialog.current?.close()
    onClose()
    entry.act()
  }
  return (
    <dialog
      ref={dialog}
      className={styles.palette}
      aria-label="Find anything"
      onClose={onClose}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div className={styles.field}>
        <Search size={17} aria-hidden />
        <input
          autoFocus
          role="combobox"
          aria-expanded
          aria-controls={listId}
          aria-activedescendant={found[current] ? `${listId}-${current}` : undefined}
          aria-label="Find anything"
          placeholder="Find an experiment, a page, a thing to do…"
          value={query}
          onChange={(event) => {
            setQuery(event.target.value)
            setAt(0)
          }}
          onKeyDown={(event) => {
            const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
            if (step !== undefined && found.length > 0) {
              event.preventDefault()
              setAt((current + step + found.length) % found.length)
            } else if (event.key === 'Enter') {
              event.preventDefault()
              act(found[current])
            }
          }}
        />
        <kbd>Esc</kbd>
      </div>
      <div ref={list} className={styles.list} id={listId} role="listbox" aria-label="Found">
        {found.map((entry, index) => (
          <div key={entry.id}>
            {entry.group !== found[index - 1]?.group && (
              <div className={styles.group} role="presentation">
                {entry.group}
              </div>
            )}
            <div id={`${listId}-${index}`} className={styles.item} role="option" aria-selected={index === current} onMouseMove={() => setAt(index)} onClick={() => act(entry)}>
              <entry.icon size={16} aria-hidden />
              <span className="truncate">{entry.text}</span>
              <span className={styles.hint}>{entry.hint}</span>
            </div>
          </div>
        ))}
        {found.length === 0 && <p className={styles.none}>Nothing is called “{query}”.</p>}
      </div>
    </dialog>
  )
}

function useEntries(): readonly Entry[] {
  const [, navigate] = useLocation()
  const [, setTheme] = useTheme()
  const dark = useDark()
  const { signOut } = useSession()
  const { data: experiments = [] } = useQuery(experimentsQuery)
  const { data: metrics = [] } = useQuery(metricsQuery)
  const { data: layers = [] } = useQuery(layersQuery)
  const { data: segments = [] } = useQuery(segmentsQuery)
  return useMemo(() => {
    const named = (group: string, icon: LucideIcon, base: string, things: readonly { readonly id: string; readonly key: string; readonly name: string }[]): readonly Entry[] =>
      things.map(({ id, key, name }) => ({ id, group, icon, text: name, hint: key, act: () => navigate(`${base}${key}`) }))
    return [
      ...places.flatMap((group) => group.items).map((place): Entry => ({ id: place.href, group: 'Pages', text: place.text, hint: `g ${place.letter}`, icon: place.icon, act: () => navigate(place.href) })),
      { id: 'new', group: 'Do', text: 'New experiment', hint: 'n', icon: Plus, act: () => navigate('/console/experiments/new') },
      { id: 'theme', group: 'Do', text: dark ? 'Light theme' : 'Dark theme', hint: '', icon: dark ? Sun : Moon, act: () => setTheme(dark ? 'light' : 'dark') },
      { id: 'out', group: 'Do', text: 'Sign out', hint: '', icon: LogOut, act: () => void signOut() },
      ...named('Experiments', FlaskConical, '/console/experiments/', experiments),
      ...named('Metrics', Gauge, '/console/metrics?key=', metrics),
      ...named('Layers', Layers, '/console/layers?key=', layers),
      ...named('Segments', Users, '/console/segments?key=', segments),
    ]
  }, [navigate, setTheme, dark, signOut, experiments, metrics, layers, segments])
}

// search keeps what holds every word, what begins with the first one foremost
// within its group.
function search(entries: readonly Entry[], query: string): readonly Entry[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const first = words[0]
  if (first === undefined) return entries.slice(0, most)
  const found = entries.filter((entry) => {
    const text = `${entry.text} ${entry.hint}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  const begins = (entry: Entry): boolean => entry.text.toLowerCase().startsWith(first) || entry.hint.startsWith(first)
  const groups = [...new Set(found.map((entry) => entry.group))]
  return groups.flatMap((group) => found.filter((entry) => entry.group === group).sort((a, b) => Number(begins(b)) - Number(begins(a)))).slice(0, most)
}
