/** What happens to the interfaces of a router while the daemon runs: it waits for each by its name, and says for what. */
import { expect, test } from 'vitest'
import { Client } from './client.ts'
import type { Daemon } from './daemon.ts'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

const lanWaits = (daemon: Daemon, reason: string) =>
  daemon.hasStatus(({ reasons }) => reasons.includes(`LAN lan0: waits ${reason}`), `to wait ${reason}`)
const overlayWaits = (daemon: Daemon, reason: string) =>
  daemon.hasStatus(({ reasons }) => reasons.includes(`overlay: ${reason}`), `to find that ${reason}`)

test('a LAN interface that is set down, renamed or taken out is waited for, and its hosts are served when it is back', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, newcomer] = a.hosts
  await using daemon = a.start()
  await daemon.serving()
  new Client(host, 'dhclient')
  const address = await until(() => host.globalAddress('eth0', a.addressStart), 'an address', 20_000)
  const leases = await daemon.leases()

  await a.router.setDown('lan0')
  await lanWaits(daemon, 'for interface lan0 to be set up: ip link set lan0 up')
  await a.router.ip('link', 'set', 'lan0', 'name', 'lan7')
  await lanWaits(daemon, 'for interface lan0, which does not exist')
  await a.router.setUp('lan7')
  await a.router.linkLocal('lan7')
  expect(await a.router.globalAddress('lan7')).toBeUndefined() // nothing of ours on an interface that nobody named
  expect(await a.router.sysctl('ipv6/conf/lan7/force_forwarding')).toBe('0')
  await a.router.setDown('lan7')
  await a.router.ip('link', 'set', 'lan7', 'name', 'lan0')
  await a.router.setUp('lan0')
  await daemon.serving()
  await host.reaches(a.address)

  // A USB adapter that is taken out and plugged in again.
  const [card] = await a.router.ip<{ address: string }>('link', 'show', 'lan0')
  await a.router.ip('link', 'delete', 'lan0')
  await lanWaits(daemon, 'for interface lan0, which does not exist')
  await a.lan.plug({ host: a.router, link: 'lan0', mac: card!.address })
  await lanWaits(daemon, 'for interface lan0 to be set up: ip link set lan0 up')
  await a.router.setUp('lan0')
  await daemon.serving()
  await host.reaches(a.address)
  expect(await host.globalAddress('eth0', a.addressStart)).toBe(address)
  expect(await daemon.leases()).toEqual(leases)
  new Client(newcomer, 'networkd')
  await until(() => newcomer.globalAddress('eth0', a.addressStart), 'an address for a new host', 20_000)
})

test('C08 a LAN card that is replaced by another is told to the hosts, which know the router by the old one', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  await using daemon = a.start()
  await daemon.serving()
  await a.settle(host, 0x1001n)
  await host.reaches(a.address)
  await a.router.ip('link', 'delete', 'lan0')
  await lanWaits(daemon, 'for interface lan0, which does not exist')
  await a.lan.plug({ host: a.router, link: 'lan0', mac: '02:00:00:00:00:77' })
  await a.router.setUp('lan0')
  await daemon.serving()
  const known = async () => {
    const [entry] = await host.ip<{ lladdr: string }>('-6', 'neigh', 'show', a.address, 'dev', 'eth0')
    return entry?.lladdr === '02:00:00:00:00:77'
  }
  await until(known, 'the host to know the new card')
  await host.reaches(a.address, 1_000)
})

test('an overlay interface that is set down, renamed, taken out or has another MAC is named, and pings cross again when it is mended', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const { router } = a
  await using daemon = a.start()
  await using other = b.start()
  await Promise.all([daemon.serving(), other.serving()])
  const crosses = async () => {
    await daemon.serving()
    await router.reaches(b.address)
  }
  await crosses()

  await router.setDown('zt0')
  await overlayWaits(daemon, 'zt0 is down: ip link set dev zt0 up')
  await router.ip('link', 'set', 'zt0', 'name', 'zt7')
  await overlayWaits(daemon, "there is no interface zt0: a static overlay's is yours to make")
  await router.ip('link', 'set', 'zt7', 'name', 'zt0')
  await router.setUp('zt0')
  await crosses()

  await router.ip('link', 'set', 'dev', 'zt0', 'address', '02:00:00:00:00:77')
  const { mac } = a.place
  const wrong = `zt0 has the MAC address 02:00:00:00:00:77, where other sites compute ${mac}`
  await overlayWaits(daemon, `${wrong}: ip link set dev zt0 address ${mac}`)
  await router.ip('link', 'set', 'dev', 'zt0', 'address', mac)
  await crosses()

  await router.ip('link', 'delete', 'zt0')
  await overlayWaits(daemon, "there is no interface zt0: a static overlay's is yours to make")
  await a.connectOverlay()
  await crosses()
})
