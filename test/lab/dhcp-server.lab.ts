import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Client } from './client.ts'
import { ask, client } from './dhcp-asks.ts'
import { DhcpLan } from './dhcp-lan.ts'
import { siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const start = siteText.replace('::/80', ':')

const dnsmasqOf = ({ folder }: { readonly folder: string }, link: string) => [
  'dnsmasq',
  '--keep-in-foreground',
  '--conf-file=/dev/null',
  '--port=0',
  `--interface=${link}`,
  '--bind-interfaces',
  '--dhcp-range=fd00::100,fd00::1ff,64,1h',
  '--dhcp-option=option6:dns-server,[fd00::53]',
  '--dhcp-option=option6:domain-search,home.example',
  `--dhcp-leasefile=${folder}/leases`,
  '--user=root',
  '--log-facility=-',
  `--pid-file=${folder}/pid`,
]

test('another DHCPv6 server is found at start and named with what its clients lose', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const other = await lan.host('other', '02:00:00:00:00:0d')
  await other.ip('-6', 'address', 'add', 'fd00::1/64', 'dev', 'eth0', 'nodad')
  await using dnsmasq = other.spawn(dnsmasqOf(other, 'eth0'))
  await dnsmasq.says(/DHCPv6, IP range/)
  // As on a one-armed router, whose own client has the port that answers go to.
  const client = "require('dgram').createSocket('udp6').bind(546, () => console.log('held'))"
  await using holder = lan.router.spawn([process.execPath, '-e', client])
  await holder.says(/held/)
  await using server = await lan.serve()
  const [found] = await until(async () => {
    const { others } = await server.status()
    return others[0]?.rapidCommit !== undefined && others
  }, 'the other server to be found, and to say whether it grants Rapid Commit')
  expect(found).toEqual({
    linkLocal: 'fe80::ff:fe00:d',
    mac: '02:00:00:00:00:0d',
    serverDuid: expect.stringMatching(/^00:0[1-4]:/),
    preference: 0,
    addresses: [expect.stringMatching(/^fd00::1[0-9a-f]{2}$/)],
    offers: [
      expect.stringMatching(/^address fd00::1[0-9a-f]{2}$/),
      'DNS server fd00::53',
      'search domain home.example',
    ],
    rapidCommit: true,
    mayWin: true,
    consequence: expect.stringMatching(
      /^hosts on lan0 that ask for Rapid Commit .* take the DHCPv6 server fe80::ff:fe00:d \(02:00:00:00:00:0d\) if it answers first/,
    ),
  })
  const warnings = server.program.lines.filter(line => line.includes('another DHCPv6 server is on the LAN'))
  expect(warnings.length).toBe(2) // found, and found to win hosts over
  await dnsmasq.says(/DHCPRELEASE/) // what it gave us for the question is its own again
})

test('copied hosts: each gets an address of its own while both are there; a host with a new card keeps its', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const original = lan.lan.host
  const copy = await lan.host('copy', '02:00:00:00:00:0e')
  const renewed = await lan.host('renewed', '02:00:00:00:00:0f')
  await using server = await lan.serve()
  const duid = `00:04${':77'.repeat(16)}`
  const address = await ask(original, duid)
  await original.ip('-6', 'address', 'add', `${address}/128`, 'dev', 'eth0', 'nodad')
  const second = `00:04${':88'.repeat(16)}`
  const kept = await ask(original, second) // and never configured: the card is gone
  await wait(5_100) // a host that was there less than 5 s ago isn't asked whether it is
  const other = await ask(copy, duid)
  expect(other).not.toBe(address)
  expect((await server.status()).clones).toEqual([
    {
      duid,
      iaid: 1,
      mac: '02:00:00:00:00:0e',
      address: other,
      original: { mac: '02:00:00:00:00:0b', address },
    },
  ])
  expect(await ask(copy, duid)).toBe(other)
  expect(await ask(original, duid)).toBe(address)
  expect(await ask(renewed, second)).toBe(kept)
  expect((await server.status()).clones.length).toBe(1)
})

test('a host whose link-local address hides its MAC is asked for it', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const host = await lan.lan.lab.host('private')
  await lan.lan.lan.plug({ host, link: 'eth0', mac: '02:00:00:00:00:10' })
  await host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=0', 'net.ipv6.conf.eth0.addr_gen_mode=3')
  await host.setUp('eth0')
  expect(await host.linkLocal('eth0')).not.toContain('ff:fe')
  await using server = await lan.serve()
  await ask(host, '00:03:00:01:02:00:00:00:00:99')
  const { leases, counters } = await server.status()
  expect(leases.map(lease => lease.linkLayerAddress)).toEqual(['02:00:00:00:00:10'])
  expect(counters.questions).toBe(1)
})

test('another server on this machine: it says so, waits, and serves when the port is free', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { router } = lan
  const hold = "require('dgram').createSocket('udp6').bind(547, () => console.log('held'))"
  await using holder = router.spawn([process.execPath, '-e', hold])
  await holder.says(/held/)
  await using server = await lan.serve()
  expect((await server.status()).reasons).toEqual([
    expect.stringMatching(/^DHCPv6 on lan0 can't be served: .*EADDRINUSE$/),
  ])
  await holder.stop()
  await until(async () => (await server.status()).reasons.length === 0, 'the port', 10_000)
  expect(await ask(lan.lan.host, '00:03:00:01:02:00:00:00:00:0b')).toMatch(new RegExp(`^${start}`))
})

test('another server on this machine that starts later, and shares the port: it is told of while it runs', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { router } = lan
  await using server = await lan.serve()
  expect((await server.status()).notices).toEqual([])
  await router.ip('-6', 'address', 'add', 'fd00::1/64', 'dev', 'lan0', 'nodad')
  await using dnsmasq = router.spawn(dnsmasqOf(router, 'lan0'))
  await dnsmasq.says(/DHCPv6, IP range/)
  const [notice] = await until(async () => {
    const { notices } = await server.status()
    return notices.length > 0 && notices
  }, 'the other server')
  expect(notice).toContain('another DHCPv6 server or relay of this machine hears lan0 too')
  expect(await ask(lan.lan.host, '00:03:00:01:02:00:00:00:00:0b')).toMatch(new RegExp(`^${start}`))
  await dnsmasq.stop()
  await until(async () => (await server.status()).notices.length === 0, 'the LAN to be ours alone')
})

test('D12 a message to us alone is not answered', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  await using server = await lan.serve()
  await host.ip('-6', 'address', 'add', `${start}:9/80`, 'dev', 'eth0', 'nodad')
  const script = `const s = require('dgram').createSocket('udp6'); s.bind(546, '${start}:9', () => s.send(Buffer.from('0b000001', 'hex'), 547, '${start}:1', () => s.close()))`
  await host.run(process.execPath, '-e', script)
  const { counters } = await until(async () => {
    const status = await server.status()
    return status.counters.received > 0 && status
  }, 'the message')
  expect(counters).toMatchObject({ received: 1, ignored: 1, 'ignored.unicast': 1, answered: 0 })
})

test('D03 a message to all servers is answered although its frame was for this card alone', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  await using server = await lan.serve()
  const mac = (await lan.router.run('cat', '/sys/class/net/lan0/address')).trim()
  await using sender = client(lan.lan.host, 'frame', mac)
  await sender.says(new RegExp(`"addresses":\\["${start}`), 5_000)
  expect((await server.status()).counters).toMatchObject({ received: 1, answered: 1 })
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
