export function MatchPanel(_: { readonly onHeld: (held: ReadonlyMap<string, boolean>) => void }) {
  return null
}
