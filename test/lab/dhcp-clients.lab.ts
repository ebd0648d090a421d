import { expect, test } from 'vitest'
import { Client, type ClientName } from './client.ts'
import { DhcpLan, lifetimes } from './dhcp-lan.ts'
import { siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const start = siteText.replace('::/80', ':')

/** Clients as Debian ships them; the DUID type that each is known by. */
const kinds: [ClientName, string][] = [
  ['dhclient', '00:01'],
  ['dhcpcd', '00:01'],
  ['networkd', '00:02'],
]

test.for(kinds)('%s gets its address and renews it', async ([kind, duid]) => {
  await using lan = await DhcpLan.create()
  const { host } = lan.lan
  await using server = await lan.serve()
  await using _ = new Client(host, kind)
  const address = await until(() => host.globalAddress('eth0', start), `an address for ${kind}`, 20_000)
  const [lease] = (await server.status()).leases
  expect(lease).toMatchObject({
    address,
    interface: 'lan0',
    linkLayerAddress: '02:00:00:00:00:0b',
    state: 'bound',
    duid: expect.stringMatching(`^${duid}`),
  })
  // Renewed: the lease ends later than it was promised at first.
  const renewed = async () => (await server.status()).leases[0]!.validUntil > lease!.validUntil + 1000
  await until(renewed, `${kind} to renew`, 25_000)
  expect(await host.globalAddress('eth0', start)).toBe(address)
  expect(await lan.router.reaches(address, 5_000)).toBeLessThan(1000)
  const { leases, counters, reasons } = await server.status()
  expect(leases.length).toBe(1)
  expect(counters).toMatchObject({ malformed: 0, bugs: 0, unstored: 0, unsent: 0 })
  expect(reasons).toEqual([])
})

test('dhclient gives its address back when it is told to, and gets the same one again', async () => {
  await using lan = await DhcpLan.create()
  const { host } = lan.lan
  await using server = await lan.serve()
  // A mount namespace of its own: Debian's script writes to /etc/resolv.conf, and its AppArmor profile goes by the path.
  const enclosure =
    'mount -t tmpfs tmpfs /run; cp /etc/resolv.conf /run/r; mount --bind /run/r /etc/resolv.conf; cd "$0"; ' +
    'cp -n "$(command -v dhclient)" .; touch leases; : >pid; ./dhclient -6 -sf /sbin/dhclient-script -lf leases -pf pid'
  const dhclient = (how: string) => host.run('unshare', '-m', 'sh', '-euc', `${enclosure} ${how}`, host.folder)
  const leases = async () => (await server.status()).leases.map(lease => [lease.address, lease.state])
  // It goes into the background before it has written its process id.
  const bindAndLeave = () => dhclient('-1 eth0; while ! [ -s pid ]; do sleep 0.05; done; kill $(cat pid)')

  await bindAndLeave()
  const address = await until(() => host.globalAddress('eth0', start), 'an address')
  expect(await leases()).toEqual([[address, 'bound']])
  await dhclient('-r eth0')
  await until(async () => (await leases())[0]![1] === 'released', 'the release', 5_000)
  expect(await host.globalAddress('eth0', start)).toBeUndefined()
  await bindAndLeave()
  expect(await leases()).toEqual([[address, 'bound']])
})

test.for(kinds)(
  'F15 %s keeps its address through a kill -9 of the server and the loss of its lease file',
  async ([kind]) => {
    await using lan = await DhcpLan.create()
    const { host } = lan.lan
    await using first = await lan.serve()
    await using _ = new Client(host, kind)
    const address = await until(() => host.globalAddress('eth0', start), 'an address', 20_000)
    const [before] = (await first.status()).leases
    await first.kill()
    await using second = await lan.serve()
    expect((await second.status()).leases).toEqual([before])
    await second.kill()
    await lan.router.run('sh', '-c', `rm ${lan.router.folder}/leases.sqlite*`)
    await using third = await lan.serve()
    await until(async () => (await third.status()).leases[0]?.address === address, 'the lease to be made again', 25_000)
    expect(await host.globalAddress('eth0', start)).toBe(address)
  },
)

test('a renumbered site: hosts move at their next renewal and keep their last bits', async () => {
  await using lan = await DhcpLan.create()
  const { host } = lan.lan
  await using server = await lan.serve()
  await using _ = new Client(host, 'networkd')
  const address = await until(() => host.globalAddress('eth0', start), 'an address', 20_000)
  const moved = 'fc9c:56c2:e311:2222:3333:'
  server.change({ site: `${moved}:/80` })
  const renumbered = await until(() => host.globalAddress('eth0', moved), 'the new address', 25_000)
  expect(renumbered.slice(moved.length)).toBe(address.slice(start.length))
  await until(async () => (await host.globalAddress('eth0', start)) === undefined, 'the old address to go', 5_000)
  expect(lifetimes.t1).toBeLessThan(lifetimes.t2)
})

test.for([true, false])(
  'J14 an address is a /128, and neighbours are on-link by the advertisement alone (sent: %s)',
  async advertise => {
    await using lan = await DhcpLan.create({ advertise })
    const { host } = lan.lan
    await using _server = await lan.serve()
    await using _client = new Client(host, 'dhclient')
    const address = await until(() => host.globalAddress('eth0', start), 'an address', 20_000)
    const found = (await host.addresses('eth0')).find(({ local }) => local === address)
    expect(found?.prefixlen).toBe(128)
    const onLink = async () => (await host.ip('-6', 'route', 'show', siteText, 'dev', 'eth0')).length > 0
    if (advertise) await until(onLink, 'the route of the advertised prefix', 10_000)
    else expect(await onLink()).toBe(false)
  },
)
