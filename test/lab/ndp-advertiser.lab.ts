import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Capture } from './capture.ts'
import { NdpLan, networkText, plug, siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const routerLinkLocal = 'fe80::ff:fe00:1'

test('A24 a host as Linux ships it holds the LAN and the network to be on-link, until the router stops', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  const onLink = async () => (await lan.host.routes('dev', 'eth0', 'proto', 'kernel')).map(({ dst }) => dst)
  await until(async () => (await onLink()).includes(networkText), 'the route to the network')
  expect(await onLink()).toEqual(expect.arrayContaining([siteText, networkText]))
  expect((await lan.host.routes('default')).length).toBe(0) // A06
  expect(await lan.host.globalAddress('eth0')).toBeUndefined() // A25: addresses come from DHCPv6

  expect(await router.stop()).toBeLessThan(2_000)
  await until(async () => !(await onLink()).includes(networkText), 'the route to the network to go', 2_000) // A16
  expect(await onLink()).toContain(siteText)
})

test('A43 a host that reads route information goes by the two longer routes; a hand-over leaves everything', async () => {
  await using lan = await NdpLan.create()
  await lan.host.run('sysctl', '-qw', 'net.ipv6.conf.eth0.accept_ra_rt_info_max_plen=64')
  await using router = await lan.start()
  const learned = async () =>
    (await lan.host.routes('dev', 'eth0', 'proto', 'ra')).map(({ dst, gateway }) => `${dst} via ${gateway}`).toSorted()
  const both = ['fc9c:56c2:e300::/41', 'fc9c:56c2:e380::/41'].map(dst => `${dst} via ${routerLinkLocal}`)
  await expect.poll(learned).toEqual(both)

  await using capture = await Capture.start(lan.host, 'eth0', 'icmp6[icmp6type] = 134')
  await router.stop('SIGUSR2')
  await using again = await lan.start() // the next word the host hears is the successor's
  await capture.sees(/route info .* lifetime=1800s/)
  expect(capture.packets.filter(line => /lifetime=0s/.test(line))).toEqual([]) // A17
  expect(await learned()).toEqual(both)

  expect(await again.stop()).toBeLessThan(2_000)
  await expect.poll(learned, { timeout: 2_000 }).toEqual([])
  const last = capture.packets.filter(line => /route info .* lifetime=0s/.test(line))
  expect(last.length).toBe(2) // A16: the final one, and its repetition
})

test('A01 A11 A21 rdisc6 prints what we say, and has it within half a second', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  await until(async () => (await router.status()).advertiser.multicastSent >= 1, 'the first advertisement')
  await using capture = await Capture.start(lan.host, 'eth0', 'icmp6[icmp6type] = 134 or icmp6[icmp6type] = 133')
  const began = performance.now()
  const printed = await lan.host.run('rdisc6', '-1', '-n', '-q', 'eth0')
  const whole = await lan.host.run('rdisc6', '-1', '-n', 'eth0')
  expect(performance.now() - began).toBeLessThan(2 * 500 + 500) // twice, with the time it takes to start
  expect(printed.split('\n').map(line => line.trim())).toContain(siteText)
  const said = whole.replace(/[ \t]+/g, ' ')
  for (const line of [
    'Stateful address conf. : Yes',
    'Stateful other conf. : Yes',
    'Router lifetime : 0 (0x00000000) seconds',
    'Hop limit : undefined ( 0x00)',
    'Reachable time : unspecified (0x00000000)',
    `Prefix : ${siteText}`,
    `Prefix : ${networkText}`,
    'On-link : Yes',
    'Autonomous address conf.: No',
    'Route : fc9c:56c2:e300::/41',
    'Route : fc9c:56c2:e380::/41',
    'Route preference : medium',
    'Source link-layer address: 02:00:00:00:00:01',
    `from ${routerLinkLocal}`,
  ])
    expect(said).toContain(line)
  const answers = capture.packets.filter(line => /router advertisement/.test(line))
  for (const line of answers) {
    expect(line).toMatch(/hlim 255/)
    expect(line).toMatch(new RegExp(`${routerLinkLocal} > fe80::`)) // A12: to the solicitor alone
    expect(line).toMatch(/sum ok/)
  }
  expect(answers.length).toBe(2)
})

const prober = (body: string) => `
import { readFileSync } from 'node:fs'
import { parseIp6, unspecified } from './appliance/base/ip6.ts'
import { fromHex } from './appliance/base/bytes.ts'
import { openPacket } from './appliance/system/packet.ts'
import { icmp6Frame } from './test/unit/ndp/frame.ts'
const link = { name: 'eth0', index: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')) }
const endpoint = openPacket({ link, etherType: 0x86dd })
const from = '02:00:00:00:00:0b'
const source = parseIp6('fe80::ff:fe00:b')
const destination = parseIp6('ff02::2')
const bare = fromHex('85000000 00000000')
const withLink = fromHex('85000000 00000000 0101 02000000000b')
const failures = endpoint.send([${body}].map(frame => ({ frame })))
console.log(JSON.stringify(failures))
endpoint.close()
`
const runProgram = (lan: NdpLan, source: string) =>
  lan.host.run(process.execPath, '--no-warnings', '--input-type=module-typescript', '-e', source)

test('B01 B02 invalid solicitations get no answer and valid ones do', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  const started = await until(async () => {
    const { advertiser } = await router.status()
    return advertiser.multicastSent > 0 ? advertiser : undefined
  }, 'the first advertisement')
  await runProgram(
    lan,
    prober(`
      icmp6Frame(withLink, { from, source, destination, hopLimit: 254 }),
      icmp6Frame(withLink, { from, source, destination, damaged: true }),
      icmp6Frame(withLink, { from, source: unspecified, destination }),
      icmp6Frame(fromHex('85010000 00000000'), { from, source, destination }),
      icmp6Frame(fromHex('85000000 00000000 0100'), { from, source, destination }),
      icmp6Frame(fromHex('85000000 0000'), { from, source, destination }),
    `),
  )
  await expect.poll(async () => (await router.status()).advertiser.invalid - started.invalid).toBe(5)
  const { advertiser } = await router.status()
  expect({ ...advertiser, invalid: 0 }).toEqual({ ...started, invalid: 0 }) // nor did the damaged one get anywhere

  await using capture = await Capture.start(lan.host, 'eth0', 'icmp6[icmp6type] = 134')
  await runProgram(lan, prober('icmp6Frame(bare, { from, source, destination })'))
  await capture.sees(new RegExp(`${routerLinkLocal} > fe80::ff:fe00:b`))
  expect((await router.status()).advertiser.solicitations).toBe(started.solicitations + 1)
  expect(capture.packets.length).toBe(1)
})

test('A20 a radvd that contradicts us is named with what it says, and logged once', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  const rogue = await lan.lab.host('rogue')
  await plug(lan.lan, rogue, 'eth0', '02:00:00:00:00:66')
  const path = join(rogue.folder, 'radvd.conf')
  writeFileSync(
    path,
    `interface eth0 {
      AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvDefaultLifetime 1800;
      prefix ${siteText} { AdvAutonomous on; };
      route fc9c:56c2:e300::/48 { AdvRoutePreference high; };
    };\n`,
  )
  await rogue.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  await using _ = rogue.spawn(['radvd', '-n', '-m', 'stderr', '-C', path, '-p', join(rogue.folder, 'radvd.pid')])
  const other = await until(async () => (await router.status()).otherRouters[0], 'the other router', 15_000)
  expect(other).toMatchObject({
    linkLocal: 'fe80::ff:fe00:66',
    mac: '02:00:00:00:00:66',
    managed: false,
    routerLifetime: 1800,
    differences: ['it says managed false, we say true', 'it says other false, we say true'],
    contradictions: [
      `it lets hosts make their own addresses in ${siteText}, we don't`,
      `it says preferredLifetime 14400 for ${siteText}, we say 86400`,
      'it advertises a route of high preference to fc9c:56c2:e300::/48',
    ],
  })
  await until(async () => (await router.status()).advertiser.contradicting >= 2, 'a second contradiction', 15_000)
  expect(router.program.lines.filter(line => line.includes('another router contradicts'))).toHaveLength(1)
})

test('C22 a switch that snoops passes solicitations on only because we say that we want them all', async () => {
  await using lan = await NdpLan.create()
  // The querier needs an address of its own; pruning begins a while after its first query.
  const switches = lan.lab.hosts.find(({ name }) => name === 'switches')!
  await switches.run('sysctl', '-qw', 'net.ipv6.conf.lan.disable_ipv6=0', 'net.ipv6.conf.lan.accept_dad=0')
  await switches.run('ip', 'address', 'add', 'fe80::5/64', 'dev', 'lan', 'nodad')
  await lan.lan.set('mcast_query_response_interval', '10', 'mcast_startup_query_interval', '10')
  await lan.lan.set('mcast_snooping', '1', 'mcast_querier', '1', 'mcast_mld_version', '2')
  await using router = await lan.start({ networkOnLink: false }) // so that nothing is said to the switch
  await lan.host.run('ip', 'address', 'add', `${siteText.replace('/80', '')}77/128`, 'dev', 'eth0', 'nodad')
  await lan.host.run('ip', 'route', 'add', networkText, 'dev', 'eth0')
  const solicited = async () => {
    const { answered } = (await router.status()).responder
    await lan.host.ping(`fc9c:56c2:e3aa::${Math.floor(Math.random() * 0xffff).toString(16)}`, { wait: 0.2 })
    return (await router.status()).responder.answered - answered
  }
  // As long as the switch floods, we hear them; then it prunes.
  await until(async () => (await solicited()) === 0, 'the switch to keep solicitations from us', 15_000)
  expect(await solicited()).toBe(0)

  router.change({ networkOnLink: true })
  await until(async () => (await solicited()) > 0, 'a solicitation to arrive')
  expect(await solicited()).toBeGreaterThan(0)
})

/** Solicitations, advertisements and their like with octets changed at random, but with checksums that are right. */
const mutations = (count: number) =>
  prober(`...Array.from({ length: ${count} }, (_, n) => {
    const parts = [
      '85000000 00000000 0101 02000000000b',
      '86000000 40c00708 00000000 00000000 0304 40c0 00015180 00003840 00000000 20010db8000000000000000000000000 1802 2900 00000708 fc9c56c2e3000000',
      '87000000 00000000 fc9c56c2e31234567890000000000042 0101 02000000000b',
      '98000000',
    ]
    const bytes = fromHex(parts[n % parts.length])
    for (let i = 0; i < 3; i++) {
      const at = Math.floor(Math.random() * bytes.length)
      if (at > 0) bytes[at] = Math.floor(Math.random() * 256)
    }
    const who = parseIp6('fe80::' + (n % 200 + 256).toString(16))
    return icmp6Frame(bytes, { from, source: who, destination: parseIp6(n % 2 ? 'ff02::1' : 'ff02::2') })
  })`)

test('B01 a host that sends 20,000 damaged messages changes nothing for the others, and fills neither memory nor log', async () => {
  await using lan = await NdpLan.create()
  await using router = await lan.start()
  await runProgram(lan, mutations(10_000))
  const before = await router.status()
  await runProgram(lan, mutations(20_000))
  const after = await router.status()
  expect(after.advertiser.invalid).toBeGreaterThan(before.advertiser.invalid)
  expect(after.advertiser.bugs + after.responder.bugs).toBe(0)
  expect(after.memory - before.memory).toBeLessThan(24 << 20)
  expect(after.otherRouters.length).toBeLessThanOrEqual(16)
  // One line for each of the routers that it invented, at most, and none for anything else.
  expect(router.program.lines.filter(line => /"level":"(warn|error)"/.test(line)).length).toBeLessThanOrEqual(32)
  expect(await lan.host.run('rdisc6', '-1', '-q', 'eth0')).toContain(siteText)
})
