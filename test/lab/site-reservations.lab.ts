import { expect, test } from 'vitest'
import { Client } from './client.ts'
import type { Host } from './host.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

/** The shortest lifetimes that a file may ask for, so that hosts renew within the test. */
const configuration = (site: Site, reservations: string) =>
  site.configuration(
    `    dhcpv6: { lifetimes: { preferred: 40, valid: 60, t1: 20, t2: 30 } }\n    reservations: [${reservations}]\n`,
  )

const macOf = async (host: Host) => {
  const [link] = await host.ip<{ address: string }>('link', 'show', 'dev', 'eth0')
  return link!.address
}

/** The addresses of the site that the host uses; those that it was told to give up are gone or deprecated. */
async function inUse(host: Host, { addressStart }: Site): Promise<string[]> {
  const all = await host.addresses('eth0')
  return all.filter(each => each.local.startsWith(addressStart) && each.preferred_life_time > 0).map(each => each.local)
}

test('J04 an address reserved by a reload goes from its holder to its host, each at its next renewal, and neither is ever without one', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [left, right] = a.hosts
  await using daemon = a.start({ configuration: configuration(a, '') })
  await daemon.serving()
  new Client(left, 'dhclient')
  const held = await until(() => left.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  new Client(right, 'dhclient')
  const before = await until(() => right.globalAddress('eth0', a.addressStart), 'an address', 20_000)

  const reservation = `{hwAddress: "${await macOf(right)}", hostname: printer, ipAddresses: ["${held}"]}`
  daemon.configure(configuration(a, reservation))
  daemon.reload()
  const waiting = await daemon.hasStatus(
    ({ reasons }) => reasons.some(each => each.includes(`${held} is reserved for another host than`)),
    'to say who has the address',
  )
  expect(waiting.state).toBe('serving')
  await until(async () => (await inUse(right, a)).join() === held, 'the host to have what is reserved for it', 60_000)
  const [other] = await until(async () => {
    const used = await inUse(left, a)
    return used.length > 0 && !used.includes(held) && used
  }, 'the holder to have moved')
  expect(other).not.toBe(before)
  await right.reaches(other!)
  const leases = (await daemon.leases()).filter(({ state }) => state === 'bound')
  expect(leases.map(({ address, hostname }) => [address, hostname]).toSorted()).toEqual(
    [
      [held, 'printer'],
      [other, null],
    ].toSorted(),
  )
  expect((await daemon.status()).reasons.join()).not.toContain('reserved')

  daemon.configure(configuration(a, reservation.replace(held, '::1')))
  daemon.reload()
  await daemon.program.says(/siteplane\.yaml:\d+:\d+: lan\[0\]\.reservations\[0\]\.ipAddresses\[0\]: is not for a host/)
})

test('J09 a host is known by the name that it gives itself, and others by their MAC', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [named, carded] = a.hosts
  const reservations = `{hostname: a1, ipAddresses: ["::21"]}, {hwAddress: "${await macOf(carded)}", ipAddresses: ["::22"]}`
  await using daemon = a.start({ configuration: configuration(a, reservations) })
  await daemon.serving()
  new Client(named, 'networkd') // says its name
  new Client(carded, 'dhclient') // doesn't
  expect(await until(() => named.globalAddress('eth0', a.addressStart), 'an address', 20_000)).toBe(a.addressAt(0x21n))
  expect(await until(() => carded.globalAddress('eth0', a.addressStart), 'an address', 20_000)).toBe(a.addressAt(0x22n))
  const names = (await daemon.leases()).map(({ address, hostname }) => [address, hostname])
  expect(names).toEqual([
    [a.addressAt(0x21n), 'a1'],
    [a.addressAt(0x22n), null],
  ])
  await named.reaches(a.addressAt(0x22n))
})
