import { useLayoutEffect, useRef } from 'react'

/** typing says whether keys now write text somewhere. */
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target instanceof HTMLInputElement) return !['checkbox', 'radio', 'button', 'range'].includes(target.type)
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}

export type Shortcuts = Readonly<Record<string, () => void>>

const patience = 900 // milliseconds between the keys of a sequence

const registered: { current: Shortcuts }[] = []
let begun = ''
let forget: ReturnType<typeof setTimeout> | undefined

function press(event: KeyboardEvent): void {
  const held = event.ctrlKey || event.metaKey
  if (event.altKey || event.defaultPrevented || (!held && typing(event.target)) || document.querySelector('dialog[open]')) return
  const key = (held ? 'ctrl+' : '') + (event.key.length === 1 ? event.key.toLowerCase() : event.key)
  const name = begun === '' ? key : `${begun} ${key}`
  begun = ''
  clearTimeout(forget)
  // What was shown last answers first.
  const call = registered.map((entry) => entry.current[name]).findLast((found) => found !== undefined)
  if (call) {
    event.preventDefault()
    call()
  } else if (registered.some((entry) => Object.keys(entry.current).some((known) => known.startsWith(`${name} `)))) {
    begun = name
    forget = setTimeout(() => (begun = ''), patience)
  }
}

/**
 * useShortcuts calls what is bound to a key ("j", "/", "ctrl+k") or to two in
 * turn ("g e") while nobody writes text and no dialog is open; ctrl also stands
 * for the Mac's command key.
 */
export function useShortcuts(shortcuts: Shortcuts): void {
  const entry = useRef(shortcuts)
  // What can be seen answers to its keys: an effect would come after it was painted.
  useLayoutEffect(() => {
    entry.current = shortcuts
  })
  useLayoutEffect(() => {
    if (registered.push(entry) === 1) document.addEventListener('keydown', press)
    return () => {
      registered.splice(registered.indexOf(entry), 1)
      if (registered.length === 0) document.removeEventListener('keydown', press)
    }
  }, [])
}
