/** Reads the file once, and says everything that is wrong with it, each problem with its place. */
import { readFileSync } from 'node:fs'
import { LineCounter, parseDocument } from 'yaml'
import type * as z from 'zod'
import { ConfigError, type ConfigProblem, messageOf } from '../base/errors.ts'
import { type Place, read, showPath } from './document.ts'
import { type Config, configSchema } from './schema.ts'
import { nearest, sentence, syntaxWords } from './words.ts'

interface Problem {
  readonly offset: number
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly missing?: boolean
  readonly means?: string // the path that a misspelt key is likely to stand for: it is then not missing as well
}

/** Throws a ConfigError that holds every problem of the file, or says why it can't be read. */
export function loadConfig(file: string): Config {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new ConfigError(unreadable(file, error), { cause: error })
  }
  return parseConfig(file, text)
}

function unreadable(file: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return `${file}: no such file; write one that names the overlay's network and the LAN's interface, or give --config`
    case 'EACCES':
      return `${file}: may not be read by this user`
    case 'EISDIR':
      return `${file}: is a directory, not a file`
    default:
      return `${file}: can't be read (${messageOf(error)})`
  }
}

/** `file` is only the name that problems are told with: one line each, `file:line:column: key: what is wrong`. */
export function parseConfig(file: string, text: string): Config {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false })
  const { value, places, dangling, repeated } = read(document)
  const problems: Problem[] = document.errors.map(error => ({
    offset: error.pos[0],
    path: [],
    message: syntaxWords(error),
  }))

  // After a syntax error the rest is a guess: only what stands before it is judged, and nothing is called missing.
  const end = Math.min(Number.POSITIVE_INFINITY, ...problems.map(({ offset }) => offset))
  for (const { path, offset, name } of dangling) {
    if (offset < end) problems.push({ offset, path, message: `*${name} names nothing: no &${name} stands before it` })
  }
  for (const { path, offset, first } of repeated) {
    const message = `is given twice (first in line ${lines.linePos(first).line})`
    if (offset < end) problems.push({ offset, path, message })
  }
  const result = configSchema.safeParse(value ?? {}, { error: issue => sentence(issue) })
  if (!result.success) {
    const cut = end !== Number.POSITIVE_INFINITY
    const found = result.error.issues.flatMap(single).flatMap(issue => located(issue, places, value, cut))
    const meant = new Set(found.map(({ means }) => means))
    problems.push(
      ...found.filter(({ offset, path, missing }) => offset < end && !(missing && meant.has(showPath(path)))),
    )
  }
  if (problems.length > 0) throw refusal(problems.map(problem => placed(file, lines, problem)))
  return result.data!
}

/** Of a value that may be one thing or another: the problems of the one that it is meant to be, if it is like one of them at all. */
function single(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union') return [issue]
  const meant = issue.errors.find(issues =>
    issues.every(({ code, path }) => path.length > 0 || code === 'unrecognized_keys'),
  )
  if (!meant) return [issue]
  return meant.map(inner => ({ ...inner, path: [...issue.path, ...inner.path] })).flatMap(single)
}

function located(issue: z.core.$ZodIssue, places: ReadonlyMap<string, Place>, value: unknown, cut: boolean): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => {
      const path = [...issue.path, key]
      const near = nearest(issue.path, key)
      const message = `unknown key${near === undefined ? '' : `; did you mean ${near}?`}`
      const offset = places.get(showPath(path))?.key ?? 0
      return { offset, path, message, ...(near !== undefined && { means: showPath([...issue.path, near]) }) }
    })
  }
  const place = places.get(showPath(issue.path))
  if (place) {
    const message = place.empty && issue.message.startsWith('is missing') ? 'has no value' : issue.message
    return [{ offset: place.value, path: issue.path, message }]
  }
  if (cut) return []
  // Not in the file: the place is that of the mapping which should have it, or of the nearest that is there.
  const outer = issue.path.findLastIndex((_, i) => places.has(showPath(issue.path.slice(0, i))))
  const parent = places.get(showPath(issue.path.slice(0, Math.max(0, outer))))
  const message = value === null || value === undefined ? `${issue.message} (the file is empty)` : issue.message
  return [{ offset: parent?.key ?? 0, path: issue.path, message, missing: true }]
}

function placed(file: string, lines: LineCounter, { offset, path, message }: Problem): ConfigProblem {
  const { line, col } = lines.linePos(offset)
  const key = showPath(path).replace(/\s+/g, ' ') // a key may go over several lines, a problem may not
  return { file, line: Math.max(1, line), column: Math.max(1, col), key, message }
}

/** Every problem on a line of its own, in the order of the file. */
function refusal(found: readonly ConfigProblem[]): ConfigError {
  const problems = found.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const text = problems.map(({ file, line, column, key, message }) => {
    return `${file}:${line}:${column}: ${key === '' ? '' : `${key}: `}${message}`
  })
  return new ConfigError(text.join('\n'), { problems })
}
