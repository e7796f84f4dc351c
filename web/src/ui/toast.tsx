import { CircleAlert, CircleCheck, X } from 'lucide-react'
import { createContext, useCallback, useContext, useRef, useState, type ReactNode } from 'react'
import styles from './toast.module.css'

interface Toast {
  readonly id: number
  readonly tone: 'good' | 'bad'
  readonly title: string
  readonly detail: string | undefined
}

export type Tell = (title: string, detail?: string, tone?: 'good' | 'bad') => void

const Context = createContext<Tell>(() => {})

/** useTell shows a short message that goes away by itself; one of a fault stays longer. */
export const useTell = (): Tell => useContext(Context)

export function Toasts({ children }: { readonly children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Toast[]>([])
  const next = useRef(0)
  const drop = useCallback((id: number) => setToasts((now) => now.filter((toast) => toast.id !== id)), [])
  const tell = useCallback<Tell>(
    (title, detail, tone = 'good') => {
      const id = next.current++
      setToasts((now) => [...now.slice(-2), { id, tone, title, detail }])
      setTimeout(() => drop(id), tone === 'good' ? 4500 : 9000)
    },
    [drop],
  )
  return (
    <Context value={tell}>
      {children}
      <div className={`${styles.toasts} no-print`} role="status" aria-live="polite">
        {toasts.map((toast) => (
          <div key={toast.id} className={styles.toast}>
            {toast.tone === 'good' ? <CircleCheck size={16} className={styles.good} aria-hidden /> : <CircleAlert size={16} className={styles.bad} aria-hidden />}
            <div className="grow">
              {toast.title}
              {toast.detail && <p>{toast.detail}</p>}
            </div>
            <button className={styles.close} type="button" aria-label="Dismiss" onClick={() => drop(toast.id)}>
              <X size={14} aria-hidden />
            </button>
          </div>
        ))}
      </div>
    </Context>
  )
}
