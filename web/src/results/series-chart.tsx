import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef } from 'react'
import UPlot, { type AlignedData, type Options, type Series } from 'uplot'
import { useDark } from '../shell/theme'
import { signedPercent } from '../ui/format'
import { variationColour } from '../ui/variation'
import type { SeriesDay } from './results-query'

const height = 280 // pixels

export interface SeriesChartProps {
  readonly days: readonly SeriesDay[]
  /** The control first. */
  readonly variations: readonly string[]
}

/** SeriesChart draws each variation's lift day by day with its interval. */
export default function SeriesChart({ days, variations }: SeriesChartProps) {
  const box = useRef<HTMLDivElement>(null)
  const dark = useDark()

  useEffect(() => {
    const element = box.current
    if (!element) return
    const plot = new UPlot(options(element, variations), dataOf(days, variations.length), element)
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [days, variations, dark])
  return <div ref={box} style={{ minHeight: height }} role="img" aria-label="Lift by day; the numbers are in the table beside it" />
}

// dataOf has the days, then of each variation but the control: lift, low, high.
function dataOf(days: readonly SeriesDay[], variations: number): AlignedData {
  const columns: (number | null)[][] = [days.map((day) => Date.parse(day.date) / 1000)]
  for (let v = 1; v < variations; v++) {
    const arms = days.map((day) => day.variations[v])
    columns.push(
      arms.map((arm) => arm?.lift ?? null),
      arms.map((arm) => arm?.lift_ci?.[0] ?? null),
      arms.map((arm) => arm?.lift_ci?.[1] ?? null),
    )
  }
  return columns as unknown as AlignedData
}

function options(element: HTMLElement, variations: readonly string[]): Options {
  const ink = resolve(element, 'var(--ink-faint)')
  const line = resolve(element, 'var(--line)')
  const zero = resolve(element, 'var(--line-control)')
  const series: Series[] = [{ value: (_, at) => (at === null ? '–' : new Date(at * 1000).toISOString().slice(0, 10)) }]
  const bands: NonNullable<Options['bands']> = []
  variations.slice(1).forEach((name, index) => {
    const stroke = resolve(element, variationColour(index + 1))
    const first = series.length
    const value: Series.Value = (_, lift) => (lift === null || lift === undefined ? '–' : signedPercent(lift))
    series.push(
      { label: name, stroke, width: 2, value, points: { show: true, size: 5, fill: stroke } },
      { label: `${name}, low`, stroke: 'transparent', value, points: { show: false } },
      { label: `${name}, high`, stroke: 'transparent', value, points: { show: false } },
    )
    bands.push({ series: [first + 2, first + 1], fill: withAlpha(stroke, 0.13) })
  })
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: `11px ${getComputedStyle(element).fontFamily}` }
  return {
    width: element.clientWidth,
    height,
    series,
    bands,
    legend: { show: false },
    cursor: { points: { size: 7 }, y: false },
    scales: { y: { range: (_, low, high) => padded(low, high) } },
    axes: [
      { ...axis, grid: { show: false }, values: (_, days) => days.map((day) => new Date(day * 1000).toLocaleDateString('en', { month: 'short', day: 'numeric', timeZone: 'UTC' })), incrs: [86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400] },
      { ...axis, size: 58, values: (_, lifts) => lifts.map((lift) => (lift === 0 ? '0' : signedPercent(lift, Math.abs(lift) < 0.01 ? 1 : 0))) },
    ],
    hooks: {
      draw: [
        (plot) => {
          const y = Math.round(plot.valToPos(0, 'y', true))
          plot.ctx.save()
          plot.ctx.strokeStyle = zero
          plot.ctx.lineWidth = devicePixelRatio * 1.5
          plot.ctx.beginPath()
          plot.ctx.moveTo(plot.bbox.left, y)
          plot.ctx.lineTo(plot.bbox.left + plot.bbox.width, y)
          plot.ctx.stroke()
          plot.ctx.restore()
        },
      ],
    },
  }
}

// padded keeps zero in sight and air around the lines.
function padded(low: number | null, high: number | null): [number, number] {
  const from = Math.min(low ?? -0.01, -0.005)
  const to = Math.max(high ?? 0.01, 0.005)
  const air = (to - from) * 0.08
  return [from - air, to + air]
}

// resolve turns a colour of the style sheet into one that a canvas knows.
function resolve(element: HTMLElement, colour: string): string {
  const probe = document.createElement('span')
  probe.style.color = colour
  element.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved
}

const withAlpha = (rgb: string, alpha: number): string => rgb.replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`)
