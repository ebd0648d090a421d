import { expect, test } from 'vitest'
import { Capture } from './capture.ts'
import type { Host } from './host.ts'
import { NdpLan, networkText, plug, siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const site = siteText.replace('::/80', '') // fc9c:56c2:e389:e92c:eee5
const remote = 'fc9c:56c2:e312:3456:7890::42'
const routerMac = '02:00:00:00:00:01'

interface Entry {
  readonly dst: string
  readonly lladdr?: string
  readonly state: readonly string[]
  readonly router?: null
}

const neighbour = async (host: Host, address: string) =>
  (await host.ip<Entry>('-6', 'neigh', 'show', 'dev', 'eth0')).find(({ dst }) => dst === address)

/** A host as clients leave it: a /128 of the LAN, and what the kernel makes of the router's advertisement. */
async function address(host: Host, text: string): Promise<void> {
  await host.run('ip', 'address', 'add', `${text}/128`, 'dev', 'eth0', 'noprefixroute', 'nodad')
  await until(async () => (await host.routes(networkText)).length > 0, 'the route to the network')
}

test('C06 a stock host resolves what is elsewhere to the router, by multicast first and by unicast afterwards', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  await address(lan.host, `${site}:0:77:1`)
  await using capture = await Capture.start(lan.host, 'eth0', 'icmp6[icmp6type] = 135 or icmp6[icmp6type] = 136')

  await lan.host.ping(remote, { wait: 0.2 })
  expect(await neighbour(lan.host, remote)).toMatchObject({ lladdr: routerMac, state: ['REACHABLE'], router: null })
  const answer = await capture.sees(/neighbor advertisement/)
  expect(answer).toMatch(/Flags \[router, solicited, override\]/)
  expect(answer).toMatch(/fe80::ff:fe00:1 > /) // our link-local, not the target
  expect(answer).toMatch(new RegExp(`destination link-address option \\(2\\), length 8 \\(1\\): ${routerMac}`))
  expect(answer).toMatch(/hlim 255.*sum ok/)

  // Neighbour unreachability detection: the kernel asks the router's MAC, and the entry lives on.
  const { answered } = (await router.status()).responder
  await lan.host.run('ip', 'neigh', 'change', remote, 'dev', 'eth0', 'lladdr', routerMac, 'nud', 'probe')
  await expect.poll(async () => (await neighbour(lan.host, remote))?.state).toEqual(['REACHABLE'])
  expect((await router.status()).responder.answered).toBe(answered + 1)
  await capture.sees(new RegExp(`${routerMac}, ethertype IPv6.*who has ${remote}`)) // sent to us, not to a group
})

test('C05 C10 an address of this LAN is never answered for, whoever asks and however', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  await address(lan.host, `${site}:0:77:1`)
  const nobody = `${site}:0:77:99`
  await lan.host.ping(nobody, { count: 3, interval: 0.2, wait: 0.3 })
  expect((await neighbour(lan.host, nobody))?.lladdr).toBeUndefined()
  const { responder } = await router.status()
  expect(responder.answered).toBe(0)
  expect(responder.ignored).toBeGreaterThan(0)

  // A neighbour that is there is reached directly.
  const other = await lan.lab.host('other')
  await plug(lan.lan, other, 'eth0', '02:00:00:00:00:0c')
  await address(other, `${site}:0:77:2`)
  expect((await lan.host.ping(`${site}:0:77:2`)).received).toBe(1)
  expect(await neighbour(lan.host, `${site}:0:77:2`)).toMatchObject({ lladdr: '02:00:00:00:00:0c' })
})

test('C06 a host that claims an address from elsewhere finds a duplicate, one of this LAN it may have', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  await until(async () => (await lan.host.routes(networkText)).length > 0, 'the route to the network')
  await using capture = await Capture.start(lan.host, 'eth0', 'icmp6[icmp6type] = 136')
  const claims = {
    here: `${site}:0:77:1`,
    elsewhere: remote,
    furtherLan: `${site}:8100:0:7`,
    nobodys: `${site}:ffff:0:7`,
  }
  for (const text of Object.values(claims)) await lan.host.run('ip', 'address', 'add', `${text}/128`, 'dev', 'eth0')
  const outcome = async (text: string) => {
    const found = (await lan.host.addresses('eth0')).find(({ local }) => local === text)
    if (!found) throw new Error(`the host has no ${text}`)
    return found.dadfailed ? 'duplicate' : found.tentative ? undefined : 'usable'
  }
  for (const [text, wanted] of [
    [claims.here, 'usable'],
    [claims.elsewhere, 'duplicate'],
    [claims.furtherLan, 'duplicate'],
    [claims.nobodys, 'duplicate'],
  ] as const)
    expect(await until(() => outcome(text), `the end of the probes for ${text}`), text).toBe(wanted)
  expect((await router.status()).responder.defended).toBe(3)
  const answer = await capture.sees(new RegExp(`tgt is ${remote}`))
  expect(answer).toMatch(/Flags \[router, override\]/)
  expect(answer).toMatch(/33:33:00:00:00:01.*fe80::ff:fe00:1 > ff02::1:/)
})

test('a further LAN: what is on the first LAN and in other /88s is answered for, its own /88 is not', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start({ subnet: 1 })
  await address(lan.host, `${site}:8100:77:1`)
  const elsewhere = [`${site}::1`, `${site}:0:77:1`, `${site}:8000:1:1`, remote]
  for (const text of elsewhere) await lan.host.ping(text, { wait: 0.2 })
  for (const text of elsewhere) expect(await neighbour(lan.host, text), text).toMatchObject({ lladdr: routerMac })
  expect((await router.status()).responder.answered).toBe(elsewhere.length)
  await lan.host.ping(`${site}:8100:77:2`, { wait: 0.2 })
  expect((await neighbour(lan.host, `${site}:8100:77:2`))?.lladdr).toBeUndefined()
})

/** Solicits for `count` addresses of other sites as fast as the answers come, and prints how many were answered. */
const scanner = (count: number) => `
import { readFileSync } from 'node:fs'
import { bytesOf, parseIp6, solicitedNode } from './appliance/base/ip6.ts'
import { openPacket } from './appliance/system/packet.ts'
import { icmp6Frame } from './test/unit/ndp/frame.ts'
const link = { name: 'eth0', index: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')) }
const endpoint = openPacket({ link, etherType: 0x86dd, receiveBuffer: 8 << 20 })
const mac = '02:00:00:00:00:0b'
const source = parseIp6('fe80::ff:fe00:b')
const first = parseIp6('fc9c:56c2:e312:3456:7890::')
const frameOf = n => {
  const target = first + (BigInt(n) << 16n) + 7n
  const message = { kind: 'neighbour-solicitation', target, options: [{ kind: 'source-link-layer-address', mac }] }
  return { frame: icmp6Frame(message, { from: mac, source, destination: solicitedNode(target) }) }
}
let answered = 0
let sent = 0
const window = 128
const more = () => {
  const batch = []
  for (; sent < ${count} && sent < answered + window; sent++) batch.push(frameOf(sent))
  endpoint.send(batch)
}
const began = performance.now()
endpoint.listen(batch => {
  for (const { frame } of batch) if (frame[54] === 136 && frame[6 + 5] === 1) answered++
  if (answered === ${count}) {
    console.log(JSON.stringify({ answered, perSecond: Math.round(answered / (performance.now() - began) * 1000) }))
    endpoint.close()
  } else more()
}, error => { throw error })
more()
`

test('C13 a scan of 20,000 addresses is answered, and leaves nothing behind', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  const scan = async (count: number) =>
    JSON.parse(
      await lan.host.run(process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', scanner(count)),
    ) as { answered: number; perSecond: number }
  await scan(5_000) // the code is compiled, the heap has its size
  const before = await router.status()
  const { answered, perSecond } = await scan(20_000)
  const after = await router.status()
  expect(answered).toBe(20_000)
  expect(after.responder.answered - before.responder.answered).toBe(20_000)
  expect(after.memory - before.memory).toBeLessThan(24 << 20)
  expect((await lan.router.ip('-6', 'neigh', 'show', 'dev', 'lan0')).length).toBeLessThan(10)
  console.log(
    `a scan is answered at ${perSecond} solicitations a second; resident memory grew by ${(after.memory - before.memory) >> 10} KiB`,
  )
})

test('a host with dhcpcd, which reads advertisements itself, resolves the network to the router too', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  const { host } = lan
  const start = `mount -t tmpfs none /run && mount -t tmpfs none /var/lib/dhcpcd && : > /run/c &&
    exec dhcpcd -6 -B -f /run/c -C resolv.conf -C hostname eth0`
  await using client = host.spawn(['unshare', '-m', 'sh', '-c', start])
  const ra = async () => (await host.routes(networkText)).find(({ protocol }) => protocol === 'ra')
  await until(ra, `dhcpcd to take the network as on-link, of which it says ${client.output}`, 15_000)
  expect((await ra())?.gateway).toBeUndefined()
  await host.run('ip', 'address', 'add', `${site}:0:77:1/128`, 'dev', 'eth0', 'noprefixroute', 'nodad')
  await host.ping(remote, { wait: 0.2 })
  expect(await neighbour(host, remote)).toMatchObject({ lladdr: routerMac })
  expect((await router.status()).responder.answered).toBeGreaterThan(0)
})
