import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

// In a process of its own: a thread that has stepped back may not come forward again. `chrt` is no help, it shows slices only since 2.41.
const program = `
  import { readFile } from 'node:fs/promises'
  import { readdirSync, readFileSync } from 'node:fs'
  import { getPriority } from 'node:os'
  import { arrangeThreads } from ${JSON.stringify(new URL('../../../appliance/daemon/threads.ts', import.meta.url).href)}
  await readFile('/proc/self/comm') // so that those for files are there
  const policyOf = task => Number(readFileSync('/proc/self/task/' + task + '/stat', 'utf8').split(') ')[1].split(' ')[38])
  const threads = () => readdirSync('/proc/self/task').map(task => {
    const sched = readFileSync('/proc/self/task/' + task + '/sched', 'utf8')
    return {
      name: readFileSync('/proc/self/task/' + task + '/comm', 'utf8').trim(),
      nice: getPriority(Number(task)),
      policy: policyOf(task),
      slice: Number(/slice\\s*:\\s*(\\d+)/.exec(sched)?.[1]),
    }
  })
  const before = threads()
  arrangeThreads()
  console.log(JSON.stringify({ before, after: threads() }))`

interface Thread {
  readonly name: string
  readonly nice: number
  readonly policy: number // of sched(7)
  readonly slice: number // nanoseconds; NaN, here null, where the kernel shows none
}

const run = (...under: string[]) => {
  const [command, ...args] = [...under, process.execPath, '--input-type=module', '--eval', program]
  return JSON.parse(execFileSync(command!, args, { encoding: 'utf8' })) as Record<'before' | 'after', Thread[]>
}
const { before, after } = run()
const of = (threads: Thread[], name: string) => threads.filter(each => each.name === name)

test('threads of V8 step back', () => {
  expect(of(after, 'V8Worker').length).toBeGreaterThan(0)
  expect(of(after, 'V8Worker').map(({ nice }) => nice)).toEqual(
    of(before, 'V8Worker').map(({ nice }) => Math.min(nice + 10, 19)),
  )
})

test.for(['MainThread', 'libuv-worker'])('%s keeps its share, in short turns where the kernel knows them', name => {
  expect(of(after, name).length).toBeGreaterThan(0)
  expect(of(after, name).map(({ nice }) => nice)).toEqual(of(before, name).map(({ nice }) => nice))
  const shown = of(before, name).some(({ slice }) => slice > 0)
  if (shown) expect(new Set(of(after, name).map(({ slice }) => slice))).toEqual(new Set([100_000]))
})

test('a policy that an operator chose for the service stays', () => {
  const batch = 3
  const { after } = run('chrt', '--batch', '0')
  expect(new Set(after.map(({ policy }) => policy))).toEqual(new Set([batch]))
})
