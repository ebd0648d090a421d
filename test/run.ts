/** `make test`: everything that is checked, one after the other, and at the end one line that says how it came out. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { type Count, counted, describe, nothing, plus, type VitestResult } from './count.ts'

/** Runs a command that passes or fails as a whole. */
function whole(...argv: readonly string[]): Count {
  const passed = execute(argv)
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 }
}

/** Runs a vitest project and counts its tests. */
function vitest(project: string): Count {
  const file = `build/${project}.json`
  rmSync(file, { force: true })
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  const passed = execute(['vitest', 'run', '--config', 'test/vitest.config.ts', '--project', project, ...reporters])
  return counted(passed, existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as VitestResult) : undefined)
}

function execute([command, ...args]: readonly string[]): boolean {
  return spawnSync(command!, args, { stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
}

const steps: readonly { readonly name: string; readonly run: () => Count }[] = [
  { name: 'types', run: () => whole('tsc', '-p', '.') },
  { name: 'lint', run: () => whole('biome', 'check', '--error-on-warnings') },
  { name: 'unit', run: () => vitest('unit') },
  { name: 'bpf', run: () => vitest('bpf') },
  { name: 'lab', run: () => vitest('lab') },
  { name: 'alone', run: () => vitest('alone') },
  { name: 'demo', run: () => whole('node', 'test/lab/demo.ts') },
]

mkdirSync('build', { recursive: true })
let total = nothing
const lines: string[] = []
for (const { name, run } of steps) {
  process.stdout.write(`\n── ${name} ──\n`)
  const began = performance.now()
  const count = run()
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  lines.push(`${name.padEnd(6)} ${describe(count)} (${seconds} s)`)
  total = plus(total, count)
}
process.stdout.write(`\n${lines.join('\n')}\n${describe(total)}\n`)
process.exitCode = total.failed === 0 ? 0 : 1
