import AxeBuilder from '@axe-core/playwright'
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test'
import { Api } from './api'

export { expect }

/** What a stack is made of; see internal/stage. */
export interface StackOptions {
  /** A PostgreSQL that may be killed. */
  readonly own_postgres?: boolean
  /** Redis is there unless this is false. */
  readonly redis?: boolean
  /** Replicas of the server. */
  readonly servers?: 1 | 2
  /** assay-edge beside them. */
  readonly edge?: boolean
  /** How far the ledger's clock stands from now when it begins, such as -48h; see setClock. */
  readonly clock?: string
  /** Added to the environment of every program. */
  readonly env?: Readonly<Record<string, string>>
}

type Part = 'postgres' | 'redis' | `servers/${0 | 1}` | 'edge'

/** Stack is Assay as a whole: servers on a ledger of their own. */
export class Stack {
  private constructor(
    private readonly id: string,
    readonly urls: readonly string[],
    readonly edgeUrl: string | null,
    /** The root token: admin. */
    readonly token: string,
  ) {}

  static async start(options: StackOptions = {}): Promise<Stack> {
    interface Made {
      readonly id: string
      readonly urls: readonly string[]
      readonly edge_url?: string
      readonly token: string
    }
    const made = await ask<Made>('POST', '/stacks', options)
    return new Stack(made.id, made.urls, made.edge_url ?? null, made.token)
  }

  get url(): string {
    const [first] = this.urls
    if (first === undefined) throw new Error('a stack without servers')
    return first
  }

  get api(): Api {
    return new Api(this.url, this.token)
  }

  /** kill is kill -9 of a part, and returns when it is gone. */
  async kill(part: Part): Promise<void> {
    await ask('POST', `/stacks/${this.id}/${part}/kill`)
  }

  /**
   * start brings a killed part back at its address; all but Redis with their data. It returns
   * when the part is ready, a server whose database is down when it answers.
   */
  async start(part: Part): Promise<void> {
    await ask('POST', `/stacks/${this.id}/${part}/start`)
  }

  async flushRedis(): Promise<void> {
    await ask('POST', `/stacks/${this.id}/redis/flush`)
  }

  /**
   * setClock moves the ledger's clock, such as -48h from now. Time in the ledger never falls: who
   * needs a past begins the stack there.
   */
  async setClock(offset: string): Promise<void> {
    await ask('POST', `/stacks/${this.id}/clock/${offset}`)
  }

  /** assay runs the program beside the servers; it throws if it fails. */
  async assay(...args: readonly string[]): Promise<string> {
    const { code, output } = await ask<{ readonly code: number; readonly output: string }>('POST', `/stacks/${this.id}/assay`, args)
    if (code !== 0) throw new Error(`assay ${args.join(' ')}: ${code}: ${output}`)
    return output
  }

  async log(): Promise<string> {
    return (await ask<{ readonly log: string }>('GET', `/stacks/${this.id}/log`)).log
  }

  /** end takes the stack down, and fails for what its programs should never log. */
  async end(): Promise<void> {
    const { faults } = await ask<{ readonly faults: readonly string[] }>('DELETE', `/stacks/${this.id}`)
    expect(faults, 'logged by the servers').toEqual([])
  }
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  const stage = process.env['ASSAY_STAGE']
  if (stage === undefined) throw new Error('no stage: run npm test, or go run ./internal/stage -- COMMAND')
  const response = await fetch(stage + path, { method, body: body === undefined ? null : JSON.stringify(body), signal: AbortSignal.timeout(150_000) })
  if (!response.ok) throw new Error(`stage: ${method} ${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}

/**
 * Scenario is a stack that all tests of a worker share who name it. It is prepared once, so
 * they must leave it as they found it.
 */
export interface Scenario {
  readonly name: string
  readonly options?: StackOptions
  readonly prepare: (api: Api, stack: Stack) => Promise<void>
}

/** Scenarios are those that a worker has prepared. */
export class Scenarios {
  private readonly stacks = new Map<string, Promise<Stack>>()

  get(scenario: Scenario): Promise<Stack> {
    let stack = this.stacks.get(scenario.name)
    if (stack === undefined) {
      stack = prepared(scenario)
      this.stacks.set(scenario.name, stack)
    }
    return stack
  }

  async end(): Promise<void> {
    for (const stack of this.stacks.values()) await (await stack).end()
  }
}

async function prepared(scenario: Scenario): Promise<Stack> {
  const stack = await Stack.start(scenario.options)
  await scenario.prepare(stack.api, stack)
  return stack
}

/** Watch notes what must not happen in a browser: errors of the console and of pages, answers of 5xx, requests without an answer. */
export class Watch {
  private readonly faults: string[] = []
  private readonly allowed: RegExp[] = []

  /** allow says which faults belong to the test, from now on and before. */
  allow(...patterns: readonly RegExp[]): void {
    this.allowed.push(...patterns)
  }

  context(context: BrowserContext): void {
    context.on('weberror', ({ error }) => this.faults.push(`page error: ${error().stack ?? error().message}`))
    context.on('console', (message) => {
      // What could not be loaded is told below, with its address; a violated policy is an error too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.faults.push(`console: ${message.text()}`)
    })
    context.on('response', (response) => {
      const status = response.status()
      const missing = status === 404 && /\.(js|css|woff2|svg|png)$/.test(new URL(response.url()).pathname)
      if (status >= 500 || missing) this.faults.push(`${status} ${response.request().method()} ${response.url()}`)
    })
    context.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? ''
      // A page that is left, or a question that is not of interest any more, is no fault.
      if (why !== 'net::ERR_ABORTED') this.faults.push(`${why} ${request.method()} ${request.url()}`)
    })
  }

  get unexpected(): readonly string[] {
    return this.faults.filter((fault) => !this.allowed.some((pattern) => pattern.test(fault)))
  }
}

/** What is allowed while servers or what they depend on are down on purpose. */
export const outage: readonly RegExp[] = [/^50[234] /, /^net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|SOCKET_NOT_CONNECTED)/]

export interface PersonOptions {
  /** Whose key signs in; the root token by default. */
  readonly token?: string
  /** Which server they use, the first by default. */
  readonly url?: string
  readonly viewport?: { readonly width: number; readonly height: number }
}

interface Options {
  /** What the test's own stack is made of. */
  readonly stackOptions: StackOptions
  /** The shared stack to use instead of one of the test's own. */
  readonly scenario: Scenario | null
}

interface Fixtures extends Options {
  readonly stack: Stack
  readonly api: Api
  /** A page of nobody, at about:blank; paths are the server's. */
  readonly page: Page
  /** A page on which the root token has signed in, at the first page of the console. */
  readonly signedIn: Page
  /** Signs somebody else in, in a browser of their own. */
  readonly person: (options?: PersonOptions) => Promise<Page>
  /** What must not happen; a test allows what belongs to it. */
  readonly watch: Watch
}

interface WorkerFixtures {
  readonly scenarios: Scenarios
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  stackOptions: [{}, { option: true }],
  scenario: [null, { option: true }],

  scenarios: [
    async ({}, use) => {
      const scenarios = new Scenarios()
      await use(scenarios)
      await scenarios.end()
    },
    { scope: 'worker', timeout: 180_000 },
  ],

  stack: [
    async ({ scenarios, scenario, stackOptions }, use, info) => {
      const stack = scenario === null ? await Stack.start(stackOptions) : await scenarios.get(scenario)
      await use(stack)
      if (info.status !== info.expectedStatus) await info.attach('servers.log', { body: await stack.log(), contentType: 'text/plain' })
      if (scenario === null) await stack.end()
    },
    { timeout: 180_000 },
  ],

  api: async ({ stack }, use) => use(stack.api),

  watch: [
    async ({}, use) => {
      const watch = new Watch()
      await use(watch)
      expect(watch.unexpected, 'faults in the browser').toEqual([])
    },
    { auto: true },
  ],

  baseURL: async ({ stack }, use) => use(stack.url),

  context: async ({ context, watch }, use) => {
    watch.context(context)
    await use(context)
  },

  signedIn: async ({ page, stack }, use) => {
    await signIn(page, stack.url, stack.token)
    await use(page)
  },

  person: async ({ browser, stack, watch, contextOptions }, use) => {
    const contexts: BrowserContext[] = []
    await use(async ({ token = stack.token, url = stack.url, viewport } = {}) => {
      const context = await browser.newContext({ ...contextOptions, baseURL: url, ...(viewport && { viewport }) })
      contexts.push(context)
      watch.context(context)
      const page = await context.newPage()
      await signIn(page, url, token)
      return page
    })
    for (const context of contexts) await context.close()
  },
})

export async function signIn(page: Page, url: string, token: string): Promise<void> {
  const answer = await page.context().request.post(`${url}/session`, { data: { token } })
  expect(answer.ok(), `sign in: ${answer.status()} ${await answer.text()}`).toBe(true)
  await page.goto(`${url}/`)
}

const standards = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']

/**
 * expectNoViolations holds the page, as it stands, to WCAG 2.2 AA in both themes: in the light
 * one as the system asks for it, in the dark one as the console's own switch does.
 */
export async function expectNoViolations(page: Page): Promise<void> {
  const chosen = await page.evaluate(() => document.documentElement.dataset['theme'] ?? '')
  await prefer(page, 'dark')
  await setTheme(page, '')
  const dark = await paint(page)
  await prefer(page, 'light')
  const light = await paint(page)
  expect(light, 'the theme follows the system').not.toBe(dark)
  const found = await violations(page, 'light')
  await setTheme(page, 'dark')
  expect(await paint(page), 'the dark theme is the same, whoever asks for it').toBe(dark)
  // The themes differ in their colours alone: where time is short, these are looked at.
  found.push(...(await violations(page, 'dark', process.env['ASSAY_SHORT'] ? ['color-contrast'] : undefined)))
  await page.emulateMedia({ colorScheme: null })
  await setTheme(page, chosen)
  await settled(page)
  expect(found, 'violations of WCAG 2.2 AA').toEqual([])
}

/** setTheme chooses light, dark, or with '' what the system says, as the console's switch does. */
export async function setTheme(page: Page, theme: string): Promise<void> {
  await page.evaluate((theme) => {
    if (theme === '') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = theme
  }, theme)
}

// prefer returns when the page knows: the browser tells it in its own time.
async function prefer(page: Page, scheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: scheme })
  await expect.poll(() => page.evaluate((scheme) => matchMedia(`(prefers-color-scheme: ${scheme})`).matches, scheme)).toBe(true)
}

async function paint(page: Page): Promise<string> {
  await settled(page)
  return page.evaluate(() => `${getComputedStyle(document.body).color} on ${getComputedStyle(document.documentElement).backgroundColor}`)
}

async function violations(page: Page, theme: string, rules?: string[]): Promise<string[]> {
  // There are no frames of other origins, for which a page more would be opened, and what
  // passes need not be described.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] })
  const { violations } = await (rules ? axe.withRules(rules) : axe.withTags(standards)).analyze()
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${theme}: ${violation.id}: ${node.target.join(' ')}: ${node.failureSummary ?? violation.help}`.replaceAll(/\s+/g, ' ')),
  )
}

/** settled waits until nothing moves any more, but for what moves for ever. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const moving = document.getAnimations().filter((animation) => animation.effect?.getComputedTiming().endTime !== Infinity)
    await Promise.allSettled(moving.map((animation) => animation.finished))
  })
}
