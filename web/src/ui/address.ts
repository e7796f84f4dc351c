/** withParams returns an address's parameters with some changed; what is empty is taken out. */
export function withParams(params: URLSearchParams, change: Readonly<Record<string, string | null | undefined>>): URLSearchParams {
  const next = new URLSearchParams(params)
  for (const [name, value] of Object.entries(change)) {
    if (value) next.set(name, value)
    else next.delete(name)
  }
  return next
}
