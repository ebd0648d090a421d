import { describe, expect, test } from 'vitest'
import { sleep, systemClock } from '../../../appliance/base/clock.ts'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { type Log, silentLog } from '../../../appliance/base/log.ts'
import { Converger } from '../../../appliance/netlink/converge.ts'
import { MemoryJournal, noChanges } from '../../../appliance/netlink/journal.ts'
import type { KernelState, Step } from '../../../appliance/netlink/kernel.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { lines, links, ownLines, stateNamed } from './scenario-table.ts'

const { intent, own: expected } = stateNamed('one LAN and ZeroTier')

/** A converger that runs over a twin, and stops (by hand-over) with the test. */
async function running({
  kernel = machine(),
  journal = new MemoryJournal(),
  log = silentLog as Log,
  patrol = 10_000,
} = {}) {
  const baseline = (await kernel.state()).sysctls
  const converger = new Converger({ kernel, journal, log, clock: systemClock, patrol })
  const abort = new AbortController()
  let ready = false
  const ended = converger.run(abort.signal, () => {
    ready = true
  })
  await expect.poll(() => ready).toBe(true)
  const stop = () => {
    abort.abort()
    return ended
  }
  const own = async () => ownLines(await kernel.state(), baseline)
  return { kernel, journal, converger, own, stop, [Symbol.asyncDispose]: stop }
}

/** Resolves when what the last steps stirred up has been dumped. */
async function silence(kernel: MemoryKernel): Promise<void> {
  for (let dumps = -1; dumps !== kernel.dumps; await sleep(200)) dumps = kernel.dumps
}

function machine(): MemoryKernel {
  const kernel = new MemoryKernel()
  for (const link of links) kernel.addLink(link)
  kernel.learnDefault('wan0', parseIp6('fe80::1'))
  return kernel
}

const ourRoute = {
  table: 80,
  kind: 'unreachable',
  destination: parsePrefix('fc9c:56c2:e300::/40'),
  link: undefined,
  via: undefined,
  metric: 65_535,
  protocol: 80,
} as const

describe('the converger', () => {
  test('changes nothing before it knows what is intended', async () => {
    await using it = await running()
    expect(it.kernel.applied).toEqual([])
    expect(it.converger.status()).toMatchObject({ converged: false, forwarding: 'off' })
  })

  test('an intent that comes while it reads the kernel needs no event to be carried out and settled', async () => {
    const kernel = machine()
    const converger = new Converger({ kernel, journal: new MemoryJournal(), log: silentLog, clock: systemClock })
    const settled = Promise.withResolvers<void>()
    converger.onState(() => {
      if (converger.status().converged || kernel.applied.length > 0) return
      converger.setIntent(intent).then(settled.resolve)
    })
    const abort = new AbortController()
    const ended = converger.run(abort.signal, () => {})
    await settled.promise
    expect(converger.status().converged).toBe(true)
    abort.abort()
    await ended
  }, 1_000)

  test('makes the kernel as intended, and says so', async () => {
    await using it = await running()
    await it.converger.setIntent(intent)
    expect(await it.own()).toEqual(lines(expected))
    expect(it.converger.status()).toMatchObject({ converged: true, reasons: [], forwarding: 'interface' })
    expect(it.converger.status().addresses).toHaveLength(1)
  })

  test('an intent need not wait for a busy kernel to fall silent, nor for a run that is over', async () => {
    const it = await running()
    const noise = setInterval(() => it.kernel.changed(), 1)
    try {
      await expect.poll(() => it.kernel.dumps).toBeGreaterThan(5)
      const began = performance.now()
      await it.converger.setIntent(intent)
      expect(performance.now() - began).toBeLessThan(250)
    } finally {
      clearInterval(noise)
      await it.stop()
    }
    await it.converger.setIntent(stateNamed('two LANs').intent)
    expect(await it.own()).toEqual(lines(expected))
  })

  test('repairs what someone takes away, within a second', async () => {
    await using it = await running()
    await it.converger.setIntent(intent)
    const removed: Step[] = [
      { op: 'remove-route', route: ourRoute },
      { op: 'remove-rule', rule: (await it.kernel.state()).rules[0]! },
      { op: 'remove-address', address: (await it.kernel.state()).addresses[0]! },
      { op: 'write-sysctl', path: 'ipv6/conf/all/forwarding', value: '0' },
    ]
    for (const step of removed) {
      it.kernel.edit(step)
      await expect.poll(it.own, { timeout: 1000 }).toEqual(lines(expected))
    }
  })

  test.for(['ipv6/conf/zt0/accept_redirects', 'ipv6/conf/wan0/accept_ra', 'ipv6/neigh/zt0/ucast_solicit'])(
    'repairs %s, of which the kernel tells nobody, at its next round',
    async path => {
      await using it = await running({ patrol: 600 })
      await it.converger.setIntent(intent)
      await silence(it.kernel)
      it.kernel.write(path, '1')
      await expect.poll(it.own, { timeout: 1000 }).toEqual(lines(expected))
    },
  )

  test('a renamed link keeps what was recorded of it, and is not turned back and forth', async () => {
    await using it = await running()
    await it.converger.setIntent(intent)
    const before = it.kernel.applied.length
    it.kernel.renameLink('wan0', 'wan9')
    await expect.poll(() => it.converger.status().links.some(({ name }) => name === 'wan9')).toBe(true)
    expect(it.kernel.applied.slice(before)).toEqual([])
    expect(it.kernel.read('ipv6/conf/wan9/accept_ra')).toBe('2')
  })

  test('a link that comes, goes and comes again under another index is furnished each time', async () => {
    await using it = await running()
    it.kernel.removeLink('zt0')
    await it.converger.setIntent(intent)
    expect(await it.own()).not.toEqual(lines(expected))
    for (let times = 0; times < 2; times++) {
      it.kernel.addLink('zt0', { up: false })
      it.kernel.setLink('zt0', { up: true })
      await expect.poll(it.own, { timeout: 1000 }).toEqual(lines(expected))
      it.kernel.removeLink('zt0')
    }
  })

  test('a burst of 20,000 changes costs a few dumps', async () => {
    await using it = await running()
    await it.converger.setIntent(intent)
    const dumps = it.kernel.dumps
    for (let i = 0; i < 20_000; i++) {
      it.kernel.changed(i % 1000 === 0 ? 'overflow' : 'changed')
      if (i % 500 === 0) await new Promise(setImmediate)
    }
    it.kernel.edit({ op: 'remove-route', route: ourRoute })
    await expect.poll(it.own, { timeout: 1000 }).toEqual(lines(expected))
    expect(it.kernel.dumps - dumps).toBeLessThan(15)
  })

  test('a step that the kernel refuses is a reason, is tried again, and keeps the router shut', async () => {
    const kernel = machine()
    await using it = await running({ kernel })
    kernel.refuse = step => (step.op === 'add-rule' && step.rule.priority === 1082 ? 'EPERM' : undefined)
    await it.converger.setIntent(intent)
    expect(it.converger.status()).toMatchObject({
      converged: false,
      reasons: ['rule add 1082: iif eth1 prohibit proto 80: EPERM'],
    })
    expect(kernel.read('ipv6/conf/eth1/force_forwarding')).toBe('0')
    kernel.refuse = () => undefined
    await expect.poll(it.own, { timeout: 2000 }).toEqual(lines(expected))
    await expect.poll(() => it.converger.status().reasons).toEqual([])
  })

  test('a step that comes too late for its link is no error', async () => {
    const kernel = machine()
    let refusals = 3
    kernel.refuse = step => (step.op === 'replace-route' && refusals-- > 0 ? 'ENODEV' : undefined)
    await using it = await running({ kernel })
    await it.converger.setIntent(intent)
    expect(it.converger.status()).toMatchObject({ converged: true, reasons: [] })
  })

  test('someone who undoes a step each time is a reason', async () => {
    const kernel = machine()
    const apply = kernel.apply.bind(kernel)
    kernel.apply = async step => {
      if (step.op !== 'write-sysctl' || step.path !== 'ipv6/conf/wan0/accept_ra') await apply(step)
    }
    await using it = await running({ kernel })
    await it.converger.setIntent(intent)
    expect(it.converger.status().reasons).toEqual([
      'sysctl net/ipv6/conf/wan0/accept_ra=2: is undone, or has no effect',
    ])
  })

  test('a disk that keeps no journal keeps the kernel unchanged', async () => {
    const journal = new MemoryJournal()
    journal.save = async () => {
      throw new Error('ENOSPC: no space left on device')
    }
    await using it = await running({ journal })
    await it.converger.setIntent(intent)
    expect(it.kernel.applied).toEqual([])
    expect(it.converger.status().reasons[0]).toContain('no space left')
  })

  test('what we change is in the journal before the first change', async () => {
    const kernel = machine()
    const journal = new MemoryJournal()
    const seen: number[] = []
    kernel.refuse = () => {
      seen.push(journal.changes.sysctls.length)
      return undefined
    }
    await using it = await running({ kernel, journal })
    await it.converger.setIntent(intent)
    expect(seen[0]).toBe(journal.changes.sysctls.length)
    expect(seen[0]).toBeGreaterThan(5)
  })

  test('a hand-over leaves everything; the next one takes it up without a step', async () => {
    const first = await running()
    await first.converger.setIntent(intent)
    await first.stop()
    expect(await first.own()).toEqual(lines(expected))

    const { kernel, journal } = first
    const steps = kernel.applied.length
    await using second = await running({ kernel, journal })
    await second.converger.setIntent(intent)
    expect(kernel.applied.length).toBe(steps)
  })

  test.for([
    { name: 'while it runs', stopFirst: false },
    { name: 'after it ran', stopFirst: true },
  ])('withdrawn $name, the machine is as before, and stays so', async ({ stopFirst }) => {
    const kernel = machine()
    const before = kernel.snapshot()
    await using it = await running({ kernel })
    await it.converger.setIntent(intent)
    if (stopFirst) await it.stop()
    await it.converger.withdraw()
    expect(kernel.snapshot()).toEqual(before)
    expect(it.journal.changes).toEqual(noChanges)
    kernel.changed()
    await it.stop()
    expect(kernel.snapshot()).toEqual(before)
  })

  test('an intent after the withdrawal is waited for by nobody', async () => {
    await using it = await running()
    await it.converger.setIntent(intent)
    await it.converger.withdraw()
    await it.converger.setIntent(intent)
    expect(it.converger.status().converged).toBe(false)
  }, 1_000)

  test('listeners hear of every dump before anything is done about it, and one that throws harms nobody', async () => {
    await using it = await running()
    const heard: KernelState[] = []
    using _bad = it.converger.onState(() => {
      throw new Error('a bug')
    })
    const listening = it.converger.onState(state => heard.push(state))
    await it.converger.setIntent(intent)
    expect(heard[0]?.addresses).toEqual([])
    expect(heard.at(-1)?.addresses).toHaveLength(1)
    listening[Symbol.dispose]()
    const count = heard.length
    it.kernel.addLink('eth7')
    await expect.poll(() => it.converger.status().links.some(link => link.name === 'eth7')).toBe(true)
    expect(heard.length).toBe(count)
  })

  test('the same complaint is logged once a minute, not at each retry', async () => {
    const kernel = machine()
    kernel.refuse = step => (step.op === 'add-address' ? 'EACCES' : undefined)
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (_fields, text) => void warnings.push(text) }
    await using it = await running({ kernel, log })
    await it.converger.setIntent(intent)
    const dumps = kernel.dumps
    await expect.poll(() => kernel.dumps, { timeout: 3000 }).toBeGreaterThan(dumps + 1)
    expect(warnings).toEqual(['the kernel is not configured as it should be'])
  })
})
