import { describe, expect, test } from 'vitest'
import { jobOf, type Machine, signalFor, stopUnit } from '../../../appliance/cli/stop.ts'
import { run } from './terminal.ts'

const listing = ` 812 dev-ttyS0.device             start   running
 901 siteplane-other.service      stop    running
 902 siteplane.service            restart running
`

/** A process that is gone after some looks. */
class FakeMachine implements Machine {
  readonly events: string[] = []
  readonly #listing: string
  #looks: number

  constructor(jobs: string, looks = 2) {
    this.#listing = jobs
    this.#looks = looks
  }
  async listJobs() {
    return this.#listing
  }
  signal(pid: number, signal: string) {
    this.events.push(`${signal} ${pid}`)
  }
  isGone() {
    return this.#looks-- <= 0
  }
  async pause() {
    this.events.push('pause')
  }
}

test.for([
  { unit: 'siteplane.service', job: 'restart' },
  { unit: 'siteplane-other.service', job: 'stop' },
  { unit: 'siteplane', job: undefined },
])("$unit's job is $job", ({ unit, job }) => {
  expect(jobOf(listing, unit)).toBe(job)
  expect(jobOf('No jobs running.\n', unit)).toBeUndefined()
})

test.for([
  ['restart', 'SIGUSR2'],
  ['try-restart', 'SIGUSR2'],
  ['reload-or-restart', 'SIGUSR2'],
  ['stop', 'SIGTERM'],
  ['start', 'SIGTERM'],
  [undefined, 'SIGTERM'],
] as const)('a job to %s is done by %s', ([job, signal]) => {
  expect(signalFor(job)).toBe(signal)
})

describe('stopping a unit', () => {
  test('for a restart hands over, and waits until the process is gone', async () => {
    const machine = new FakeMachine(listing)
    expect(await stopUnit('siteplane.service', '4711', machine)).toBe('SIGUSR2')
    expect(machine.events).toEqual(['SIGUSR2 4711', 'pause', 'pause'])
  })

  test('without a job that is known stops for good', async () => {
    const machine = new FakeMachine('')
    await stopUnit('siteplane.service', '4711', machine)
    expect(machine.events[0]).toBe('SIGTERM 4711')
  })

  test('that has no process any more does nothing', async () => {
    const machine = new FakeMachine(listing)
    expect(await stopUnit('siteplane.service', undefined, machine)).toBeUndefined()
    await stopUnit('siteplane.service', '', machine)
    expect(machine.events).toEqual([])
  })

  test.for(['0', '1', '-5', 'x'])('never signals MAINPID=%s', async pid => {
    const machine = new FakeMachine(listing)
    await expect(stopUnit('siteplane.service', pid, machine)).rejects.toThrow('is not a process of ours')
    expect(machine.events).toEqual([])
  })

  test('gives up on a process that does not end', async () => {
    const machine = new FakeMachine(listing, Number.POSITIVE_INFINITY)
    await expect(stopUnit('siteplane.service', '4711', machine)).rejects.toThrow('has not ended within 20 s')
  })
})

test('as one object: without a process nothing was signalled', async () => {
  const { status, out } = await run('stop', '--unit', '--json')
  expect([status, JSON.parse(out)]).toEqual([0, { unit: 'siteplane.service', signal: null }])
})
