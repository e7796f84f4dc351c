import type { components } from '../src/api/schema'

export type Schemas = components['schemas']

export interface Answer<T> {
  readonly status: number
  readonly data: T
  /** The ledger's position that a command reached or a query was answered at; 0 where none is told. */
  readonly position: number
  readonly version: number
}

export interface Ask {
  readonly body?: unknown
  readonly reason?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Refused is an answer that is no success. */
export class Refused extends Error {
  constructor(
    what: string,
    readonly status: number,
    readonly answer: string,
  ) {
    super(`${what}: ${status} ${answer.slice(0, 1000)}`)
  }
}

/** Api speaks to a server as a program does, to set up what a test is about. */
export class Api {
  constructor(
    readonly url: string,
    readonly token: string,
  ) {}

  /** as is the same server with another token. */
  as(token: string): Api {
    return new Api(this.url, token)
  }

  /** send throws Refused for what is no success. */
  async send<T>(method: string, path: string, ask: Ask = {}): Promise<Answer<T>> {
    const headers = new Headers({ Authorization: `Bearer ${this.token}`, ...ask.headers })
    if (ask.body !== undefined) headers.set('Content-Type', 'application/json')
    // A header holds bytes: what is beyond ASCII goes as UTF-8.
    if (ask.reason) headers.set('Assay-Reason', Buffer.from(ask.reason, 'utf8').toString('latin1'))
    const response = await fetch(this.url + path, {
      method,
      headers,
      body: ask.body === undefined ? null : JSON.stringify(ask.body),
      signal: AbortSignal.timeout(20_000),
    })
    const text = await response.text()
    if (!response.ok) throw new Refused(`${method} ${path}`, response.status, text)
    return {
      status: response.status,
      data: (text === '' ? undefined : JSON.parse(text)) as T,
      position: Number(response.headers.get('Assay-Position') ?? 0),
      version: Number(response.headers.get('ETag')?.replaceAll(/\D/g, '') ?? 0),
    }
  }

  async get<T>(path: string): Promise<T> {
    return (await this.send<T>('GET', path)).data
  }

  async experiment(key: string): Promise<Schemas['Experiment']> {
    return this.get(`/experiments/${key}`)
  }

  async createExperiment(body: Record<string, unknown>, reason?: string): Promise<Schemas['Experiment']> {
    return (await this.send<Schemas['Experiment']>('POST', '/experiments', { body, ...(reason && { reason }) })).data
  }

  async patchExperiment(key: string, body: Record<string, unknown>, reason?: string): Promise<Schemas['Experiment']> {
    return (await this.send<Schemas['Experiment']>('PATCH', `/experiments/${key}`, { body, ...(reason && { reason }) })).data
  }

  async setStatus(key: string, status: 'active' | 'inactive', reason = 'set up'): Promise<void> {
    await this.send('PATCH', `/experiments/${key}/status`, { body: { status, reason } })
  }

  /** batch carries commands out, all or nothing; a busy server is asked again. */
  async batch(commands: readonly Record<string, unknown>[], reason = 'set up'): Promise<void> {
    const ask = { body: { commands }, reason, headers: { 'Idempotency-Key': crypto.randomUUID() } }
    for (let left = 5; ; left--) {
      try {
        await this.send('POST', '/experiments/batch', ask)
        return
      } catch (error) {
        if (left === 0 || !(error instanceof Refused && error.status === 503)) throw error
        await new Promise((resolve) => setTimeout(resolve, 1_000))
      }
    }
  }

  async create(path: '/layers' | '/holdouts' | '/segments' | '/metric-definitions', body: Record<string, unknown>, reason?: string): Promise<void> {
    await this.send('POST', path, { body, ...(reason && { reason }) })
  }

  /** createKey returns the token of a new key. */
  async createKey(name: string, role: 'client' | 'server' | 'viewer' | 'editor' | 'admin'): Promise<string> {
    return (await this.send<{ readonly token: string }>('POST', '/keys', { body: { name, role } })).data.token
  }

  /** track reports exposures and events; it throws if the server rejects any. */
  async track(events: readonly Record<string, unknown>[]): Promise<void> {
    const { data } = await this.send<Schemas['Receipt']>('POST', '/track', { body: { events } })
    if (data.rejected.length > 0) throw new Error(`rejected: ${JSON.stringify(data.rejected.slice(0, 3))}`)
  }
}
