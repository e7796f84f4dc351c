import { cloneElement, useEffect, useId, useLayoutEffect, useRef, useState, type HTMLAttributes, type ReactElement, type ReactNode } from 'react'
import { createPortal } from 'react-dom'
import { place } from './place'
import styles from './tooltip.module.css'

const patience = 300 // milliseconds that a pointer rests before anything is told
const leave = 100 // and that it has to go over to what is told

/** Tooltip explains what it stands around, which must be able to take the focus. */
export function Tooltip({ text, children }: { readonly text: ReactNode; readonly children: ReactElement<HTMLAttributes<HTMLElement>> }) {
  const id = useId()
  const [anchor, setAnchor] = useState<Element | null>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])

  const show = (next: Element | null, after: number): void => {
    clearTimeout(timer.current)
    if (after === 0) setAnchor(next)
    else timer.current = setTimeout(() => setAnchor(next), after)
  }
  return (
    <>
      {cloneElement(children, {
        'aria-describedby': anchor ? id : undefined,
        onPointerEnter: ({ currentTarget, pointerType }) => pointerType !== 'touch' && show(currentTarget, patience),
        onPointerLeave: () => show(null, leave),
        onPointerDown: () => show(null, 0),
        onFocus: ({ currentTarget }) => currentTarget.matches(':focus-visible') && show(currentTarget, 0),
        onBlur: () => show(null, 0),
      })}
      {anchor && (
        <Tip id={id} anchor={anchor} onEnter={() => show(anchor, 0)} onClose={(after) => show(null, after)}>
          {text}
        </Tip>
      )}
    </>
  )
}

interface TipProps {
  readonly id: string
  readonly anchor: Element
  readonly onEnter: () => void
  readonly onClose: (after: number) => void
  readonly children: ReactNode
}

function Tip({ id, anchor, onEnter, onClose, children }: TipProps) {
  const tip = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    tip.current?.showPopover()
  }, [])
  useLayoutEffect(() => {
    if (tip.current) place(tip.current, anchor, { side: 'above', align: 'center' })
  })
  useEffect(() => {
    const close = (event: Event): void => {
      if (event instanceof KeyboardEvent && event.key !== 'Escape') return
      onClose(0)
    }
    document.addEventListener('keydown', close)
    document.addEventListener('scroll', close, true)
    return () => {
      document.removeEventListener('keydown', close)
      document.removeEventListener('scroll', close, true)
    }
  })
  return createPortal(
    <div ref={tip} id={id} role="tooltip" popover="manual" className={styles.tip} onPointerEnter={onEnter} onPointerLeave={() => onClose(leave)}>
      {children}
    </div>,
    document.body,
  )
}
