import { useCallback, useEffect, useMemo, useState } from 'react'
import { parse, same } from './json'
import { changesOf, type Change } from './merge'
import type { Settings } from './settings'

/** What was edited and not saved; it outlives the page, the session and the server. */
interface Kept {
  /** What the edit began from. */
  readonly base: Settings
  readonly version: number
  readonly settings: Settings
  /** What was typed and cannot be read, by field: kept as it is until it can. */
  readonly texts: Readonly<Record<string, string>>
  readonly at: number
}

/** Edit sets members; undefined takes one away. */
export type Edit = { readonly [K in keyof Settings]?: Settings[K] | undefined }

export interface Draft extends Kept {
  readonly dirty: boolean
  readonly changes: readonly Change[]
  readonly set: (change: Edit | ((now: Settings) => Settings)) => void
  /** setText keeps what cannot be read; null is done with it. */
  readonly setText: (field: string, text: string | null) => void
  readonly discard: () => void
  /** rebase goes on from another version, with these settings. */
  readonly rebase: (base: Settings, version: number, settings: Settings) => void
}

const storageKey = (name: string): string => `assay.draft.${name}`

function restore(name: string): Kept | null {
  const text = localStorage.getItem(storageKey(name))
  const kept = text === null ? undefined : parse(text)
  return kept === undefined || kept === null ? null : (kept as unknown as Kept)
}

/** hasDraft says whether something was edited and not saved. */
export const hasDraft = (name: string): boolean => localStorage.getItem(storageKey(name)) !== null

/** useDraft edits settings. Without edits it follows what is current; with them it stays on its base. */
export function useDraft(name: string, current: Settings, version: number): Draft {
  const [kept, setKept] = useState<Kept | null>(() => restore(name))

  useEffect(() => {
    if (kept === null) localStorage.removeItem(storageKey(name))
    else localStorage.setItem(storageKey(name), JSON.stringify(kept))
  }, [kept, name])

  const edit = useCallback(
    (change: (now: Kept) => Kept) =>
      setKept((now) => {
        const next = change(now ?? { base: current, version, settings: current, texts: {}, at: 0 })
        const clean = Object.keys(next.texts).length === 0 && same(next.settings, next.base)
        return clean ? null : { ...next, at: Date.now() }
      }),
    [current, version],
  )
  const set = useCallback<Draft['set']>(
    (change) => edit((now) => ({ ...now, settings: typeof change === 'function' ? change(now.settings) : withoutUndefined({ ...now.settings, ...change }) })),
    [edit],
  )
  const setText = useCallback<Draft['setText']>(
    (field, text) =>
      edit((now) => {
        if (text === null && now.texts[field] === undefined) return now
        const others = Object.entries(now.texts).filter(([other]) => other !== field)
        return { ...now, texts: Object.fromEntries(text === null ? others : [...others, [field, text]]) }
      }),
    [edit],
  )
  const discard = useCallback(() => setKept(null), [])
  const rebase = useCallback<Draft['rebase']>(
    (base, to, settings) => setKept((now) => (same(base, settings) ? null : { base, version: to, settings, texts: now?.texts ?? {}, at: Date.now() })),
    [],
  )

  const state = kept ?? { base: current, version, settings: current, texts: {}, at: 0 }
  const changes = useMemo(() => changesOf(state.base, state.settings), [state.base, state.settings])
  return { ...state, dirty: kept !== null, changes, set, setText, discard, rebase }
}

// A member that is set to undefined is taken away.
const withoutUndefined = (settings: Edit): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as unknown as Settings
