import { Check, type LucideIcon } from 'lucide-react'
import { cloneElement, createContext, useContext, useEffect, useLayoutEffect, useRef, useState, type ButtonHTMLAttributes, type KeyboardEvent, type ReactElement, type ReactNode } from 'react'
import { createPortal } from 'react-dom'
import styles from './menu.module.css'
import { place } from './place'

const Closing = createContext(() => {})

export interface MenuProps {
  readonly trigger: ReactElement<ButtonHTMLAttributes<HTMLButtonElement>>
  readonly align?: 'start' | 'end'
  readonly children: ReactNode
}

/** Menu drops down from its trigger, a button. */
export function Menu({ trigger, align = 'end', children }: MenuProps) {
  const [anchor, setAnchor] = useState<HTMLElement | null>(null)
  return (
    <>
      {cloneElement(trigger, {
        'aria-haspopup': 'menu',
        'aria-expanded': anchor !== null,
        onClick: ({ currentTarget }) => setAnchor((now) => (now ? null : currentTarget)),
        onKeyDown: (event) => {
          if (event.key !== 'ArrowDown') return
          event.preventDefault()
          setAnchor(event.currentTarget)
        },
      })}
      {anchor && (
        <Items anchor={anchor} align={align} onClose={() => setAnchor(null)}>
          {children}
        </Items>
      )}
    </>
  )
}

interface ItemsProps {
  readonly anchor: HTMLElement
  readonly align: 'start' | 'end'
  readonly onClose: () => void
  readonly children: ReactNode
}

function Items({ anchor, align, onClose, children }: ItemsProps) {
  const menu = useRef<HTMLDivElement>(null)
  const items = (): readonly HTMLElement[] => Array.from(menu.current?.querySelectorAll<HTMLElement>('[role^="menuitem"]') ?? [])
  const close = (): void => {
    // Where it came from: a dialog that an item opens gives the focus back there.
    anchor.focus()
    onClose()
  }

  useLayoutEffect(() => {
    menu.current?.showPopover()
    items()[0]?.focus()
  }, [])
  useLayoutEffect(() => {
    const put = (): void => {
      if (menu.current) place(menu.current, anchor, { side: 'below', align })
    }
    put()
    addEventListener('resize', put)
    addEventListener('scroll', put, true)
    return () => {
      removeEventListener('resize', put)
      removeEventListener('scroll', put, true)
    }
  }, [anchor, align])
  useEffect(() => {
    const outside = ({ target }: PointerEvent): void => {
      // The trigger closes what it opened itself.
      if (target instanceof Node && !menu.current?.contains(target) && !anchor.contains(target)) onClose()
    }
    document.addEventListener('pointerdown', outside)
    return () => document.removeEventListener('pointerdown', outside)
  })

  const onKeyDown = (event: KeyboardEvent): void => {
    const all = items()
    const at = all.findIndex((item) => item === document.activeElement)
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at <= 0 ? all.length - 1 : at - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key]
    if (to !== undefined) {
      event.preventDefault()
      all[to % all.length]?.focus()
    } else if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault()
      close()
    } else if (event.key.length === 1 && event.key !== ' ') {
      const begins = (item: HTMLElement): boolean => item.textContent.toLowerCase().startsWith(event.key.toLowerCase())
      ;[...all.slice(at + 1), ...all.slice(0, at + 1)].find(begins)?.focus()
    }
    // What is typed here is for no shortcut of the page.
    event.stopPropagation()
  }
  return createPortal(
    <div ref={menu} role="menu" popover="manual" className={styles.menu} onKeyDown={onKeyDown}>
      <Closing value={close}>{children}</Closing>
    </div>,
    document.body,
  )
}

export interface MenuItemProps {
  readonly icon?: LucideIcon
  readonly onSelect: () => void
  readonly danger?: boolean
  /** Given where one of several is chosen. */
  readonly checked?: boolean
  readonly disabledBecause?: string | null | undefined
  readonly children: ReactNode
}

export function MenuItem({ icon: Icon, onSelect, danger = false, checked, disabledBecause, children }: MenuItemProps) {
  const close = useContext(Closing)
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemradio'}
      aria-checked={checked}
      aria-disabled={disabledBecause ? true : undefined}
      tabIndex={-1}
      className={`${styles.item} ${danger ? styles.danger : ''}`}
      onPointerMove={({ currentTarget }) => currentTarget.focus()}
      onClick={() => {
        if (disabledBecause) return
        close()
        onSelect()
      }}
    >
      {Icon && <Icon size={15} aria-hidden />}
      <span>
        {children}
        {disabledBecause && <span className={styles.why}>{disabledBecause}</span>}
      </span>
      {checked && <Check size={14} className={styles.check} aria-hidden />}
    </button>
  )
}

export const MenuLine = () => <div role="separator" className={styles.line} />
export const MenuLabel = ({ children }: { readonly children: ReactNode }) => <div className={styles.label}>{children}</div>
