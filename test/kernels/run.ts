/**
 * `make test-kernels`: boots each kernel that Debian 12 and its backports offer, runs the tests of the programs there, on the oldest and
 * the newest also those of what siteplane keeps in the kernel, and says at the end how each came out.
 * KERNELS (a regular expression) takes others than the current ones, TESTS (arguments of vitest) other tests, SECONDS another limit.
 */
import { appendFileSync, globSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { type Count, counted, describe, nothing, plus, type VitestResult } from '../count.ts'
import { table } from '../lab/narrator.ts'
import { initramfs } from './initramfs.ts'
import { boot } from './machine.ts'
import { folder, type Kernel, offered, unpack } from './packages.ts'

const repository = join(folder, '../..')
const busybox = join(folder, '../debian/busybox-static/bin/busybox')
const wanted = process.env['KERNELS']
const seconds = Number(process.env['SECONDS'] ?? 1200) // for one kernel; a quiet computer needs a tenth of it

const all = await offered()
const chosen = all.filter(kernel => (wanted ? new RegExp(wanted).test(kernel.name) : kernel.current))
if (chosen.length === 0) {
  process.stderr.write(`None of the ${all.length} kernels that Debian offers matches ${wanted}\n`)
  process.exit(1)
}

const reconcile = '--project lab test/bpf test/lab/reconcile.lab.ts'
const testsOf = (kernel: Kernel): string =>
  process.env['TESTS'] ?? `--project bpf ${kernel === chosen[0] || kernel === chosen.at(-1) ? reconcile : ''}`

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())

const results = new Map<Kernel, { readonly count: Count; readonly took: string }>()
const queue = chosen.values()
await Promise.all(Array.from({ length: availableParallelism() }, work))

const rows = [...results]
  .sort(([a], [b]) => chosen.indexOf(a) - chosen.indexOf(b))
  .map(([{ name, version }, { count, took }]) => [name, version, `${describe(count)} (${took} s)`])
const total = [...results.values()].reduce((sum, { count }) => plus(sum, count), nothing)
process.stdout.write(`\n${table(rows).join('\n')}\n${describe(total)}\n`)
if (stop.signal.aborted) process.stdout.write(`stopped after ${results.size} of ${chosen.length} kernels\n`)
process.exitCode = total.failed === 0 && !stop.signal.aborted ? 0 : 1

/** Takes one kernel after the other; a machine has one processor, so there is one worker for each of ours. */
async function work(): Promise<void> {
  for (const kernel of queue) {
    if (stop.signal.aborted) return
    const log = join(folder, `${kernel.name}_${kernel.version}.log`)
    process.stdout.write(`${kernel.name}: into ${relative(process.cwd(), log)}\n`)
    rmSync(log, { force: true })
    const began = performance.now()
    let said = ''
    const count = await testOn(kernel, text => {
      said += text
      appendFileSync(log, text)
    })
    if (stop.signal.aborted) return
    const took = ((performance.now() - began) / 1000).toFixed(1)
    results.set(kernel, { count, took })
    process.stdout.write(`\n── ${kernel.name}, ${kernel.version} ──\n${said}${describe(count)}\n\n`)
  }
}

/** What can't be booted, or doesn't get to the end of its tests, counts as one failure and says why. */
async function testOn(kernel: Kernel, say: (text: string) => void): Promise<Count> {
  const failed = (why: string) => {
    say(`\n${why}\n`)
    return { ...nothing, failed: 1 }
  }
  try {
    const unpacked = await unpack(kernel)
    const { inTime, report } = await boot({
      kernel: join(unpacked, 'boot', globSync('vmlinuz-*', { cwd: join(unpacked, 'boot') })[0]!),
      initramfs: initramfs(unpacked, kernel.name, busybox, job(unpacked, testsOf(kernel))),
      seconds,
      stop: stop.signal,
      console: say,
    })
    if (!inTime) return failed(`still running after ${seconds} s: switched off`)
    const end = report.indexOf('\n')
    if (end < 0) return failed('ended without a report')
    const result = report.slice(end + 1)
    return counted(report.slice(0, end) === '0', result === '' ? undefined : (JSON.parse(result) as VitestResult))
  } catch (error) {
    return failed((error as Error).message)
  }
}

function job(unpacked: string, tests: string): string {
  const reporters = '--reporter=default --reporter=json --outputFile.json=/run/result'
  // One test after the other: there is one processor, and a limit to how long something may take.
  const vitest = `env SIDE_BY_SIDE=1 vitest run --config test/vitest.config.ts ${reporters} ${tests}`
  return `cd ${quoted(repository)} && exec sh test/kernels/guest.sh ${quoted(join(unpacked, 'lib/modules'))} ${vitest}\n`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
