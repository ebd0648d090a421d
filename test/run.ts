/**
 * `make test`: everything that is checked, one after the other, and at the end the lines that say how it came out.
 *
 * The lab runs real clients and kernels in real time, three files at once. Where the machine was short of breath a limit in a test may be
 * missed, so a file of the lab that failed runs once more, alone; what then passes is counted as passed and named. More than three
 * such files are no accident.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { type Count, counted, describe, type Failure, failures, nothing, plus, type VitestResult } from './count.ts'

interface Outcome {
  readonly count: Count
  readonly failures: readonly Failure[]
}

const atMost = 3 // files to run again

/** Runs a command that passes or fails as a whole. */
function whole(...argv: readonly string[]): Outcome {
  if (execute(argv)) return { count: { ...nothing, passed: 1 }, failures: [] }
  return { count: { ...nothing, failed: 1 }, failures: [{ file: argv[0]!, name: '', why: 'see above' }] }
}

/** Runs a vitest project, or some of its files, and counts its tests. */
function vitest(project: string, ...files: readonly string[]): Outcome {
  const output = `build/${project}.json`
  rmSync(output, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`]
  const argv = ['vitest', 'run', '--config', 'test/vitest.config.ts', '--project', project, ...reporters, ...files]
  const passed = execute(argv)
  const result = existsSync(output) ? (JSON.parse(readFileSync(output, 'utf8')) as VitestResult) : undefined
  return { count: counted(passed, result), failures: result ? failures(result).map(named) : [] }
}

/** Runs what failed in the lab once more, file by file; what fails again has failed. */
function again(project: string, first: Outcome): Outcome {
  const files = [...new Set(first.failures.map(({ file }) => file))]
  if (files.length === 0 || files.length > atMost) return first
  process.stdout.write(`\n── ${project}, once more: ${files.join(' ')} ──\n`)
  const second = vitest(project, ...files, '--no-file-parallelism')
  if (second.count.failed > second.failures.length || second.count.passed === 0) return first // it did not run
  const isSame = (a: Failure) => (b: Failure) => a.file === b.file && (a.name === b.name || b.name === '')
  const passed = first.failures.filter(failure => !second.failures.some(isSame(failure)))
  for (const { file, name, why } of passed) once.push(`passed when run again: ${file}: ${name}: ${why}`)
  const { count } = first
  const failed = first.failures.filter(failure => !passed.includes(failure))
  return {
    count: { ...count, passed: count.passed + passed.length, failed: count.failed - passed.length },
    failures: failed,
  }
}

function named(failure: Failure): Failure {
  return { ...failure, file: relative(process.cwd(), failure.file) }
}

function execute([command, ...args]: readonly string[]): boolean {
  return spawnSync(command!, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

const steps: readonly { readonly name: string; readonly run: () => Outcome }[] = [
  { name: 'types', run: () => whole('tsc', '-p', '.') },
  { name: 'lint', run: () => whole('biome', 'check', '--error-on-warnings') },
  { name: 'unit', run: () => vitest('unit') },
  { name: 'bpf', run: () => vitest('bpf') },
  { name: 'lab', run: () => again('lab', vitest('lab')) },
  { name: 'alone', run: () => again('alone', vitest('alone')) },
  { name: 'demo', run: () => whole('node', 'test/lab/demo.ts') },
]

mkdirSync('build', { recursive: true })
let total = nothing
const once: string[] = []
const lines: string[] = []
const failed: string[] = []
for (const { name, run } of steps) {
  process.stdout.write(`\n── ${name} ──\n`)
  const began = performance.now()
  const outcome = run()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  lines.push(`${name.padEnd(6)} ${describe(outcome.count)} (${seconds} s)`)
  failed.push(...outcome.failures.map(({ file, name, why }) => `failed: ${file}: ${name}: ${why}`))
  total = plus(total, outcome.count)
}
process.stdout.write(`\n${[...lines, ...once, ...failed].join('\n')}\n${describe(total)}\n`)
process.exitCode = total.failed === 0 ? 0 : 1
