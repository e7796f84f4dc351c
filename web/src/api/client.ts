import type { components } from './schema'

export type Schemas = components['schemas']
export type FieldProblem = Schemas['FieldProblem']

/** Problem is an error answer of the server, or none at all (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly fields: readonly FieldProblem[] = [],
    /** Seconds after which to try again, where the server said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(detail || title)
    this.name = 'Problem'
  }

  /** of says what is wrong with a field, such as "variations[0].weight". */
  of(field: string): string | undefined {
    return this.fields.find((f) => f.field === field)?.problem
  }

  get unreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504
  }
}

/** asProblem makes anything thrown showable. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error
  return new Problem(0, 'Unexpected fault', error instanceof Error ? error.message : String(error))
}

export interface Answer<T> {
  readonly data: T
  /** The entity's own version, from the ETag. */
  readonly version: number | null
  /** The ledger's position that a command reached or a query was answered at. */
  readonly position: number | null
  readonly headers: Headers
}

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>>
  readonly body?: unknown
  /** Sends If-Match: the command fails with 412 if somebody was faster. */
  readonly ifVersion?: number | undefined
  /** Why, kept in the ledger. */
  readonly reason?: string | undefined
  /** The same key and body are carried out once, however often sent. */
  readonly idempotencyKey?: string | undefined
  readonly signal?: AbortSignal | undefined
}

// Reads wait for what this page has already seen or done, so that no answer is
// older than one shown before.
let seen = 0

/** sawPosition makes later reads at least as new as position. */
export function sawPosition(position: number): void {
  seen = Math.max(seen, position)
}

let onUnauthorized = (): void => {}

/** whenSignedOut sets what is called when the session has ended. */
export function whenSignedOut(call: () => void): void {
  onUnauthorized = call
}

/** url makes an address with the parameters that are not empty. */
export function url(path: string, query: Request['query'] = {}): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== '') search.set(name, String(value))
  }
  const text = search.toString()
  return text ? `${path}?${text}` : path
}

const timeLimit = 15_000

/** send asks the server; it throws a Problem for any answer that is not 2xx. */
export async function send<T>(path: string, request: Request = {}): Promise<Answer<T>> {
  const method = request.method ?? 'GET'
  // A question without headers of its own may be one that the browser has put already: early.ts.
  const headers = new Headers()
  if (request.body !== undefined) headers.set('Content-Type', 'application/json')
  if (request.ifVersion !== undefined) headers.set('If-Match', `"${request.ifVersion}"`)
  if (request.reason) headers.set('Assay-Reason', encodeReason(request.reason))
  if (request.idempotencyKey) headers.set('Idempotency-Key', request.idempotencyKey)
  if (method === 'GET' && seen > 0) headers.set('Assay-Min-Position', String(seen))

  const limit = AbortSignal.timeout(timeLimit)
  let response: Response
  try {
    response = await fetch(url(path, request.query), {
      method,
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      credentials: 'same-origin',
      signal: request.signal ? AbortSignal.any([request.signal, limit]) : limit,
    })
  } catch (error) {
    if (request.signal?.aborted) throw error
    throw new Problem(0, 'No answer', limit.aborted ? 'The server did not answer in time.' : 'The server cannot be reached.')
  }
  if (!response.ok) throw await problemOf(response)

  const position = whole(response.headers.get('Assay-Position'))
  if (position !== null && method !== 'GET') sawPosition(position)
  const text = await response.text()
  const json = response.headers.get('Content-Type')?.includes('json') ?? false
  return {
    data: (json ? JSON.parse(text) : text) as T,
    version: whole(response.headers.get('ETag')?.replace(/^W\//, '').replaceAll('"', '') ?? null),
    position,
    headers: response.headers,
  }
}

/** get is send for reads whose headers do not matter. */
export async function get<T>(path: string, query: Request['query'] = {}, signal?: AbortSignal): Promise<T> {
  return (await send<T>(path, { query, signal })).data
}

interface Page<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}

/** all reads every page of a list. */
export async function all<T>(path: string, query: Readonly<Record<string, string | number | undefined>> = {}, signal?: AbortSignal): Promise<readonly T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const page = await get<Page<T>>(path, { limit: 1000, ...query, cursor }, signal)
    items.push(...page.items)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  return items
}

async function problemOf(response: Response): Promise<Problem> {
  if (response.status === 401) onUnauthorized()
  const retry = whole(response.headers.get('Retry-After'))
  try {
    const body = (await response.json()) as Partial<Schemas['Problem']>
    return new Problem(response.status, body.title ?? response.statusText, body.detail ?? '', body.errors ?? [], retry)
  } catch {
    return new Problem(response.status, response.statusText || `Status ${response.status}`, '', [], retry)
  }
}

// A header holds bytes, of one line: fetch refuses what is beyond Latin-1.
function encodeReason(reason: string): string {
  const line = reason.replace(/\s+/g, ' ').trim()
  return Array.from(new TextEncoder().encode(line), (byte) => String.fromCharCode(byte)).join('')
}

function whole(text: string | null): number | null {
  return text !== null && /^\d+$/.test(text) ? Number(text) : null
}
