/** What each client does on a LAN of ours from its start to its release, while the router is restarted under it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ClientName } from './client.ts'
import { ClientLan, type Kind, kinds, type Seat } from './client-lan.ts'
import type { Pinging } from './host.ts'
import { until } from './until.ts'

let lan: ClientLan
const addresses = new Map<ClientName, string>()

beforeAll(async () => {
  lan = await ClientLan.create()
})
afterAll(() => lan[Symbol.asyncDispose]())

const addressOf = ({ client }: Kind) => addresses.get(client)!

/** Its lease is that of its address and no other, the host has that one alone, and the router reaches it. */
async function hasItsOwn(kind: Kind, seat: Seat): Promise<void> {
  const address = addressOf(kind)
  expect(await lan.leases(seat)).toEqual([expect.objectContaining({ address, type: 'IA_NA', state: 'bound' })])
  expect(await seat.addresses()).toEqual([address])
  await lan.site.router.reaches(address)
}

describe('start', () => {
  test.concurrent.for(kinds)('J14 $client has a /128, and the lease is its', async kind => {
    const seat = lan.at(kind.client)
    const address = await seat.address(lan.site.addressStart)
    addresses.set(kind.client, address)
    await hasItsOwn(kind, seat)
    const found = (await seat.host.addresses('eth0')).find(({ local }) => local === address)
    expect(found?.prefixlen).toBe(128)
    expect((await lan.leases(seat))[0]!.duid).toMatch(new RegExp(`^${kind.duid}`))
    await seat.host.reaches(lan.site.address)
  })
})

describe.each(['handOver', 'kill'] as const)('router restart: %s', how => {
  const pings = new Map<ClientName, Pinging>()
  beforeAll(async () => {
    for (const { client } of kinds) pings.set(client, lan.at(client).host.pinging(lan.site.address))
    for (const each of pings.values()) await until(() => each.received > 2, 'the pings to go')
    await lan.restart(how)
  })

  test.concurrent.for(kinds)(
    '$client keeps its lease, its address and its way, and begins nothing anew',
    async kind => {
      const { sent, received } = await pings.get(kind.client)!.stop()
      expect(sent - received).toBeLessThanOrEqual(1) // the one under way when the ping is stopped
      const seat = lan.at(kind.client)
      await hasItsOwn(kind, seat)
      expect(seat.newBeginnings).toEqual([])
    },
  )
})

describe('renew', () => {
  test.concurrent.for(kinds)('$client renews with the router that was started again', async kind => {
    const seat = lan.at(kind.client)
    const end = async () => Date.parse((await lan.leases(seat))[0]!.validUntil)
    const before = await end()
    await until(async () => (await end()) > before, `${kind.client} to renew`)
    await hasItsOwn(kind, seat)
    expect(seat.news).toContain('renew')
    expect(seat.newBeginnings).toEqual([])
  })
})

describe('server database lost', () => {
  beforeAll(async () => {
    const { router } = lan.site
    await lan.restart('kill', () => router.run('sh', '-c', `rm ${router.folder}/state/leases.db*`))
  })

  test.concurrent.for(kinds)('F15 $client renews, and its lease is made again with its address', async kind => {
    const seat = lan.at(kind.client)
    await until(async () => (await lan.leases(seat)).length > 0, `the lease of ${kind.client} to be made again`)
    await hasItsOwn(kind, seat)
    expect(seat.newBeginnings).toEqual([])
  })
})

describe('release', () => {
  test.concurrent.for(kinds)(
    '$client ends, and its lease is free where it says so (it does: $releases)',
    async kind => {
      const seat = lan.at(kind.client)
      seat.mark()
      await seat.client.release()
      const isReleased = async () => (await lan.leases(seat))[0]!.state === 'released'
      if (kind.releases) {
        await until(isReleased, `the release by ${kind.client}`)
        expect(seat.news).toContain('release')
        expect(await seat.addresses()).toEqual([])
      } else {
        // Nobody else has it until it expires: the host may be back in a moment.
        expect(await isReleased()).toBe(false)
        expect(seat.news).not.toContain('release')
      }
    },
  )

  test('of all that the clients said nothing was dropped, taken for damaged, or found a bug', async () => {
    const [served] = (await lan.daemon.status()).lan
    const names = ['ignored', 'malformed', 'unstored', 'unsent', 'leftOut', 'bugs'].map(name => `dhcpv6.${name}`)
    expect(names.map(name => [name, served!.counters[name]])).toEqual(names.map(name => [name, 0]))
  })
})
