import { styleText } from 'node:util'

/** Where a command writes and what it may know of its surroundings. Tests pass one that collects. */
export interface Terminal {
  out(text: string): void
  err(text: string): void
  readonly color: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  now(): number // milliseconds since 1970
}

export function processTerminal(): Terminal {
  return {
    out: text => void process.stdout.write(text, mayBeCut),
    err: text => void process.stderr.write(text),
    color: process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '',
    env: process.env,
    now: () => Date.now(),
  }
}

/** `siteplane leases | head` closes the pipe early: that is no error of ours. */
function mayBeCut(error: NodeJS.ErrnoException | null | undefined): void {
  if (error?.code === 'EPIPE') process.exit(0)
}

type Tone = 'green' | 'yellow' | 'red' | 'dim' | 'bold'

export function paint(terminal: Pick<Terminal, 'color'>, tone: Tone, text: string): string {
  return terminal.color ? styleText(tone, text, { validateStream: false }) : text
}

/** Columns two blanks apart, each as wide as its widest cell; the last one is not padded. */
export function table(rows: readonly (readonly string[])[], indent = ''): string {
  const columns = Math.max(0, ...rows.map(row => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)))
  return rows
    .map(row => `${indent}${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd())
    .map(line => `${line}\n`)
    .join('')
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`
}

/** `2 d 3 h`, `47 min`, `12 s`: the two largest units that say something. */
export function duration(seconds: number): string {
  const units = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'min'],
    [1, 's'],
  ] as const
  let left = Math.max(0, Math.round(seconds))
  const first = units.findIndex(([size]) => left >= size)
  if (first < 0) return '0 s'
  const words: string[] = []
  for (const [size, name] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size)
    if (count > 0) words.push(`${count} ${name}`)
    left -= count * size
  }
  return words.join(' ')
}

/** `1.5 kB`, `20 MB`: octets by the thousand, two digits at least. */
export function octets(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  let left = count
  let unit = 0
  for (; left >= 999.5 && unit < units.length - 1; unit++) left /= 1000
  return `${unit > 0 && left < 9.95 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`
}

/** What a stranger chose (a host's name) may hold escape sequences: nothing but printable characters reaches a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')
}
