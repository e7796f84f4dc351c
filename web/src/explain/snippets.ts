/** Question is what was asked. */
export interface Question {
  readonly unit: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly experiment: string
  /** In milliseconds; null is now. */
  readonly at: number | null
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** bodyOf is the question as POST /explain takes it. */
export function bodyOf({ unit, attributes, experiment, at }: Question): Readonly<Record<string, unknown>> {
  return {
    ...(unit !== '' && { unit }),
    ...(Object.keys(attributes).length > 0 && { attributes }),
    ...(experiment !== '' && { experiment }),
    ...(at !== null && { at: new Date(at).toISOString() }),
  }
}

export function curl(question: Question): string {
  return [
    `curl -s -X POST ${location.origin}/explain \\`,
    `  -H "Authorization: Bearer $ASSAY_TOKEN" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${quoted(JSON.stringify(bodyOf(question)))}`,
  ].join('\n')
}

export function openFeatureWeb({ unit, attributes, experiment }: Question): string {
  const context = JSON.stringify({ targetingKey: unit, ...attributes }, null, 2)
  return [
    `import { OpenFeature } from '@openfeature/web-sdk'`,
    `import { OFREPWebProvider } from '@openfeature/ofrep-web-provider'`,
    ``,
    `await OpenFeature.setContext(${context})`,
    `await OpenFeature.setProviderAndWait(`,
    `  new OFREPWebProvider({ baseUrl: '${location.origin}', headers: [['Authorization', 'Bearer <client key>']] }),`,
    `)`,
    `const details = OpenFeature.getClient().getObjectDetails('${experiment || '<experiment>'}', {})`,
  ].join('\n')
}

export function openFeatureGo({ unit, attributes, experiment }: Question): string {
  const map = Object.entries(attributes).map(([name, value]) => `\t${JSON.stringify(name)}: ${goValue(value)},`)
  return [
    `ctx := context.Background()`,
    `evaluation := openfeature.NewEvaluationContext(${JSON.stringify(unit)}, map[string]any{`,
    ...map,
    `})`,
    `details, err := openfeature.NewClient("app").ObjectValueDetails(ctx, ${JSON.stringify(experiment || '<experiment>')}, nil, evaluation)`,
  ].join('\n')
}

function goValue(value: unknown): string {
  if (Array.isArray(value)) return `[]any{${value.map(goValue).join(', ')}}`
  if (typeof value === 'object' && value !== null) {
    return `map[string]any{${Object.entries(value)
      .map(([name, inner]) => `${JSON.stringify(name)}: ${goValue(inner)}`)
      .join(', ')}}`
  }
  return value === null ? 'nil' : JSON.stringify(value)
}
