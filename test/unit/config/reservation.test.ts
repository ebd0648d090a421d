import { expect, test } from 'vitest'
import { formatIp6, formatPrefix } from '../../../appliance/base/ip6.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { problems } from './problems.ts'

/** The first LAN with these reservations, and a further one with those. */
const file = (first: string, second = '', overlay = '{network: "8056c2e21c000001"}') => `overlay: ${overlay}
lan:
  - interface: eth1
    delegate: {}
    reservations: [${first}]
  - interface: eth2
    subnet: 2
    reservations: [${second}]
`
const site = '{kind: static, network: "8056c2e21c000001", node: "89e92ceee5", interface: zt0}'

test('a reservation is text once, and numbers then', () => {
  const [found] = parseConfig(
    'f.yaml',
    file(
      '{duid: 0003000102000000AABB, iaid: 7, hostname: Printer, ipAddresses: ["::11", "fc9c:56c2:e389:e92c:eee5::12"],' +
        ' prefixes: ["::c000:1:0/112"], dns: {servers: ["fd00::53"]}, options: [{code: 59, data: "http://x/"}]}',
    ),
  ).lan[0]!.reservations
  expect(found).toMatchObject({ duid: '00:03:00:01:02:00:00:00:aa:bb', iaid: 7, hostname: 'printer' })
  expect(found!.ipAddresses.map(formatIp6)).toEqual(['::11', 'fc9c:56c2:e389:e92c:eee5::12'])
  expect(found!.prefixes.map(formatPrefix)).toEqual(['::c000:1:0/112'])
  expect(found!.options).toMatchObject([{ code: 59 }])
  expect(found!.dns.servers.map(formatIp6)).toEqual(['fd00::53'])
})

test('a MAC that YAML takes for a number in base sixty is read as it is written', () => {
  const [found] = parseConfig('f.yaml', file('{hwAddress: 02:00:00:00:00:11, ipAddresses: ["::7fff:ffff:ffff"]}'))
    .lan[0]!.reservations
  expect(found!.hwAddress).toBe('02:00:00:00:00:11')
})

test.for([
  ['{ipAddresses: ["::11"]}', 'duid: is missing: a reservation needs a duid, a hwAddress or a hostname'],
  [
    '{duid: "00:03:00", hwAddress: "02:00:00:00:00:11"}',
    'hwAddress: is one way too many to know the host by: there is a duid already',
  ],
  ['{hostname: pc, iaid: 1}', 'iaid: needs a duid beside it'],
  ['{duid: "00:0"}', 'duid: 00:0 is not a DUID: pairs of hex digits'],
  ['{hwAddress: "02:00:00:00:00"}', 'hwAddress: 02:00:00:00:00 is not a MAC address'],
  [
    '{hostname: pc, ipAddresses: ["::1"]}',
    'ipAddresses[0]: is not for a host of this LAN: its last bits must be ::2 to ::7fff:ffff:ffff',
  ],
  [
    '{hostname: pc, ipAddresses: ["::8000:0:5"]}',
    'ipAddresses[0]: is not for a host of this LAN: its last bits must be ::2 to ::7fff:ffff:ffff',
  ],
  [
    '{hostname: pc, ipAddresses: ["fd00::5"]}',
    'ipAddresses[0]: is not for a host of this LAN: its last bits must be ::2 to ::7fff:ffff:ffff',
  ],
  [
    '{hostname: pc, ipAddresses: ["::5", "::5"]}',
    'ipAddresses[1]: is reserved already by lan[0].reservations[0].ipAddresses[0]',
  ],
  ['{hostname: pc, prefixes: ["::8000:0:0/96"]}', 'prefixes[0]: is not of ::c000:0:0/82 of this site'],
  ['{hostname: pc, prefixes: ["fc9c:56c2:e389::/64"]}', 'prefixes[0]: is not of ::c000:0:0/82 of this site'],
  ['{hostname: pc, prefixes: ["::c000:1:0/100"]}', 'prefixes[0]: ::c000:1:0/100 has bits set after its first 100'],
  [
    '{hostname: pc, prefixes: ["::c000:0:0/96", "::c000:1:0/112"]}',
    'prefixes[1]: overlaps what is reserved by lan[0].reservations[0].prefixes[0]',
  ],
  [
    '{hostname: pc, options: [{name: bootfile-url, data: a}, {code: 59, data: b}]}',
    'options[1]: option 59 is given by options[0] already',
  ],
  [
    '{hostname: pc, ntp: {servers: ["fd00::1"]}, options: [{name: ntp-server, data: "fd00::2"}]}',
    'options[0]: option 56 is given by ntp.servers already',
  ],
  ['{hostname: pc, ipAdresses: ["::5"]}', 'ipAdresses: unknown key; did you mean ipAddresses?'],
] as const)('%s is refused with its place', ([given, problem]) => {
  const all = problems(file(given))
  expect(all.length).toBe(1)
  expect(all[0]).toMatch(/^f\.yaml:5:\d+: lan\[0\]\.reservations\[0\]\./)
  expect(all[0]!.replace(/^f\.yaml:5:\d+: lan\[0\]\.reservations\[0\]\./, '')).toBe(problem)
})

test('nothing is reserved twice: hosts and addresses in a LAN, names and prefixes of the site', () => {
  expect(
    problems(
      file(
        '{hwAddress: "02:00:00:00:00:11", ipAddresses: ["::11"]}, {hwAddress: "02:00:00:00:00:11"},' +
          ' {duid: "00:03:00", iaid: 1, hostname: pc}, {duid: "00:03:00", iaid: 2, ipAddresses: ["fc9c:56c2:e389:e92c:eee5::11"]}',
        '{duid: "00:03:00", hostname: pc, ipAddresses: ["::11"]}',
      ),
    ).map(line => line.replace(/^f\.yaml:\d+:\d+: /, '')),
  ).toEqual([
    'lan[0].reservations[1].hwAddress: is reserved already by lan[0].reservations[0].hwAddress',
    'lan[0].reservations[3].ipAddresses[0]: is reserved already by lan[0].reservations[0].ipAddresses[0]',
    'lan[1].reservations[0].hostname: is reserved already by lan[0].reservations[2].hostname',
  ])
})

test('a whole address must be of this network, and of this site where the file says which that is; of its LAN always', () => {
  const reserved = (address: string) => `{hostname: pc, ipAddresses: ["${address}"]}`
  expect(problems(file(reserved('fc9c:56c2:e311:2222:3333::5'))).length).toBe(0) // ZeroTier will say which site we are
  expect(problems(file(reserved('fc9c:56c2:e311:2222:3333::5'), '', site)).length).toBe(1)
  expect(problems(file('', reserved('fc9c:56c2:e389:e92c:eee5:8200:0:5'), site)).length).toBe(0)
  expect(problems(file('', reserved('fc9c:56c2:e389:e92c:eee5:8300:0:5'), site)).length).toBe(1)
  expect(problems(file('', reserved('::ff:ffff:ffff'), site)).length).toBe(0)
  expect(problems(file('', reserved('::100:0:0'), site)).length).toBe(1)
})

test('a reserved prefix needs a LAN that delegates', () => {
  expect(problems(file('', '{hostname: pc, prefixes: ["::c000:0:0/96"]}'))).toEqual([
    'f.yaml:8:46: lan[1].reservations[0].prefixes[0]: needs delegate on this LAN, which delegates no prefixes',
  ])
})

test('of a LAN in several overlays a reservation may be written as its address in any, or in each', () => {
  const text = (addresses: string) => `overlays:
  - {name: office, kind: static, network: "8056c2e21c000001", node: 89e92ceee5, interface: zt0}
  - {name: plant, kind: static, network: "610252ad3bc0ffee", node: 89e92ceee5, interface: zt1}
  - {name: home, network: "610252ad3bc0ffef"}
lan:
  - interface: eth1
    overlays: [office, plant]
    reservations: [{hostname: a, ipAddresses: [${addresses}]}, {hostname: b, ipAddresses: ["::12"]}]
`
  const [office, plant, home] = ['fc9c:56c2:e389:e92c:eee5', 'fc5a:c2ad:4389:e92c:eee5', 'fc5a:c2ad:4289:e92c:eee5']
  for (const addresses of [`"${office}::11"`, `"${plant}::11"`, `"${office}::11", "${plant}::11"`])
    expect(parseConfig('f.yaml', text(addresses)).lan[0]!.reservations).toHaveLength(2)
  expect(problems(text(`"${home}::11"`))[0]).toContain('ipAddresses[0]: is not for a host of this LAN')
  expect(problems(text(`"${office}::11", "${plant}::12"`))[0]).toContain(
    'is reserved already by lan[0].reservations[0]',
  )
})
