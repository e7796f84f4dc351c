/** What all shares add up to. */
export const slots = 1_000_000

export interface Weighted {
  readonly key: string
  readonly weight: number
}

export interface Held {
  readonly variation: string
  readonly from: number
  readonly to: number
}

/**
 * sharesOf divides all slots by weight as the server does: exactly, by the
 * largest remainder, ties to whoever else would give up a slot that it holds,
 * then to the first. Without any weight there is nothing to divide.
 */
export function sharesOf(variations: readonly Weighted[], held: readonly Held[] = []): readonly number[] {
  const total = variations.reduce((sum, variation) => sum + variation.weight, 0)
  if (total === 0) return variations.map(() => 0)
  const has = new Map<string, number>()
  for (const range of held) has.set(range.variation, (has.get(range.variation) ?? 0) + range.to - range.from)
  // Weights are at most a million each: the products stay exact.
  const shares = variations.map((variation) => Math.floor((variation.weight * slots) / total))
  const remainders = variations.map((variation) => (variation.weight * slots) % total)
  const gives = variations.map((variation, i) => ((has.get(variation.key) ?? 0) > (shares[i] ?? 0) ? 1 : 0))
  const rest = slots - shares.reduce((sum, share) => sum + share, 0)
  const order = variations.map((_, i) => i).sort((a, b) => (remainders[b] ?? 0) - (remainders[a] ?? 0) || (gives[b] ?? 0) - (gives[a] ?? 0) || a - b)
  const extra = new Set(order.slice(0, rest))
  return shares.map((share, i) => share + (extra.has(i) ? 1 : 0))
}

/** moveBoundary gives the variations before and after boundary i all up to slot `to`. */
export function moveBoundary(shares: readonly number[], i: number, to: number): readonly number[] {
  const [low, high] = boundaryLimits(shares, i)
  const at = Math.min(high, Math.max(low, Math.round(to)))
  return shares.map((share, j) => (j === i ? at - low : j === i + 1 ? high - at : share))
}

/** boundaryLimits are the slots between which boundary i, after variation i, may stand. */
export function boundaryLimits(shares: readonly number[], i: number): readonly [number, number] {
  const low = shares.slice(0, i).reduce((sum, share) => sum + share, 0)
  return [low, low + (shares[i] ?? 0) + (shares[i + 1] ?? 0)]
}

/**
 * weightsOf are the smallest whole weights that give exactly these shares.
 * Those of before come back with their shares.
 */
export function weightsOf(shares: readonly number[], before: readonly Weighted[] = [], held: readonly Held[] = []): readonly number[] {
  if (before.length === shares.length && sharesOf(before, held).every((share, i) => share === shares[i])) {
    return before.map((variation) => variation.weight)
  }
  const divisor = shares.reduce(greatestCommonDivisor, 0)
  return divisor === 0 ? shares : shares.map((share) => share / divisor)
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b]
  return a
}
