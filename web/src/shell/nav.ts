import { Activity, CalendarDays, FlaskConical, Gauge, KeyRound, Layers, ScrollText, SearchCode, ShieldHalf, Users, type LucideIcon } from 'lucide-react'

export interface Place {
  readonly href: string
  readonly text: string
  readonly icon: LucideIcon
  /** After g, the letter that goes there. */
  readonly letter: string
}

export const places: readonly { readonly title: string; readonly items: readonly Place[] }[] = [
  {
    title: 'Experiment',
    items: [
      { href: '/console/experiments', text: 'Experiments', icon: FlaskConical, letter: 'e' },
      { href: '/console/explain', text: 'Explain', icon: SearchCode, letter: 'x' },
      { href: '/console/reports', text: 'Daily report', icon: CalendarDays, letter: 'r' },
    ],
  },
  {
    title: 'Building blocks',
    items: [
      { href: '/console/metrics', text: 'Metrics', icon: Gauge, letter: 'm' },
      { href: '/console/layers', text: 'Layers', icon: Layers, letter: 'l' },
      { href: '/console/holdouts', text: 'Holdouts', icon: ShieldHalf, letter: 'o' },
      { href: '/console/segments', text: 'Segments', icon: Users, letter: 's' },
    ],
  },
  {
    title: 'Operate',
    items: [
      { href: '/console/ledger', text: 'Ledger', icon: ScrollText, letter: 'd' },
      { href: '/console/health', text: 'Health', icon: Activity, letter: 'h' },
      { href: '/console/keys', text: 'Keys', icon: KeyRound, letter: 'k' },
    ],
  },
]
