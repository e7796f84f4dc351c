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
