export interface Where {
  readonly side: 'above' | 'below'
  readonly align: 'start' | 'center' | 'end'
}

const gap = 5
const edge = 8

/** place puts a box of the top layer beside what it belongs to: on the other side where there is no room, and never out of the window. */
export function place(box: HTMLElement, anchor: Element, { side, align }: Where): void {
  const at = anchor.getBoundingClientRect()
  const width = box.offsetWidth
  const height = box.offsetHeight
  const left = { start: at.left, center: at.left + (at.width - width) / 2, end: at.right - width }[align]
  const above = at.top - gap - height
  const below = at.bottom + gap
  const fitsAbove = above >= edge
  const fitsBelow = below + height <= innerHeight - edge
  const top = (side === 'above' ? fitsAbove || !fitsBelow : fitsAbove && !fitsBelow) ? above : below
  box.style.left = `${Math.max(edge, Math.min(left, innerWidth - edge - width))}px`
  box.style.top = `${Math.max(edge, top)}px`
}
