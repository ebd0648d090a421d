import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { desired, nothing } from '../../../appliance/netlink/desired.ts'
import { type Intent, noIntent } from '../../../appliance/netlink/intent.ts'
import { noChanges } from '../../../appliance/netlink/journal.ts'
import { mark } from '../../../appliance/netlink/kernel.ts'
import type { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { reconcile } from '../../../appliance/netlink/reconcile.ts'
import { formatStep } from '../../../appliance/netlink/reconcile-text.ts'
import { converge, internet, machine } from './machine.ts'
import { lines, ownLines, stateNamed, states } from './scenario-table.ts'

const baseline = new Map((await machine().state()).sysctls)
const own = async (kernel: MemoryKernel) => ownLines(await kernel.state(), baseline)

test('I04 four thousand delegated prefixes come, stay and go in a moment', async () => {
  const kernel = machine()
  const served = stateNamed('two LANs').intent
  const routes = Array.from({ length: 4096 }, (_, i) => ({
    prefix: {
      address: (served.site!.sitePrefix.address + (0xc000_0000_0000n + (BigInt(i) << 32n))) as Ip6,
      length: 96,
    },
    link: served.lans[0]!.link,
    via: (internet + BigInt(i)) as Ip6,
  }))
  const began = performance.now()
  const changes = await converge(kernel, { ...served, routes }, noChanges)
  const delegated = async () =>
    (await kernel.state()).routes.filter(({ destination }) => destination.length === 96).length
  expect(await delegated()).toBe(4096)
  await converge(kernel, served, changes)
  expect(await delegated()).toBe(0)
  expect(performance.now() - began).toBeLessThan(5_000) // one comparison of each with each takes minutes
})

describe('the states', () => {
  test.for(states)('$name', async ({ intent, own: expected }) => {
    const kernel = machine()
    await converge(kernel, intent, noChanges)
    expect(await own(kernel)).toEqual(lines(expected))
    expect(kernel.defaults()).toEqual(['wan0'])
  })

  const anyState = fc.constantFrom(...states)

  test('any order of them ends as each would alone, and nothing intended ends as it began', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyState, { maxLength: 6 }),
        fc.boolean(),
        fc.boolean(),
        async (order, force, keeps) => {
          const kernel = machine({ force, keepsProtocol: keeps })
          const before = kernel.snapshot()
          let changes = noChanges
          for (const state of order) {
            changes = await converge(kernel, state.intent, changes)
            expect(kernel.defaults()).toEqual(['wan0'])
            if (force && keeps) expect(await own(kernel)).toEqual(lines(state.own))
          }
          changes = await converge(kernel, noIntent, changes)
          expect(kernel.snapshot()).toEqual(before)
          expect(changes).toEqual(noChanges)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('a crash between any two steps leaves nothing that the next start does not mend', async () => {
    const run = fc.record({ state: anyState, crash: fc.integer({ min: 0, max: 30 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(run, { maxLength: 5 }), anyState, fc.boolean(), async (runs, last, force) => {
        const kernel = machine({ force })
        const before = kernel.snapshot()
        let changes = noChanges
        for (const { state, crash } of runs) changes = await converge(kernel, state.intent, changes, crash)
        changes = await converge(kernel, last.intent, changes)
        if (force) expect(await own(kernel)).toEqual(lines(last.own))
        expect(kernel.defaults()).toEqual(['wan0'])
        await converge(kernel, noIntent, changes)
        expect(kernel.snapshot()).toEqual(before)
      }),
      { numRuns: 200 },
    )
  })

  test('a crash before a sysctl is written anew leaves the earlier value of ours, which is restored', async () => {
    const kernel = machine()
    const before = kernel.snapshot()
    const elsewhere = stateNamed('an overlay and a LAN that are not there yet') // zt0 is not the overlay: accept_ra=2
    let changes = await converge(kernel, elsewhere.intent, noChanges)
    changes = await converge(kernel, stateNamed('another site prefix').intent, changes, 0) // zt0 is: accept_ra=0
    await converge(kernel, noIntent, changes)
    expect(kernel.snapshot()).toEqual(before)
  })

  const disturbance = fc.constantFrom<(kernel: MemoryKernel) => void>(
    kernel => kernel.setLink('zt0', { up: false }),
    kernel => kernel.setLink('zt0', { up: true }),
    kernel => kernel.setLink('eth1', { carrier: false }),
    kernel => {
      kernel.removeLink('zt0') // ZeroTier restarts
      kernel.addLink('zt0')
    },
    kernel => {
      kernel.removeLink('eth2')
      kernel.addLink('eth2')
    },
    kernel => kernel.write('ipv6/conf/eth1/forwarding', '0'),
    kernel => kernel.write('ipv6/conf/wan0/accept_ra', '1'),
    kernel => kernel.write('ipv6/conf/all/forwarding', '0'),
  )

  test('whatever links and operators do, the state comes back', async () => {
    const act = fc.oneof(anyState, disturbance)
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 8 }), anyState, async (acts, last) => {
        const kernel = machine()
        let changes = noChanges
        for (const act of acts) {
          if (typeof act === 'function') act(kernel)
          else changes = await converge(kernel, act.intent, changes)
        }
        kernel.setLink('zt0', { up: true })
        await converge(kernel, last.intent, changes)
        expect(await own(kernel)).toEqual(lines(last.own))
      }),
      { numRuns: 300 },
    )
  })
})

describe('what others made', () => {
  test('is not touched', async () => {
    const kernel = machine()
    const eth1 = kernel.link('eth1').index
    const foreign = { metric: 7, protocol: 4, via: undefined, kind: 'unicast' } as const
    kernel.edit({ op: 'add-address', address: { link: eth1, address: parseIp6('fd00::1'), length: 64 } })
    kernel.edit({
      op: 'replace-route',
      route: { ...foreign, table: 80, destination: parsePrefix('fd00:1::/64'), link: eth1 },
    })
    kernel.edit({
      op: 'replace-route',
      route: { ...foreign, table: 254, destination: parsePrefix('fd00:2::/64'), link: eth1 },
    })
    kernel.edit({
      op: 'add-rule',
      rule: { priority: 1081, destination: undefined, inputLink: 'zt0', action: { kind: 'prohibit' }, protocol: 0 },
    })
    kernel.edit({
      op: 'replace-neighbour',
      neighbour: { link: eth1, address: parseIp6('fe80::9'), mac: parseMac('02:00:00:00:00:99'), permanent: true },
    })
    kernel.edit({ op: 'set-all-multicast', link: eth1, on: true })
    kernel.write('ipv6/conf/zt0/accept_ra', '0')
    const before = kernel.snapshot()

    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    await converge(kernel, noIntent, changes)
    expect(kernel.snapshot()).toEqual(before)
  })

  test("an address that was there before us isn't removed, and one of ours that someone made anew neither", async () => {
    const kernel = machine()
    const address = { link: kernel.link('eth1').index, address: parseIp6('fc9c:56c2:e389:e930:5ee::1'), length: 80 }
    kernel.edit({ op: 'add-address', address })
    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    expect(changes.addresses).toEqual([])
    await converge(kernel, noIntent, changes)
    expect((await kernel.state()).addresses).toHaveLength(1)
  })

  test('a sysctl that someone has written since is left as they want it', async () => {
    const kernel = machine()
    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    kernel.write('ipv6/conf/wan0/accept_ra', '0')
    await converge(kernel, noIntent, changes)
    expect(kernel.read('ipv6/conf/wan0/accept_ra')).toBe('0')
    expect(kernel.read('ipv6/conf/eth1/accept_ra')).toBe('1')
  })

  test('a link that carries on under a new name gets its originals back', async () => {
    const kernel = machine()
    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    kernel.renameLink('eth1', 'lan0')
    await converge(kernel, noIntent, changes)
    expect(kernel.read('ipv6/conf/lan0/forwarding')).toBe('0')
    expect(kernel.read('ipv6/conf/lan0/accept_ra')).toBe('1')
    expect(kernel.link('lan0').allMulticast).toBe(false)
  })
})

describe('a machine that forwards already', () => {
  const { intent } = stateNamed('one LAN and ZeroTier')
  const prohibited = async (kernel: MemoryKernel) => (await own(kernel)).filter(line => line.includes('iif eth1'))

  test('goes on forwarding from its LAN to the internet, and is not made to listen to routers', async () => {
    const kernel = machine()
    kernel.write('ipv6/conf/all/forwarding', '1')
    const changes = await converge(kernel, intent, noChanges)
    expect(await prohibited(kernel)).toEqual([])
    expect(kernel.read('ipv6/conf/wan0/accept_ra')).toBe('1')
    await converge(kernel, noIntent, changes)
    expect(kernel.read('ipv6/conf/all/forwarding')).toBe('1')
    expect(kernel.read('ipv6/conf/eth1/forwarding')).toBe('1')
  })

  test('that starts while we run opens the LAN, keeps the default route, and stays a router when we stop', async () => {
    const kernel = machine()
    let changes = await converge(kernel, intent, noChanges)
    expect(await prohibited(kernel)).toEqual(['rule 1082: iif eth1 prohibit proto 80'])
    kernel.write('ipv6/conf/all/forwarding', '1') // Docker, for one
    expect(kernel.defaults()).toEqual(['wan0'])
    changes = await converge(kernel, intent, changes)
    expect(await prohibited(kernel)).toEqual([])
    await converge(kernel, noIntent, changes)
    expect(kernel.read('ipv6/conf/eth1/forwarding')).toBe('1')
  })

  test('is not mistaken for one after the journal was lost: a LAN that we shut stays shut', async () => {
    const kernel = machine()
    await converge(kernel, intent, noChanges)
    await converge(kernel, intent, noChanges)
    expect(await prohibited(kernel)).toEqual(['rule 1082: iif eth1 prohibit proto 80'])
  })
})

describe('a kernel without force_forwarding', () => {
  const { intent } = stateNamed('one LAN and ZeroTier')

  test('forwards as a whole, keeps the default route, and lets a card plugged in later listen too', async () => {
    const kernel = machine({ force: false })
    await converge(kernel, intent, noChanges)
    expect(kernel.read('ipv6/conf/all/forwarding')).toBe('1')
    expect(kernel.defaults()).toEqual(['wan0'])
    kernel.addLink('wwan0')
    expect(kernel.learnDefault('wwan0', internet)).toBe(true)
  })

  test('gets its own forwarding interfaces back after all.forwarding is off again, with the default route', async () => {
    const kernel = machine({ force: false })
    kernel.write('ipv6/conf/wan0/accept_ra', '2')
    kernel.write('ipv6/conf/eth2/forwarding', '1')
    kernel.write('ipv6/conf/wan0/accept_ra', '1')
    const before = kernel.snapshot()
    const changes = await converge(kernel, intent, noChanges)
    expect(kernel.read('ipv6/conf/all/forwarding')).toBe('1')
    await converge(kernel, noIntent, changes)
    expect({ ...kernel.snapshot(), routes: [] }).toEqual({ ...before, routes: [] })
  })
})

describe('order', () => {
  const texts = async (kernel: MemoryKernel, intent: Intent) => {
    const state = await kernel.state()
    return reconcile(desired(intent, state, noChanges), state, noChanges).steps.map(step =>
      formatStep(step, state.links),
    )
  }

  test('accept_ra, the router flag, addresses, routes, the rules that prohibit, and only then the opening', async () => {
    const order = await texts(machine(), stateNamed('one LAN and ZeroTier').intent)
    const at = (text: string) => order.indexOf(text)
    const wanted = [
      'sysctl net/ipv6/conf/wan0/accept_ra=2',
      'sysctl net/ipv6/conf/eth1/forwarding=1',
      'address add fc9c:56c2:e389:e930:5ee::1/80 dev eth1',
      'route replace fc9c:56c2:e389:e930:5ee::/80 dev eth1 table 80 proto 80 metric 1024',
      'rule add 1082: iif eth1 prohibit proto 80',
      'sysctl net/ipv6/conf/eth1/force_forwarding=1',
    ]
    expect(wanted.map(at)).toEqual(wanted.map(at).toSorted((a, b) => a - b))
    expect(wanted.map(at)).not.toContain(-1)
  })

  test('a new site prefix is there before the old one goes', async () => {
    const kernel = machine()
    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    const state = await kernel.state()
    const order = reconcile(desired(stateNamed('another site prefix').intent, state, changes), state, changes).steps
    const firstRemoval = order.findIndex(step => step.op.startsWith('remove-'))
    const lastAddition = order.findLastIndex(step => step.op.startsWith('add-') || step.op.startsWith('replace-'))
    expect(firstRemoval).toBeGreaterThan(lastAddition)
  })

  test('forwarding is closed before the rules that prohibit go, and accept_ra goes back after both', async () => {
    const kernel = machine()
    const changes = await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
    const from = kernel.applied.length
    await converge(kernel, noIntent, changes)
    const order = kernel.applied.slice(from)
    const forwards = order.findLastIndex(step => step.op === 'write-sysctl' && step.path.endsWith('forwarding'))
    const rule = order.findIndex(step => step.op === 'remove-rule' && step.rule.action.kind === 'prohibit')
    const acceptRa = order.findIndex(step => step.op === 'write-sysctl' && step.path.endsWith('accept_ra'))
    expect([forwards, rule, acceptRa].toSorted((a, b) => a - b)).toEqual([forwards, rule, acceptRa])
  })
})

test('neighbours of ours are replaced, recorded, and removed again', async () => {
  const kernel = machine()
  const neighbour = {
    link: kernel.link('zt0').index,
    address: parseIp6('fe80::5'),
    mac: parseMac('00:00:5e:00:53:01'),
    permanent: true,
  }
  let state = await kernel.state()
  const plan = reconcile({ ...nothing, neighbours: [neighbour] }, state, noChanges)
  expect(plan.steps).toEqual([{ op: 'replace-neighbour', neighbour }])
  expect(plan.changes.neighbours).toEqual([{ link: neighbour.link, address: neighbour.address }])
  await kernel.apply(plan.steps[0]!)
  state = await kernel.state()
  expect(reconcile({ ...nothing, neighbours: [neighbour] }, state, plan.changes).steps).toEqual([])
  expect(reconcile(nothing, state, plan.changes).steps).toEqual([{ op: 'remove-neighbour', neighbour }])
})

test('a place in table 80 that a stranger holds is left to it', async () => {
  const kernel = machine()
  const route = {
    table: 80,
    kind: 'blackhole',
    destination: parsePrefix('fc9c:56c2:e300::/40'),
    link: undefined,
    via: undefined,
    metric: 1024,
    protocol: 4,
  } as const
  kernel.edit({ op: 'replace-route', route })
  await converge(kernel, stateNamed('one LAN and ZeroTier').intent, noChanges)
  expect((await kernel.state()).routes).toContainEqual(route)
  expect((await kernel.state()).routes.filter(r => r.protocol === mark)).not.toEqual([])
})
