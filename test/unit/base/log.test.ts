import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { Throttle } from '../../../appliance/base/log.ts'

function clockAt(start: number) {
  const clock = { time: start, now: () => clock.time, monotonic: () => clock.time }
  return clock
}

test('one line a minute for each complaint, and how many were kept back', () => {
  const clock = clockAt(5)
  const throttle = new Throttle(clock)
  expect(throttle.pass('bad checksum')).toEqual({ held: 0 })
  expect([throttle.pass('bad checksum'), throttle.pass('bad checksum')]).toEqual([undefined, undefined])
  expect(throttle.pass('too short')).toEqual({ held: 0 })
  clock.time += 60_000
  expect(throttle.pass('bad checksum')).toEqual({ held: 2 })
  clock.time += 60_000
  expect(throttle.pass('bad checksum')).toEqual({ held: 0 })
})

test('a stranger who makes up new complaints gets one line for them all', () => {
  const throttle = new Throttle(clockAt(0))
  const passed = Array.from({ length: 10_000 }, (_, i) => throttle.pass(`made up ${i}`)).filter(Boolean)
  expect(passed.length).toBeLessThanOrEqual(257)
})

test('whoever reads the log may go: the program lives on', async () => {
  const source = `
    import { createLog } from ${JSON.stringify(new URL('../../../appliance/base/log.ts', import.meta.url).href)}
    import { processTerminal } from ${JSON.stringify(new URL('../../../appliance/cli/terminal.ts', import.meta.url).href)}
    processTerminal()
    const log = createLog('info', false)
    let lines = 0
    setInterval(() => {
      log.info({}, 'a line')
      if (++lines === 30) process.exit(7)
    }, 5)`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '--eval', source])
  const ended = new Promise(resolve => child.once('exit', resolve))
  await new Promise(resolve => child.stdout.once('data', resolve))
  child.stdout.destroy()
  expect(await ended).toBe(7)
})
