/** Measurements of several contenders side by side: medians of all rounds, and how many times as good the first one is. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One kind of measurement, as a row of the table. */
export interface Work {
  readonly name: string
  readonly unit: string
  readonly better: 'more' | 'less'
}

export const median = (values: readonly number[]): number =>
  values.toSorted((x, y) => x - y)[Math.floor(values.length / 2)] ?? Number.NaN

/** What share `part` (0 to 1) of the values does not exceed. */
export const quantile = (values: readonly number[], part: number): number =>
  values.toSorted((x, y) => x - y)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN

/** The machine in a few words, since no number means anything without it. */
export const machine = (): string => `${cpus().length} cores, Linux ${release().replace(/^(\d+\.\d+).*/, '$1')}`

export class Table {
  readonly #name: string
  readonly #works = new Map<string, { readonly work: Work; readonly values: Map<string, number[]> }>()
  readonly #contenders: string[] = []

  /** `name` is that of the file in test/bench/results/. */
  constructor(name: string) {
    this.#name = name
  }

  add(work: Work, contender: string, value: number): void {
    const row = this.#works.get(work.name) ?? { work, values: new Map<string, number[]>() }
    this.#works.set(work.name, row)
    if (!this.#contenders.includes(contender)) this.#contenders.push(contender)
    row.values.set(contender, [...(row.values.get(contender) ?? []), value])
  }

  median(work: Work, contender: string): number {
    return median(this.#works.get(work.name)?.values.get(contender) ?? [])
  }

  /** As Markdown: medians, and for each contender but the first how many times as good the first one is. */
  toString(): string {
    const [first = '', ...others] = this.#contenders
    const lines = [
      `| ${machine()} | ${this.#contenders.join(' | ')} |`,
      `|---|${'---:|'.repeat(this.#contenders.length)}`,
    ]
    for (const { work } of this.#works.values()) {
      const ours = this.median(work, first)
      const cells = others.map(each => {
        const theirs = this.median(work, each)
        if (Number.isNaN(theirs)) return ''
        const ratio = work.better === 'more' ? ours / theirs : theirs / ours
        return `${format(theirs)}${Number.isNaN(ratio) ? '' : ` (${format(ratio)}×)`}`
      })
      lines.push(`| ${work.name}, ${work.unit} | ${[Number.isNaN(ours) ? '' : format(ours), ...cells].join(' | ')} |`)
    }
    return lines.join('\n')
  }

  /** Prints the table and keeps it, with every value behind it, in test/bench/results/. */
  save(): void {
    const folder = fileURLToPath(new URL('results/', import.meta.url))
    mkdirSync(folder, { recursive: true })
    const rows = [...this.#works.values()].map(({ work, values }) => ({ ...work, values: Object.fromEntries(values) }))
    writeFileSync(`${folder}${this.#name}.md`, `${this}\n`)
    writeFileSync(`${folder}${this.#name}.json`, `${JSON.stringify({ machine: machine(), rows }, undefined, 2)}\n`)
    process.stdout.write(`\n${this}\n`)
  }
}

/** Three digits that mean something, and all of those before the point. */
function format(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en')
  return value.toPrecision(value >= 10 ? 3 : 2)
}
