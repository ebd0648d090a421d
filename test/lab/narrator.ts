/** Tells a person what happens, with the seconds since the beginning, and marks what was shown. */
export class Narrator {
  readonly #began = performance.now()
  readonly #write: (text: string) => void
  readonly #colour: boolean

  constructor(write: (text: string) => void, colour: boolean) {
    this.#write = write
    this.#colour = colour
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000
  }

  title(text: string): void {
    this.#write(`\n${this.#style('1', text)}\n\n`)
  }

  /** Lines as they are, such as a picture or a command to try. */
  lines(...lines: readonly string[]): void {
    for (const line of lines) this.#write(`${line === '' ? '' : `          ${line}`}\n`)
  }

  /** Something that was done or seen. */
  step(text: string): void {
    this.#write(`${this.#style('2', `${this.seconds.toFixed(1).padStart(6)} s`)}  ${text}\n`)
  }

  /** What a step found, under it. */
  detail(text: string): void {
    this.#write(`          ${this.#style('2', text)}\n`)
  }

  failure(text: string): void {
    this.#write(`${this.#style('31;1', '  failed')}  ${text}\n`)
  }

  #style(code: string, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text
  }
}

/** Rows of text as one string each, columns aligned. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map(row => row.length))
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map(row => row[i]?.length ?? 0)))
  return rows.map(row => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!))).join('  '))
}
