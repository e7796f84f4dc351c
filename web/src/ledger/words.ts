const verbs: Readonly<Record<string, string>> = {
  created: 'Created',
  changed: 'Changed',
  status_changed: 'Switched',
  deleted: 'Deleted',
  members_changed: 'Members changed',
  closed: 'Closed',
}

/** eventWords says in a word or two what an event of a type did. */
export function eventWords(type: string): string {
  const verb = type.slice(type.indexOf('.') + 1)
  return verbs[verb] ?? verb.replaceAll('_', ' ')
}

interface Told {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
}

/** eventLine says what a record did, with the names that it holds. */
export function eventLine({ type, data }: Told): string {
  const noun = type.slice(0, type.indexOf('.')).replaceAll('_', ' ')
  if (type === 'experiment.status_changed') return `Switched ${data['new_status'] === 'active' ? 'on' : 'off'}`
  if (type === 'day.closed') return `Day ${text(data['date'])} closed`
  return `${eventWords(type)} ${noun}`
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
