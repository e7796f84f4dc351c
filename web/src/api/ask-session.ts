import { asProblem, send, type Problem } from './client'

export type Role = 'viewer' | 'editor' | 'admin'

export interface Identity {
  readonly actor: string
  readonly role: Role
  readonly method: 'key' | 'oidc'
  readonly expires_at: string
}

export type State =
  | { readonly kind: 'asking' }
  | { readonly kind: 'out'; readonly oidc: boolean; readonly problem: Problem | null }
  | { readonly kind: 'in'; readonly identity: Identity }

interface Who {
  readonly actor: string | null
  readonly sign_in: { readonly oidc: boolean }
}

/** askSession asks who is signed in: by the cookie, or by a token in the address's fragment. */
export async function askSession(): Promise<State> {
  const token = takeToken()
  if (token === null) return ask()
  return enter(token).catch((error: unknown) => ({ kind: 'out', oidc: false, problem: asProblem(error) }))
}

/** enter signs in. */
export async function enter(token: string): Promise<State> {
  const { data } = await send<Identity>('/session', { method: 'POST', body: { token } })
  return { kind: 'in', identity: data }
}

/** ask asks who is signed in by the cookie. */
export async function ask(): Promise<State> {
  try {
    const { data } = await send<Who & Partial<Identity>>('/session')
    if (data.actor === null) return { kind: 'out', oidc: data.sign_in.oidc, problem: null }
    return { kind: 'in', identity: data as Identity }
  } catch (error) {
    const problem = asProblem(error)
    return { kind: 'out', oidc: false, problem: problem.status === 401 ? null : problem }
  }
}

// takeToken takes the token that `assay dev` prints in its link out of the
// address, so that it does not stay in the history.
function takeToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  if (token === null) return null
  history.replaceState(null, '', location.pathname + location.search)
  return token
}
