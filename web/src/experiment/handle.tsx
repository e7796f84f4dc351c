import { useRef, type KeyboardEvent, type PointerEvent } from 'react'
import styles from './split.module.css'

export interface HandleProps {
  readonly label: string
  readonly text: string
  readonly value: number
  readonly min: number
  readonly max: number
  readonly axis: 'x' | 'y'
  readonly onMove: (value: number) => void
}

const all = 1_000_000
const step = 10_000 // slots: one percent
const fine = 1000
const page = 100_000

/** Handle is a boundary of the picture that can be dragged, or moved by keys: arrows by 1 %, with Shift by 0.1 %, PageUp and PageDown by 10 %. */
export function Handle({ label, text, value, min, max, axis, onMove }: HandleProps) {
  const track = useRef<DOMRect | null>(null)
  const move = (to: number): void => {
    const next = Math.min(max, Math.max(min, to))
    if (next !== value) onMove(next)
  }
  const key = (event: KeyboardEvent): void => {
    const by = event.shiftKey ? fine : step
    const to: Record<string, number> = {
      ArrowRight: value + by, ArrowUp: value + by, ArrowLeft: value - by, ArrowDown: value - by,
      PageUp: value + page, PageDown: value - page, Home: min, End: max,
    }
    const next = to[event.key]
    if (next === undefined) return
    event.preventDefault()
    move(next)
  }
  const drag = (event: PointerEvent): void => {
    const box = track.current
    if (!box) return
    const share = axis === 'x' ? (event.clientX - box.left) / box.width : 1 - (event.clientY - box.top) / box.height
    const by = event.shiftKey ? fine : step
    move(Math.round((share * all) / by) * by)
  }
  return (
    <div
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-orientation={axis === 'x' ? 'horizontal' : 'vertical'}
      aria-valuemin={min}
      aria-valuemax={max}
      aria-valuenow={value}
      aria-valuetext={text}
      title={text}
      className={axis === 'x' ? styles.handle : styles.level}
      style={axis === 'x' ? { left: `${value / 10_000}%` } : { bottom: `${value / 10_000}%` }}
      onKeyDown={key}
      onPointerDown={(event) => {
        event.preventDefault()
        event.currentTarget.focus()
        event.currentTarget.setPointerCapture(event.pointerId)
        track.current = event.currentTarget.parentElement?.getBoundingClientRect() ?? null
      }}
      onPointerMove={drag}
      onPointerUp={() => (track.current = null)}
      onPointerCancel={() => (track.current = null)}
    />
  )
}
