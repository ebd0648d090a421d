import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Status } from '../../appliance/http/api.ts'
import { Client, type ClientName } from './client.ts'
import type { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { type Site, TwoSites } from './sites.ts'
import { callsOf } from './system-calls.ts'
import { until } from './until.ts'

const own = '192.168.8.1/24'
const ipv4 = (more: string) => `    ipv4: { address: ${own}, lifetimes: { valid: 60, t1: 3, t2: 40 }, ${more} }\n`

/** The IPv4 address of a host, once it has one. */
const address = (host: Host, start = '192.168.8.') =>
  until(async () => {
    const [found] = await host.ip<{ addr_info: { local: string }[] }>('-4', 'address', 'show', 'dev', 'eth0')
    return found?.addr_info.find(({ local }) => local.startsWith(start))?.local
  }, `an IPv4 address of ${host.name}`)

const leases4 = async (daemon: Daemon) => (await daemon.leases()).filter(({ type }) => type === 'IPv4')
const counter = async (daemon: Daemon, name: string) => (await daemon.status()).lan[0]!.counters[`dhcpv4.${name}`] ?? 0

const giveAddress = (site: Site) => site.router.run('ip', 'address', 'add', own, 'dev', 'lan0')

test.concurrent('dhclient, dhcpcd and udhcpc have an IPv4 address, keep it over a restart, and give it back', async () => {
  await using sites = await TwoSites.create()
  const { a, lab } = sites
  const third = await lab.host('a3')
  await a.lan.plug({ host: third, link: 'eth0', mac: '02:00:00:00:00:33' })
  const configuration = a.configuration(
    ipv4(`reservations: [
      { hostname: ${a.hosts[0].name}, ipAddress: 192.168.8.31 },
      { clientId: "00:6c:61:62", ipAddress: 192.168.8.32 },
      { hwAddress: "02:00:00:00:00:33", ipAddress: 192.168.8.33 }]`),
  )
  writeFileSync(join(a.hosts[1].folder, 'arguments'), '-I lab')
  const first = a.start({ configuration })
  const waiting = await first.hasStatus(({ reasons }) => reasons.some(each => each.includes('DHCPv4')), 'to wait')
  expect(waiting.reasons).toContain(
    `LAN lan0: DHCPv4 waits for the address ${own} on lan0, which has none: ip address add ${own} dev lan0`,
  )
  await giveAddress(a)
  await first.serving()

  const cast: readonly (readonly [Host, ClientName])[] = [
    [a.hosts[0], 'dhclient4'],
    [a.hosts[1], 'dhcpcd4'],
    [third, 'udhcpc'],
  ]
  const started = cast.map(([host, name]) => new Client(host, name))
  await using clients = new AsyncDisposableStack()
  for (const client of started) clients.use(client)
  const given = await Promise.all(cast.map(([host]) => address(host)))
  expect(given).toEqual(['192.168.8.31', '192.168.8.32', '192.168.8.33']) // by its name, its identifier, its MAC
  expect((await leases4(first)).map(({ address, state }) => `${address} ${state}`).sort()).toEqual(
    given.map(each => `${each} bound`).sort(),
  )
  expect(await first.cli('leases')).toContain('192.168.8.33')

  await first.handOver()
  await using second = a.start({ configuration })
  const since = new Date().toISOString()
  started[2]!.program.signal('SIGUSR1') // udhcpc renews by its own clock, half of the lease
  const renewed = async () => (await leases4(second)).filter(({ changedAt }) => changedAt > since).length === 3
  await until(renewed, 'all three to renew')
  expect(await Promise.all(cast.map(([host]) => address(host)))).toEqual(given)
  expect(await counter(second, 'sent.nak')).toBe(0)

  started[2]!.program.signal('SIGTERM') // -R: it releases
  const released = async () => (await leases4(second)).find(each => each.address === given[2])?.state === 'released'
  await until(released, 'udhcpc to give its address back')
})

test.concurrent('a host that can do without IPv4 hears that it may, and another has an address', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await giveAddress(a)
  await using daemon = a.start({ configuration: a.configuration(ipv4('v6OnlyPreferred: 300')) })
  await daemon.serving()
  const [able, usual] = a.hosts
  writeFileSync(join(able.folder, 'arguments'), '-o ipv6_only_preferred')
  await using client = new Client(able, 'dhcpcd4')
  await using _usual = new Client(usual, 'dhclient4')
  await client.program.says(/IPv6-Only Preferred received \(300 seconds\)/)
  const given = await address(usual)
  expect((await leases4(daemon)).map(each => each.address)).toEqual([given])
})

test.concurrent('a lease is on disk before its acknowledgement leaves, by the system calls', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  await giveAddress(a)
  const trace = join(a.router.folder, 'trace')
  const under = ['strace', '-D', '-f', '-y', '-x', '-s', '400', '-e', 'trace=sendmmsg,fdatasync', '-o', trace]
  const daemon = a.start({ configuration: a.configuration(ipv4('')), under })
  await daemon.serving()
  await using client = new Client(a.hosts[0], 'udhcpc')
  await address(a.hosts[0])
  for (let renewal = 1; renewal <= 3; renewal++) {
    client.program.signal('SIGUSR1')
    await until(async () => (await counter(daemon, 'sent.ack')) > renewal, 'it to renew')
  }
  await daemon.stop()
  // Option 53 of an acknowledgement is 5.
  const order = callsOf(readFileSync(trace, 'utf8'), 'leases4.db-wal', { ack: /^sendmmsg.*\\x35\\x01\\x05/ })
  const acks = [...order.entries()].filter(([, call]) => call === 'ack').map(([i]) => i)
  expect(acks.length).toBeGreaterThanOrEqual(4)
  for (const [n, at] of acks.entries()) expect(order.slice(acks[n - 1] ?? 0, at), order.join()).toContain('synced')
})

test.concurrent('a remembered address of another network is refused, one in use is found before or after its offer', async () => {
  await using sites = await TwoSites.create()
  const { a, lab } = sites
  await giveAddress(a)
  const user = await lab.host('user')
  await a.lan.plug({ host: user, link: 'eth0' })
  await user.setUp('eth0')
  await user.run('ip', 'address', 'add', '192.168.8.10/24', 'dev', 'eth0')
  await using daemon = a.start({ configuration: a.configuration(ipv4('pool: 192.168.8.10-192.168.8.11')) })
  await daemon.serving()

  const [moved, careful] = a.hosts
  const past = 'renew 2 2036/1/1 0:0:0; rebind 2 2036/1/1 0:0:0; expire 2 2036/1/1 0:0:0;'
  const lease = `interface "eth0"; fixed-address 10.9.9.9; option subnet-mask 255.255.255.0; ${past}`
  writeFileSync(join(moved.folder, 'remembered'), `lease { ${lease} }\n`)
  await using _moved = new Client(moved, 'dhclient4')
  expect(await address(moved)).toBe('192.168.8.11')
  expect(await counter(daemon, 'sent.nak')).toBeGreaterThan(0)

  // From here on it hides from the router, and not from the client.
  const routers = (await a.router.run('cat', '/sys/class/net/lan0/address')).trim()
  const hide = `table arp hide { chain in { type filter hook input priority 0; arp saddr ether ${routers} drop; }; }`
  await user.run('nft', hide)
  await user.run('ip', 'address', 'add', '192.168.8.12/24', 'dev', 'eth0')
  daemon.configure(a.configuration(ipv4('pool: 192.168.8.11-192.168.8.12')))
  daemon.reload()
  await until(async () => (await ipv4Status(daemon)).pool.endsWith('12'), 'the new pool')
  await using _careful = new Client(careful, 'dhcpcd4')
  const declined = async () =>
    (await leases4(daemon)).find(each => each.address === '192.168.8.12')?.state === 'declined'
  await until(declined, 'dhcpcd to decline the address in use')
})

const ipv4Status = async (daemon: Daemon) => ((await daemon.get('/v1/status')) as Status).lan[0]!.ipv4!

test.concurrent('beside another DHCPv4 server nothing is offered, and it is named; without the key there is nothing of it', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, other] = a.hosts
  await giveAddress(a)
  await other.setUp('eth0')
  await other.run('ip', 'address', 'add', '192.168.8.2/24', 'dev', 'eth0')
  const files = ['--pid-file', `--dhcp-leasefile=${join(other.folder, 'leases')}`, '--conf-file=/dev/null']
  const range = ['--port=0', '--interface=eth0', '--bind-dynamic', '--dhcp-range=192.168.8.200,192.168.8.220,1h']
  await using rival = other.spawn(['dnsmasq', '-k', '--user=root', '--log-facility=-', ...files, ...range])
  await rival.says(/DHCP, IP range/)

  await using daemon = a.start()
  await daemon.serving()
  const sockets = () => a.router.run('sh', '-c', 'ss -Hlun "sport = :67"; grep -c "0800" /proc/net/packet || true')
  expect((await sockets()).trim()).toBe('0')
  expect(existsSync(join(a.router.folder, 'state/leases4.db'))).toBe(false)

  daemon.configure(a.configuration(ipv4('pool: 192.168.8.100-192.168.8.199')))
  daemon.reload()
  const status = await daemon.hasStatus(({ state }) => state === 'degraded', 'to find the other server')
  expect(status.reasons[0]).toMatch(/another DHCPv4 server is on lan0: 192\.168\.8\.2 \(.*hosts get no new address/)
  expect(await ipv4Status(daemon)).toMatchObject({ state: 'yielding', otherServers: [{ address: '192.168.8.2' }] })
  await using _client = new Client(host, 'udhcpc')
  expect(await address(host)).toMatch(/^192\.168\.8\.2\d\d$/)
  expect(await counter(daemon, 'dropped.other-server-known')).toBeGreaterThan(0)
  expect(await leases4(daemon)).toEqual([])

  daemon.configure(a.configuration())
  daemon.reload()
  await until(async () => (await sockets()).trim() === '0', 'its sockets to be closed')
})
