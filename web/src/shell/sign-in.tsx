import { useEffect, useState } from 'react'
import { asProblem, type Problem } from '../api/client'
import { useSession } from '../api/session'
import { Button } from '../ui/button'
import { Field, TextInput } from '../ui/field'
import { Note } from '../ui/states'
import { Logo } from './logo'
import styles from './sign-in.module.css'

/** SignIn asks for a key's token, or leads to the organisation's own sign-in. */
export function SignIn({ oidc, initial }: { readonly oidc: boolean; readonly initial: Problem | null }) {
  const { signIn } = useSession()
  const [token, setToken] = useState('')
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState(initial)

  useEffect(() => {
    document.title = 'Sign in · Assay'
  }, [])
  const submit = async (): Promise<void> => {
    setBusy(true)
    setProblem(null)
    try {
      await signIn(token.trim())
    } catch (error) {
      setProblem(asProblem(error))
      setBusy(false)
    }
  }
  return (
    <main className={styles.page}>
      <form
        className={styles.card}
        onSubmit={(event) => {
          event.preventDefault()
          if (token.trim() !== '' && !busy) void submit()
        }}
      >
        <div className={styles.head}>
          <Logo size={36} />
          <div>
            <h1>Assay</h1>
            <p>Experiments that can prove their results</p>
          </div>
        </div>
        <Field label="API key" hint="The token of a key with the role viewer, editor or admin.">
          <TextInput type="password" code autoFocus autoComplete="current-password" value={token} onChange={(event) => setToken(event.target.value)} />
        </Field>
        {problem && <Note tone="bad">{problem.status === 401 ? 'No key has this token, or it has expired.' : problem.message}</Note>}
        <Button type="submit" kind="primary" busy={busy} disabledBecause={token.trim() === '' ? 'Paste the token of a key first.' : null}>
          Sign in
        </Button>
        {oidc && (
          <>
            <div className={styles.or}>or</div>
            <Button onClick={() => location.assign(`/session/oidc?return=${encodeURIComponent(location.pathname + location.search)}`)}>Sign in with your organisation</Button>
          </>
        )}
      </form>
    </main>
  )
}
