import { expect, test } from 'vitest'
import { formatIp6 } from '../../appliance/base/ip6.ts'
import { rfc4193Address } from '../../appliance/plane/sixplane.ts'
import { Capture } from './capture.ts'
import { Client } from './client.ts'
import { networkRoutes } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { stays, until } from './until.ts'
import { Zerotier } from './zerotier.ts'

test('ZeroTier: each thing that is missing is named, and with the last of them the site is served', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const { a } = sites
  await using zerotier = new Zerotier(a)
  await using daemon = a.start({ configuration: zerotier.configuration })
  const state = (wanted: string) =>
    daemon.hasStatus(({ overlay }) => overlay.state === wanted, `to find the overlay ${wanted}`)

  expect((await state('no-service')).reasons[0]).toContain('systemctl start zerotier-one')
  await zerotier.start()
  expect((await state('not-joined')).reasons[0]).toContain('zerotier-cli join 8056c2e21c000001')
  zerotier.join('REQUESTING_CONFIGURATION')
  await state('unauthorised')
  zerotier.join('ACCESS_DENIED')
  expect((await state('denied')).reasons[0]).toContain(`authorise node ${a.node}`)
  zerotier.join('OK', { assignedAddresses: ['fd80:56c2:e21c:0:199:9311:aa22:bb33/88'] })
  expect((await state('no-6plane')).reasons[0]).toContain('RFC 4193 mode alone')
  expect((await daemon.status()).overlay).toMatchObject({ rfc4193Address: 'fd80:56c2:e21c:0:199:9311:aa22:bb33' })

  // Until now the site is nobody's: nothing was promised to the LAN.
  expect(await daemon.status()).toMatchObject({ state: 'waiting', lan: [{ state: 'waiting', prefix: null }] })
  expect(await a.router.addresses('lan0')).toEqual([expect.objectContaining({ scope: 'link' })])

  zerotier.join('OK')
  await state('no-interface')
  await zerotier.makeInterface()
  expect(await daemon.serving()).toMatchObject({ overlay: { node: a.node, interface: 'zt0', sitePrefix: a.prefix } })
})

test('a network with RFC 4193 mode too: routers reach each other by those addresses, and none asks for the other', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const own = ({ place }: Site) => formatIp6(rfc4193Address(place.network, place.node))
  await using stack = new AsyncDisposableStack()
  for (const site of sites.all) {
    const zerotier = stack.use(new Zerotier(site))
    await zerotier.start()
    zerotier.join('OK', { assignedAddresses: [`${own(site)}/88`, `${site.address}/40`] })
    await zerotier.makeInterface()
    await site.router.ip('address', 'add', `${own(site)}/88`, 'dev', 'zt0')
    const daemon = stack.use(site.start({ configuration: zerotier.configuration }))
    expect((await daemon.serving()).overlay).toMatchObject({ state: 'ok', rfc4193Address: own(site) })
  }
  const { a, b } = sites
  await using capture = await Capture.start(b.router, 'zt0', 'net fd00::/8 or (icmp6 and ip6[40] = 135)')
  await a.router.reaches(own(b))
  const [, ...others] = own(b).split(':')
  const aboutIt = capture.packets.filter(line => line.includes(others.join(':')))
  expect(aboutIt.filter(line => line.includes('echo request'))).not.toEqual([])
  const probe = ' :: > ' // for duplicates, by the address's own router
  expect(aboutIt.filter(line => line.includes('solicitation') && !line.includes(probe))).toEqual([])
})

test('the overlay stays away: hosts keep the way for 30 s, then lose it, and have it again when it is back', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const { a } = sites
  await using zerotier = new Zerotier(a)
  await zerotier.start()
  zerotier.join('OK')
  await zerotier.makeInterface()
  await using daemon = a.start({ configuration: zerotier.configuration })
  await daemon.serving()
  const [host] = a.hosts
  await using _client = new Client(host, 'dhclient')
  const hasWay = async () => (await networkRoutes(host, sites)).length > 0
  await until(hasWay, 'the way on the host')
  const address = await until(() => host.globalAddress('eth0', a.addressStart), 'an address on the host', 20_000)

  // A restart of ZeroTier takes about two seconds.
  await zerotier.stop()
  await zerotier.removeInterface()
  const away = performance.now()
  const degraded = await daemon.hasStatus(({ state }) => state === 'degraded', 'to miss the overlay')
  expect(degraded.lan[0]).toMatchObject({ state: 'serving' })
  await stays(hasWay, 'the way on the host', 26_000)
  await until(async () => !(await hasWay()), 'the way to go')
  expect(performance.now() - away).toBeGreaterThan(29_000)
  expect(await host.globalAddress('eth0', a.addressStart)).toBe(address)
  expect(await host.reaches(a.address)).toBeGreaterThan(0) // the LAN itself goes on

  await zerotier.makeInterface()
  await zerotier.start()
  await daemon.serving()
  await until(hasWay, 'the way on the host again')
  expect(await host.globalAddress('eth0', a.addressStart)).toBe(address)
}, 180_000)

test('a router that starts while ZeroTier is down serves its LAN as the site it was', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const { a } = sites
  await using zerotier = new Zerotier(a)
  await zerotier.start()
  zerotier.join('OK')
  await zerotier.makeInterface()
  {
    await using daemon = a.start({ configuration: zerotier.configuration })
    await daemon.serving()
  }
  await zerotier.stop()
  await zerotier.removeInterface()
  await using daemon = a.start({ configuration: zerotier.configuration })
  const status = await daemon.hasStatus(({ lan }) => lan[0]?.state === 'serving', 'to serve the LAN')
  expect(status).toMatchObject({ state: 'degraded', overlay: { state: 'no-service', sitePrefix: a.prefix } })
  await using _client = new Client(a.hosts[0], 'dhclient')
  await until(() => a.hosts[0].globalAddress('eth0', a.addressStart), 'an address on the host', 20_000)
})
