/** What each client does when its cable was out, when the site has another prefix, and when the router knows nothing any more. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatPrefix } from '../../appliance/base/ip6.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import type { ClientName } from './client.ts'
import { ClientLan, hostPart, type Kind, kinds, type Seat } from './client-lan.ts'
import { network } from './sites.ts'
import { until } from './until.ts'

let lan: ClientLan
const addresses = new Map<ClientName, string>()

beforeAll(async () => {
  lan = await ClientLan.create()
  for (const { client } of kinds) addresses.set(client, await lan.at(client).address(lan.site.addressStart))
})
afterAll(() => lan[Symbol.asyncDispose]())

const addressOf = ({ client }: Kind) => addresses.get(client)!
const leasesOf = async (seat: Seat) => (await lan.leases(seat)).map(({ address, state }) => [address, state])
const holdsOnLink = async ({ host }: Seat, prefix: string) =>
  (await host.routes('dev', 'eth0')).some(({ dst, gateway }) => dst === prefix && gateway === undefined)

describe('link flap', () => {
  beforeAll(async () => {
    await Promise.all(lan.seats.map(({ cable }) => cable.pull()))
    // NetworkManager lets a short one pass: when it has given up its address, everybody who looks has seen this one.
    for (const { client } of kinds.filter(({ afterFlap }) => afterFlap === 'solicit'))
      await until(async () => (await lan.at(client).addresses()).length === 0, `${client} to give up its address`)
    lan.mark()
    await Promise.all(lan.seats.map(({ cable }) => cable.putBack()))
  })

  test.concurrent.for(kinds)('$client says $afterFlap, and has the same address', async kind => {
    const seat = lan.at(kind.client)
    const first = () => seat.newBeginnings[0] ?? 'nothing'
    await until(() => kind.afterFlap === 'nothing' || first() !== 'nothing', `${kind.client} to say something`)
    expect(await seat.address(lan.site.addressStart)).toBe(addressOf(kind))
    await lan.site.router.reaches(addressOf(kind))
    expect(first()).toBe(kind.afterFlap)
    expect(await leasesOf(seat)).toEqual([[addressOf(kind), 'bound']])
  })
})

describe('prefix changed', () => {
  const node = '99aabbccdd'
  const place = siteOf(parseNetworkId(network), parseNodeAddress(node))
  const prefix = formatPrefix(place.sitePrefix)
  beforeAll(() => lan.renumber(node, place.mac))

  test.concurrent.for(kinds)(
    '$client moves when it renews, keeps its last 48 bits, and gives the old one up',
    async kind => {
      const seat = lan.at(kind.client)
      const [old, address] = [addressOf(kind), await seat.address(prefix.replace(/:?:\/80$/, ':'))]
      expect(hostPart(address)).toBe(hostPart(old))
      addresses.set(kind.client, address)
      await until(async () => !(await seat.addresses()).includes(old), `${kind.client} to give up the old address`)
      expect(await seat.addresses()).toEqual([address])
      await until(() => holdsOnLink(seat, prefix), `${kind.client} to hold the new prefix to be on-link`)
      if (kind.forgets)
        await until(async () => !(await holdsOnLink(seat, lan.site.prefix)), `${kind.client} to forget the old prefix`)
      else expect(await holdsOnLink(seat, lan.site.prefix)).toBe(true)
      await lan.site.router.reaches(address)
      expect(seat.newBeginnings).toEqual([])
      expect(await leasesOf(seat)).toEqual([[address, 'bound']])
    },
  )
})

describe('all state lost, with the DUID of the server', () => {
  const patience = 60_000 // dhcp6c asks all servers after 30 s, the others after 20
  beforeAll(async () => {
    const { router } = lan.site
    await lan.restart('kill', () => router.run('sh', '-c', `rm -r ${router.folder}/state/*`))
  })

  test.concurrent.for(kinds)(
    'F15 $client asks all servers in the end, and its lease is made again with its address',
    async kind => {
      const seat = lan.at(kind.client)
      const isBack = async () => (await lan.leases(seat)).length > 0
      await until(isBack, `the lease of ${kind.client} to be made again`, patience)
      expect(await leasesOf(seat)).toEqual([[addressOf(kind), 'bound']])
      expect(await seat.addresses()).toEqual([addressOf(kind)])
      expect(seat.news).toContain('rebind')
      expect(seat.newBeginnings).toEqual([])
    },
  )
})

describe('the router stops for good', () => {
  beforeAll(() => lan.daemon.stop())

  test.concurrent.for(kinds)(
    '$client forgets the way to the other sites, or keeps it to be on-link, and has its address',
    async kind => {
      const seat = lan.at(kind.client)
      if (kind.forgets)
        await until(
          async () => (await lan.networkRoutes(seat)).length === 0,
          `${kind.client} to forget the way`,
          10_000,
        )
      else expect(await lan.networkRoutes(seat)).toEqual([expect.not.objectContaining({ gateway: expect.anything() })])
      expect(await seat.addresses()).toEqual([addressOf(kind)])
    },
  )
})
