const locale = 'en'

const wholeFormat = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
const compactFormat = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
const dateTimeFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium', timeZone: 'UTC', hourCycle: 'h23' })
const dateFormat = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' })
const relativeFormat = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'narrow' })

/** count writes a whole number with separators. */
export const count = (n: number): string => wholeFormat.format(n)

/** compact writes a number in few characters: 12.3K. */
export const compact = (n: number): string => compactFormat.format(n)

/** share writes parts per million as a percentage with no more digits than it has. */
export function share(ppm: number): string {
  return `${String(Number((ppm / 10_000).toFixed(4)))}%`
}

/** percent writes a fraction as a percentage. */
export function percent(fraction: number, digits = 1): string {
  return `${(fraction * 100).toFixed(digits).replace('-', '−')}%`
}

/** signedPercent is percent with a plus before what is above zero. */
export function signedPercent(fraction: number, digits = 1): string {
  const text = percent(fraction, digits)
  return fraction > 0 ? `+${text}` : text
}

/** significant writes a number with that many significant digits, all of a whole part. */
export function significant(n: number, digits = 3): string {
  if (n === 0) return '0'
  if (Math.abs(n) >= 10 ** digits) return count(Math.round(n))
  return n.toLocaleString(locale, { minimumSignificantDigits: digits, maximumSignificantDigits: digits }).replace('-', '−')
}

/** duration writes seconds, short ones in milliseconds. */
export const duration = (seconds: number): string => (seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${significant(seconds, 2)} s`)

/** pValue writes a probability the way papers do. */
export function pValue(p: number): string {
  if (p < 0.0001) return '< 0.0001'
  return p.toFixed(p < 0.01 ? 4 : 3)
}

/** chance writes a probability as a percentage, which is never all or nothing. */
export function chance(p: number): string {
  if (p < 0.0001) return '< 0.01%'
  if (p > 0.9999) return '> 99.99%'
  return percent(p, p < 0.01 || p > 0.99 ? 2 : 0)
}

/** dateTime is in UTC, as the ledger is. */
export const dateTime = (at: string | number | Date): string => `${dateTimeFormat.format(new Date(at))} UTC`

/** date is in UTC, as the ledger's days are. */
export const date = (at: string | number | Date): string => dateFormat.format(new Date(at))

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['week', 604_800],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** ago says how long before now a moment was. */
export function ago(at: string | number | Date, now: number = Date.now()): string {
  const seconds = Math.round((new Date(at).getTime() - now) / 1000)
  if (Math.abs(seconds) < 5) return 'now'
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return relativeFormat.format(Math.trunc(seconds / length), unit)
  }
  return 'now'
}

/** plural picks the word that fits the number, with the number before it. */
export const plural = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`

/** sentence begins a text with a capital. */
export const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
