import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { DhcpLan } from './dhcp-lan.ts'
import type { Host } from './host.ts'
import { siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const start = siteText.replace('::/80', ':')
const client = (host: Host, ...args: readonly string[]) =>
  host.spawn([process.execPath, new URL('dhcp-client.ts', import.meta.url).pathname, ...args])

/** What our client was told by one exchange. */
async function ask(host: Host, duid: string, iaid = 1): Promise<string> {
  await using program = client(host, 'ask', duid, String(iaid))
  await program.exited
  const { addresses } = JSON.parse(program.lines.at(-1)!) as { addresses: string[] }
  expect(addresses.length).toBe(1)
  return addresses[0]!
}

test('F10 kill -9 in a storm of Requests loses no lease that a client was told of', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  const told = new Map<string, string>()
  await using storm = client(host, 'storm', '6000')
  const read = () => {
    for (const line of storm.lines) {
      if (!line.startsWith('{"told"')) continue
      for (const [duid, address] of (JSON.parse(line) as { told: [string, string][] }).told) {
        expect(told.get(duid) ?? address).toBe(address)
        told.set(duid, address)
      }
    }
    return told.size
  }
  for (const enough of [500, 2000, 3500]) {
    await using server = await lan.serve({ lifetimes: { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 } })
    await until(() => read() >= enough, `${enough} leases`, 20_000)
    await server.kill()
  }
  await using server = await lan.serve({ lifetimes: { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 } })
  await storm.says(/"done":true/, 30_000)
  read()
  const { leases, counters } = await server.status()
  const stored = new Map(leases.map(({ duid, address }) => [duid as string, address]))
  expect(told.size).toBe(6000)
  expect([...told].filter(([duid, address]) => stored.get(duid) !== address)).toEqual([])
  expect(new Set(stored.values()).size).toBe(stored.size)
  expect(counters).toMatchObject({ bugs: 0, unstored: 0 })
})

test('100,000 damaged messages: it serves afterwards, says little, and does not grow', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  await using server = await lan.serve()
  const address = await ask(host, '00:03:00:01:02:00:00:00:00:0b')
  await using first = client(host, 'mutate', '20000', '1')
  await first.says(/"done":true/, 30_000)
  const warm = await server.status()
  await using second = client(host, 'mutate', '80000', '2')
  await second.says(/"done":true/, 50_000)
  expect(await ask(host, '00:03:00:01:02:00:00:00:00:0b')).toBe(address)
  const { counters, memory, reasons } = await server.status()
  expect(counters.bugs).toBe(0)
  expect(counters.malformed).toBeGreaterThan(1000)
  expect(counters.received).toBeGreaterThan(50_000)
  expect(reasons).toEqual([])
  expect(memory - warm.memory).toBeLessThan(48 << 20) // what the leases of the messages that were still good take
  expect(server.program.lines.filter(line => !line.startsWith('{"status"')).length).toBeLessThan(10)
})

test('D23 a host that floods costs the others nothing, and is named', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const other = await lan.host('other', '02:00:00:00:00:0c')
  await using server = await lan.serve()
  await using flood = client(lan.lan.host, 'flood', '6')
  await flood.says(/flooding/, 10_000)
  await until(async () => (await server.status()).counters['ignored.flood'] > 0, 'the flood to be one', 6_000)
  await using loop = client(other, 'loop', '12')
  await loop.says(/"done":true/, 20_000)
  const repeated = loop.lines.filter(line => line.startsWith('{"repeated"'))
  expect(repeated.filter(line => line !== '{"repeated":0}').length).toBeLessThan(3) // the kernels drop some themselves
  expect(server.program.lines.join()).toMatch(/"from":"fe80::ff:fe00:b".*more DHCPv6 messages than can be answered/)
  await flood.says(/"done":true/, 20_000)
  expect((await server.status()).counters.bugs).toBe(0)
})

test('another DHCPv6 server is found at start and named with what its clients lose', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const other = await lan.host('other', '02:00:00:00:00:0d')
  await other.ip('-6', 'address', 'add', 'fd00::1/64', 'dev', 'eth0', 'nodad')
  const options = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--port=0',
    '--interface=eth0',
    '--bind-interfaces',
    '--dhcp-range=fd00::100,fd00::1ff,64,1h',
    '--dhcp-option=option6:dns-server,[fd00::53]',
    '--dhcp-option=option6:domain-search,home.example',
    `--dhcp-leasefile=${other.folder}/leases`,
    '--user=root',
    '--log-facility=-',
    `--pid-file=${other.folder}/pid`,
  ]
  await using dnsmasq = other.spawn(['dnsmasq', ...options])
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
