import type { Experiment, Layer } from '../api/queries'
import { dateTime, percent, share } from '../ui/format'

export interface Check {
  readonly state: 'good' | 'warn' | 'bad'
  readonly title: string
  readonly text: string
}

export interface Surroundings {
  readonly experiments: readonly Experiment[]
  readonly layers: readonly Layer[]
  readonly now: number
}

/** checklist looks an experiment over before it is switched on: what warns can wait, what is bad would show nothing. */
export function checklist(experiment: Experiment, around: Surroundings): readonly Check[] {
  return [hypothesis(experiment), metric(experiment), audience(experiment), layer(experiment, around), ...prerequisites(experiment, around), traffic(experiment), ...schedule(experiment, around), plan(experiment)]
}

function hypothesis({ hypothesis }: Experiment): Check {
  return hypothesis.trim() === ''
    ? { state: 'warn', title: 'Hypothesis', text: 'Nothing is written. What do you expect, and why?' }
    : { state: 'good', title: 'Hypothesis', text: 'Written before the first result.' }
}

function metric({ metrics }: Experiment): Check {
  const primary = metrics.filter((use) => use.role === 'primary')
  return primary.length === 0
    ? { state: 'warn', title: 'Primary metric', text: 'None is chosen: nothing will decide.' }
    : { state: 'good', title: 'Primary metric', text: primary.map((use) => use.metric).join(', ') }
}

function audience({ audience }: Experiment): Check {
  if (Object.keys(audience).length === 0) return { state: 'warn', title: 'Audience', text: 'There is no condition: everybody takes part.' }
  return { state: 'good', title: 'Audience', text: 'Only those who meet the condition take part.' }
}

function layer({ key, layer }: Experiment, { layers }: Surroundings): Check {
  if (!layer) return { state: 'good', title: 'Layer', text: 'None: it overlaps with other experiments.' }
  const found = layers.find((each) => each.key === layer.key)
  if (found?.mode === 'ordered') return { state: 'good', title: 'Layer', text: `${found.name} is ordered: place ${found.order.indexOf(key) + 1} of ${found.order.length}.` }
  const held = (layer.slots ?? []).reduce((sum, part) => sum + part.to - part.from, 0)
  return held === 0
    ? { state: 'bad', title: 'Layer', text: `It holds no slots of ${layer.key}: nobody would take part.` }
    : { state: 'good', title: 'Layer', text: `It holds ${share(held)} of ${found?.name ?? layer.key}.` }
}

function prerequisites({ prerequisites }: Experiment, { experiments }: Surroundings): readonly Check[] {
  return prerequisites.map((needed): Check => {
    const other = experiments.find((each) => each.key === needed.experiment)
    const title = `Prerequisite ${needed.experiment}`
    if (!other) return { state: 'bad', title, text: 'It was deleted: nobody would take part.' }
    // While it is off, everybody has its control.
    const control = other.variations[0]?.key ?? ''
    if (other.status === 'active') return { state: 'good', title, text: `It is active; ${needed.variations.join(' or ')} is needed.` }
    return needed.variations.includes(control)
      ? { state: 'warn', title, text: 'It is inactive: everybody has its control.' }
      : { state: 'warn', title, text: 'It is inactive: nobody takes part until it is switched on.' }
  })
}

function traffic({ traffic_ppm }: Experiment): Check {
  return traffic_ppm === 0
    ? { state: 'bad', title: 'Traffic', text: 'It is 0 %: nobody would take part.' }
    : { state: 'good', title: 'Traffic', text: `${share(traffic_ppm)} of the audience.` }
}

function schedule({ pending }: Experiment, { now }: Surroundings): readonly Check[] {
  if (!pending?.start_at && !pending?.stop_at) return []
  const { start_at: start, stop_at: stop } = pending
  if (stop && Date.parse(stop) < now) return [{ state: 'warn', title: 'Schedule', text: `It was to end at ${dateTime(stop)}.` }]
  if (start && Date.parse(start) > now) return [{ state: 'warn', title: 'Schedule', text: `It would be switched on by itself at ${dateTime(start)}.` }]
  return stop ? [{ state: 'good', title: 'Schedule', text: `It will be switched off by itself at ${dateTime(stop)}.` }] : []
}

function plan({ analysis, metrics }: Experiment): Check {
  const words = `To find ${percent(analysis.mde ?? 0.05, 1)} with ${percent(analysis.power ?? 0.8, 0)} power at α ${analysis.alpha}`
  if (analysis.method === 'fixed' && !analysis.max_days) return { state: 'warn', title: 'Power plan', text: 'A fixed test decides at its planned end, and no length is planned.' }
  if (metrics.length > 0 && analysis.mde === undefined) return { state: 'warn', title: 'Power plan', text: `${words}: the default. Say which effect is worth having.` }
  return { state: 'good', title: 'Power plan', text: `${words}${analysis.max_days ? `, within ${analysis.max_days} days` : ''}.` }
}
