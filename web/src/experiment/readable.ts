import { share } from '../ui/format'
import type { Json } from './json'
import type { Change } from './merge'
import { fieldName } from './settings'

/** readable writes changes the way people read them. */
export const readable = (changes: readonly Change[]): readonly Change[] => changes.map((change) => ({ ...change, ...sides(change), path: fieldName(change.path) }))

function sides({ path, old, new: now }: Change): Partial<Change> {
  if (path !== '/traffic_ppm') return {}
  const words = (ppm: Json): string => share(Number(ppm))
  return { ...(old !== undefined && { old: words(old) }), ...(now !== undefined && { new: words(now) }) }
}
