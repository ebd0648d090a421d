import { describe, expect, test, vi } from 'vitest'
import { aborted, systemClock } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { Supervisor } from '../../../appliance/base/part.ts'
import { lasting } from './lasting.ts'

describe('the supervisor', () => {
  test('starts parts in order and stops them in reverse', async () => {
    const events: string[] = []
    const supervisor = new Supervisor(silentLog, systemClock)
    for (const name of ['kernel', 'overlay', 'http']) await supervisor.start(lasting(name, events))
    await supervisor.stop()
    expect(events).toEqual([
      'kernel starts',
      'overlay starts',
      'http starts',
      'http stops',
      'overlay stops',
      'kernel stops',
    ])
  })

  test('runs a failed part again, says why meanwhile, and does not hold up the next part', async () => {
    let runs = 0
    const supervisor = new Supervisor(silentLog, systemClock)
    await supervisor.start({
      name: 'shaky',
      async run(signal, ready) {
        runs++
        if (runs < 3) throw new Error('no such device')
        ready()
        await aborted(signal)
      },
    })
    expect(supervisor.states()).toEqual([
      { name: 'shaky', state: { kind: 'restarting', reason: 'no such device', attempts: 1 } },
    ])
    await vi.waitFor(() => expect(supervisor.states()[0]!.state).toEqual({ kind: 'running' }))
    expect(runs).toBe(3)
    await supervisor.stop()
    expect(supervisor.states()[0]!.state).toEqual({ kind: 'stopped' })
  })

  test('a part that ends without being asked to is a failure', async () => {
    const supervisor = new Supervisor(silentLog, systemClock)
    await supervisor.start({ name: 'idle', run: async () => {} })
    expect(supervisor.states()[0]!.state).toMatchObject({ reason: 'ended without being asked to' })
    await supervisor.stop()
  })
})
