/** What a run leaves behind that does not come to its end: nothing where it is interrupted, nothing after `make clean` where it is killed. */
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Program, run } from './program.ts'

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

/** A process with a lab of each kind, which says the labs' ids and then waits. */
const occupied = `
import { RealWorld } from ${JSON.stringify(here('reconcile-world.ts'))}
import { TwoSites } from ${JSON.stringify(here('sites.ts'))}
const [world, sites] = [await RealWorld.create(), await TwoSites.create()]
sites.a.start()
await world.start()
console.log('labs', world.router.name.slice(3, 9), sites.lab.id, 'of', process.pid)
setInterval(() => {}, 60_000)
`

/** Starts it in a process group of its own, ends it by signals to the group as a terminal does, and returns how to look for what is left. */
async function end(...signals: readonly NodeJS.Signals[]) {
  await using program = new Program([
    'setsid',
    '--wait',
    process.execPath,
    '--no-warnings',
    '--input-type=module-typescript',
    '-e',
    occupied,
  ])
  const [, world, sites, group] = await program.says(/labs (\S+) (\S+) of (\d+)/, 30_000)
  const ids = [world, sites]
  const of = (names: readonly string[]) => names.filter(name => ids.some(id => name.startsWith(`sp-${id}`)))
  const left = async () => [
    ...of((await run('ip', 'netns', 'list')).split('\n')),
    ...of(readdirSync(tmpdir())),
    ...of((await run('sh', '-c', 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n"; true')).split(/[\n/]/)),
  ]
  expect((await left()).length).toBeGreaterThan(10)
  for (const signal of signals) {
    process.kill(-Number(group), signal)
    await wait(15) // the next one comes while the first one's work begins
  }
  await program.exited
  return left
}

test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('a run that ends by %s takes its labs with it', async signal => {
  const left = await end(signal)
  await expect.poll(left).toEqual([])
})

test('a second Ctrl-C, while the first is at work, stops nothing of it', async () => {
  const left = await end('SIGINT', 'SIGINT', 'SIGINT')
  await expect.poll(left).toEqual([])
})

test('what a killed run leaves goes with `make clean`', async () => {
  const left = await end('SIGKILL')
  expect(await left()).not.toEqual([])
  await run('node', here('sweep.ts'))
  expect(await left()).toEqual([])
})
