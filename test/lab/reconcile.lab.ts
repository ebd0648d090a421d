/** The scenarios of the in-memory twin, against the kernel of this machine. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIp6 } from '../../appliance/base/ip6.ts'
import { before66, play, scenarios } from '../unit/netlink/scenario.ts'
import { ownIn, siteA, siteB, states } from '../unit/netlink/scenario-table.ts'
import { RealWorld } from './reconcile-world.ts'

const usual = 'one LAN and ZeroTier'
const slack = 10_000 // ms; it takes well under a second, unless the machine has other things to do

describe('the real kernel', () => {
  test.concurrent.for(scenarios)('$name', async (scenario, { expect }) => {
    await using world = await RealWorld.create()
    await play(scenario, world, (look, expected) =>
      expect.poll(look, { timeout: slack, interval: 50 }).toEqual(expected),
    )
  })

  test.concurrent.for(before66)('before Linux 6.6: $name', async (scenario, { expect }) => {
    await using world = await RealWorld.create({ direct: false, forceForwarding: false })
    await play(scenario, world, (look, expected) =>
      expect.poll(look, { timeout: slack, interval: 50 }).toEqual(expected),
    )
  })

  test('the states in random order, each as it would be alone, and the machine at last as it was', async () => {
    await using world = await RealWorld.create()
    const before = await world.snapshot()
    await world.start()
    const [order] = fc.sample(fc.array(fc.constantFrom(...states), { minLength: 15, maxLength: 15 }), 1)
    for (const state of order!) {
      await world.intend(state.name)
      const names = order!.map(({ name }) => name).join(', ')
      await expect
        .poll(() => world.own(), { timeout: slack, message: names })
        .toEqual(ownIn(state.name, world.features))
    }
    await world.stop()
    expect(await world.snapshot()).toEqual(before)
  })
})

test('20,000 foreign route changes end in the right state, and cost a few dumps', async () => {
  await using world = await RealWorld.create()
  await world.start()
  await world.intend(usual)
  const dumps = await world.dumps()

  const routes = Array.from({ length: 10_000 }, (_, i) => `fd99::${(i + 1).toString(16)}/128 dev eth2 table 80`)
  const batch = world.batch([
    ...routes.map(route => `route add ${route}`),
    ...routes.map(route => `route del ${route}`),
  ])
  await world.take('route fc9c:56c2:e300::/40 dev zt0 table 80 proto 80 metric 1024')
  await batch
  await expect.poll(() => world.own(), { timeout: slack }).toEqual(ownIn(usual, world.features))
  expect((await world.dumps()) - dumps).toBeLessThan(40)
})

test('what the kernel tells nobody of is put right at the next round', async () => {
  await using world = await RealWorld.create()
  await world.start()
  await world.intend(usual)
  await world.sysctl('ipv6/conf/zt0/accept_redirects', '1')
  await world.sysctl('ipv6/conf/wan0/accept_ra', '1')
  await world.sysctl('ipv6/neigh/zt0/ucast_solicit', '3')
  await expect.poll(() => world.own(), { timeout: 15_000 }).toEqual(ownIn(usual, world.features))
})

test('packets that pass a program twice while it moves are counted once', async () => {
  await using world = await RealWorld.create()
  const here = { namespace: world.router, address: formatIp6(siteA.address) }
  const there = { namespace: world.end('zt0'), address: formatIp6(siteB.address) }
  for (const [near, far] of [
    [here, there],
    [there, here],
  ] as const) {
    await near.namespace.run('ip', 'addr', 'add', `${near.address}/40`, 'dev', 'zt0', 'nodad')
    const [link] = await far.namespace.ip('link', 'show', 'zt0')
    const known = ['lladdr', String(link!['address']), 'nud', 'permanent', 'dev', 'zt0']
    await near.namespace.run('ip', '-6', 'neigh', 'add', far.address, ...known) // what is sent is what is counted
  }
  const counted = await world.countTwice()
  await here.namespace.run('ping', '-q', '-c', '200', '-i', '0.002', there.address)
  expect(await counted()).toEqual([expect.objectContaining({ outPackets: 200, inPackets: 200 })])
})

test('what others made survives our start and stop', async () => {
  await using world = await RealWorld.create()
  const ip = (line: string) => world.router.run('ip', ...line.split(' '))
  await ip('-6 addr add fd00::1/64 dev eth1 nodad')
  await ip('-6 route add fd00:1::/64 dev eth1 table 80')
  await ip('-6 route add blackhole fc9c:56c2:e300::/40 table 80 metric 1')
  await ip('-6 rule add pref 1081 iif zt0 prohibit')
  await ip('-6 neigh add fe80::9 lladdr 02:00:00:00:00:99 nud permanent dev zt0')
  await ip('link set eth1 allmulticast on')
  await world.sysctl('ipv6/conf/zt0/accept_ra', '0')
  await world.sysctl('ipv6/conf/eth2/accept_ra', '2')
  const before = await world.snapshot()
  await world.start()
  await world.intend('two LANs')
  expect(await world.snapshot()).not.toEqual(before)
  await world.stop()
  expect(await world.snapshot()).toEqual(before)
})
