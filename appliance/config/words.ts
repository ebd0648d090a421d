/** The problems of a file in the operator's words. */
import type * as z from 'zod'
import { type JsonSchema, jsonSchema } from './schema.ts'

const kinds: Readonly<Record<string, string>> = {
  object: 'a mapping of keys to values',
  array: 'a list',
  string: 'text',
  int: 'a whole number',
  number: 'a whole number', // the schema has no other
  boolean: 'true or false',
}

/** What an error of YAML's syntax says, where the parser's own words would puzzle an operator. */
export function syntaxWords({ code, message }: { readonly code: string; readonly message: string }): string {
  return syntax[code] ?? message
}
const syntax: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab, where only blanks may indent',
  BLOCK_AS_IMPLICIT_KEY: 'a second key in one line: put text that holds ": " in quotes, or begin a new line',
  MULTIPLE_DOCS: 'a second document begins here, and there may be only one',
}

/** What one problem says, where the schema has no words of its own for it. */
export function sentence(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing'
      return `must be ${kinds[issue.expected] ?? issue.expected}, not ${shown(issue.input)}`
    case 'invalid_value':
      return `must be ${alternatives(issue.values)}, not ${shown(issue.input)}`
    case 'too_small':
      return issue.origin === 'array' ? `needs at least ${issue.minimum} of them` : `must be at least ${issue.minimum}`
    case 'too_big':
      if (issue.origin === 'array') return `may hold at most ${issue.maximum}`
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters long' : ''}`
    default:
      return undefined
  }
}

function shown(value: unknown): string {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

function alternatives(values: readonly unknown[]): string {
  const words = values.map(String)
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

let known: JsonSchema | undefined // made once: it takes a while, and a file may hold many misspelt keys

/** The known key at this place that a misspelt one is likely to mean. */
export function nearest(path: readonly PropertyKey[], key: string): string | undefined {
  known ??= jsonSchema()
  let schema: JsonSchema | undefined = known
  for (const step of path) schema = inside(schema, step)
  const ranked = Object.keys(mapping(schema)?.properties ?? {})
    .map(name => ({ name, distance: distance(name.toLowerCase(), key.toLowerCase()) }))
    .toSorted((a, b) => a.distance - b.distance)
  const best = ranked[0]
  return best && best.distance <= Math.max(1, Math.floor(key.length / 3)) ? best.name : undefined
}

function inside(schema: JsonSchema | undefined, step: PropertyKey): JsonSchema | undefined {
  return typeof step === 'number' ? schema?.items : mapping(schema)?.properties?.[String(step)]
}

/** The mapping that it is, or may be. */
const mapping = (schema: JsonSchema | undefined): JsonSchema | undefined =>
  schema?.anyOf?.find(({ properties }) => properties) ?? schema

/** How many letters must be added, dropped or replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
