import { type Logger, pino } from 'pino'
import type { Clock } from './clock.ts'

/** What the program logs through: pino's shape. The message is a constant sentence, data goes into fields. */
export interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
  child(fields: Record<string, unknown>): Log
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

const priorities = { debug: 7, info: 6, warn: 4, error: 3 } as const // syslog(3)

/**
 * The root logger, made once in main. Under journald (`JOURNAL_STREAM` is set) each line starts with `<N>`, the syslog
 * priority that sd-daemon(3) defines, and carries no time of its own.
 */
export function createLog(level: LogLevel, journal: boolean): Log & { level: string } {
  process.stdout.on('error', () => {}) // journald may crash: nobody stops routing because nobody reads
  const root = pino(
    {
      level,
      base: null,
      timestamp: journal ? false : pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: pino.stdSerializers.err },
    },
    {
      write(line: string) {
        process.stdout.write(journal ? `<${priorityOf(line)}>${line}` : line)
      },
    },
  )
  return {
    ...boundTo(root, {}),
    get level() {
      return root.level
    },
    set level(value: string) {
      root.level = value
    },
  }
}

/** pino's own children keep the level they were born with; these follow the root's when it changes at a reload. */
function boundTo(root: Logger, bound: object): Log {
  const at = (level: LogLevel) => (fields: object, text: string) => {
    if (root.isLevelEnabled(level)) root[level]({ ...bound, ...fields }, text)
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: fields => boundTo(root, { ...bound, ...fields }),
  }
}

function priorityOf(line: string): number {
  const level = /"level":"(\w+)"/.exec(line)?.[1]
  return priorities[level as LogLevel] ?? 6
}

/** A log that says nothing, for tests and for parts that are built without one. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, child: () => silentLog }

/**
 * Lets one line per key through in `interval` milliseconds and counts the rest, so that a stranger can't fill the log. The
 * table of keys is bounded; when it is full everything unknown shares one key.
 */
export class Throttle {
  readonly #clock: Clock
  readonly #interval: number
  readonly #last = new Map<string, { at: number; held: number }>()

  constructor(clock: Clock, interval = 60_000) {
    this.#clock = clock
    this.#interval = interval
  }

  /** Whether to log now; `held` is how many lines of this key were kept back since the last one. */
  pass(key: string): { readonly held: number } | undefined {
    const slot = this.#last.has(key) || this.#last.size < maxKeys ? key : ''
    const now = this.#clock.monotonic()
    const entry = this.#last.get(slot)
    if (entry && now - entry.at < this.#interval) {
      entry.held++
      return undefined
    }
    this.#last.set(slot, { at: now, held: 0 })
    return { held: entry?.held ?? 0 }
  }
}
const maxKeys = 256 // more different complaints than an operator could read
