import type { Schemas } from '../api/client'
import { count, share } from '../ui/format'

export type Explanation = Schemas['Explanation']
export type Step = Schemas['ExplainedStep']

const reasons: Readonly<Record<Explanation['reason'], string>> = {
  INACTIVE: 'The experiment is off',
  NO_UNIT: 'There is no such unit id',
  OVERRIDE: 'Set by hand',
  HOLDOUT: 'Held out',
  AUDIENCE: 'Not in the audience',
  PREREQUISITE: 'A prerequisite is not met',
  LAYER: 'Another share of the layer',
  TRAFFIC: 'Not in the traffic',
  SPLIT: 'In the experiment, by the split',
}

/** reasonWords says what decided. */
export const reasonWords = (reason: Explanation['reason']): string => reasons[reason]

/** stepWords says what a step asked, and what it found. */
export function stepWords(step: Step): string {
  const slot = step.slot === undefined ? '' : `slot ${count(step.slot)}`
  switch (step.check) {
    case 'status':
      return step.decided ? 'It is off: everybody gets the control' : 'It is on'
    case 'unit':
      return step.decided ? 'The unit has no id of the type that the experiment deals by' : 'The unit has an id'
    case 'override':
      return step.decided ? `Set by hand to ${step.variation ?? ''}` : 'Nothing is set by hand'
    case 'holdout':
      return step.decided ? `Held out by ${step.by.key}: ${slot} is below ${count(step.below ?? 0)}` : `Not held out by ${step.by.key}: ${slot} is not below ${count(step.below ?? 0)}`
    case 'audience':
      return step.decided ? 'The audience does not take it' : 'The audience takes it'
    case 'prerequisite':
      return step.decided
        ? `${step.by.key} gives ${step.variation ?? 'nothing'}, and ${(step.wanted ?? []).join(' or ')} is needed`
        : `${step.by.key} gives ${step.variation ?? ''}, as needed`
    case 'layer':
      return step.decided ? `Layer ${step.by.key}: ${slot} belongs to another share` : `Layer ${step.by.key}: ${slot} belongs to this experiment`
    case 'traffic':
      return step.decided ? `Not in the traffic: ${slot} is not below ${share(step.below ?? 0)}` : `In the traffic: ${slot} is below ${share(step.below ?? 0)}`
    case 'split':
      return `The split gives ${step.variation ?? ''}: ${slot} is in ${(step.ranges ?? []).map((range) => `${count(range.from)}–${count(range.to)}`).join(', ')}`
  }
}

/** takesPart says whether a unit with this reason is in the experiment. */
export const takesPart = (reason: Explanation['reason']): boolean => reason === 'SPLIT' || reason === 'OVERRIDE'
