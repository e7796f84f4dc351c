/** number reads a number that was typed; undefined is nothing typed, and what is no number stays as it is for the server to name. */
export function number(text: string): number | string | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  const value = Number(trimmed)
  return Number.isFinite(value) ? value : trimmed
}

/** lines reads a list of which each line or comma ends an item. */
export const lines = (text: string): readonly string[] =>
  text
    .split(/[\n,]/)
    .map((item) => item.trim())
    .filter(Boolean)

/** ppm reads a percentage that was typed as parts per million. */
export function ppm(text: string): number | string | undefined {
  const value = number(text)
  return typeof value === 'number' ? Math.round(value * 10_000) : value
}
