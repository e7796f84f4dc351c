import { useCallback, useEffect, useState, type RefObject } from 'react'
import { flushSync } from 'react-dom'

const spare = 4 // rows above and below the window, for who scrolls
const margin = 70 // pixels kept free above and below a row that was asked for

interface Range {
  readonly from: number
  readonly to: number
}

export interface InSight extends Range {
  /** Scrolls so that a row is in the window, and in the document when it returns. */
  readonly reveal: (index: number) => void
}

/** useInSight says which rows of a list, all of one height, are in the window or nearly: from, and to without it. */
export function useInSight(body: RefObject<HTMLElement | null>, count: number, height: number): InSight {
  // Before there is a list to measure it is taken to begin with the window.
  const [range, setRange] = useState<Range>(() => ({ from: 0, to: Math.ceil(innerHeight / height) }))
  const measure = useCallback(() => {
    const top = body.current?.getBoundingClientRect().top ?? 0
    const from = Math.max(0, Math.floor(-top / height) - spare)
    const to = Math.ceil((innerHeight - top) / height) + spare
    setRange((now) => (now.from === from && now.to === to ? now : { from, to }))
  }, [body, height])

  // Where a shorter list ends the window scrolls by itself, and says so.
  useEffect(() => {
    measure()
    addEventListener('scroll', measure, { passive: true })
    addEventListener('resize', measure)
    return () => {
      removeEventListener('scroll', measure)
      removeEventListener('resize', measure)
    }
  }, [measure])

  const reveal = useCallback(
    (index: number) => {
      const top = (body.current?.getBoundingClientRect().top ?? 0) + index * height
      if (top < margin) scrollBy(0, top - margin)
      else if (top + height > innerHeight - margin) scrollBy(0, top + height - innerHeight + margin)
      flushSync(measure)
    },
    [body, height, measure],
  )
  return { from: Math.min(range.from, count), to: Math.min(range.to, count), reveal }
}
