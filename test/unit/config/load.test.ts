import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from '../../../appliance/base/errors.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { loadConfig, parseConfig } from '../../../appliance/config/load.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const least = `overlay:
  network: "8056c2e21c000001"
lan:
  - interface: eth1
`

/** The problems of a file, line by line; none for a good one. */
function problems(text: string): string[] {
  try {
    parseConfig('f.yaml', text)
    return []
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    return (error as ConfigError).message.split('\n')
  }
}

/** The LAN of a file whose LAN has these keys besides. */
const lan = (keys: string) => `overlay: {network: "8056c2e21c000001"}\nlan:\n  - interface: eth1\n${keys}`

describe('a good file', () => {
  test('of four lines has a default for everything else', () => {
    expect(parseConfig('f.yaml', least)).toEqual({
      overlay: { kind: 'zerotier', network: 0x8056c2e21c000001n, home: '/var/lib/zerotier-one' },
      lan: [
        {
          interface: 'eth1',
          advertise: {
            networkOnLink: true,
            interval: { min: 200, max: 600 },
            lifetimes: { network: 1800, lan: 86_400 },
          },
          dhcpv6: { preference: 255, lifetimes: { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 } },
          dns: { servers: [], search: [] },
        },
      ],
      fastPath: 'auto',
      http: { listen: { host: '127.0.0.1', port: 8680 }, socket: '/run/siteplane/api.sock' },
      stateDirectory: '/var/lib/siteplane',
      log: { level: 'info' },
    })
  })

  test('says text once, and the program has numbers', () => {
    const config = parseConfig(
      'f.yaml',
      `overlay: {kind: static, network: 8056C2E21C000001, node: 89e92ceee5, interface: zt0}
lan:
  - interface: eth1
    dns:
      servers: [fd00::53, "::1"]
      search: [Home.Example., lan]
  - {interface: eth2, subnet: 0}
http: {listen: "[fd00::1]:80"}
`,
    )
    expect(config.overlay).toEqual({
      kind: 'static',
      network: parseNetworkId('8056c2e21c000001'),
      node: parseNodeAddress('89e92ceee5'),
      interface: 'zt0',
    })
    expect(config.lan.map(({ subnet }) => subnet)).toEqual([undefined, 0])
    expect(config.lan[0]!.dns).toEqual({ servers: [parseIp6('fd00::53'), 1n], search: ['home.example', 'lan'] })
    expect(config.http.listen).toEqual({ host: 'fd00::1', port: 80 })
  })

  test('may leave a mapping empty, as one whose lines are all commented out', () => {
    expect(parseConfig('f.yaml', `${least}    dns:\n    dhcpv6:\n      lifetimes:\nlog:\n`)).toEqual(
      parseConfig('f.yaml', least),
    )
  })

  test('may use an anchor for what LANs have in common', () => {
    const config = parseConfig(
      'f.yaml',
      `overlay: {network: "8056c2e21c000001"}
lan:
  - interface: eth1
    dns: &dns {servers: [fd00::53]}
  - interface: eth2
    subnet: 1
    dns: *dns
`,
    )
    expect(config.lan[1]!.dns).toEqual(config.lan[0]!.dns)
  })

  test.for([
    { keys: '      interval: {max: 30}', interval: { min: 10, max: 30 } },
    { keys: '      interval: {max: 4}', interval: { min: 4, max: 4 } },
    { keys: '      interval: {max: 1800, min: 3}', interval: { min: 3, max: 1800 } },
  ])('A05 $keys means $interval', ({ keys, interval }) => {
    expect(parseConfig('f.yaml', lan(`    advertise:\n${keys}`)).lan[0]!.advertise.interval).toEqual(interval)
  })

  test.for([
    { given: 'preferred: 100', times: { preferred: 100, valid: 86_400, t1: 50, t2: 80 } },
    { given: 'preferred: 30, valid: 30', times: { preferred: 30, valid: 30, t1: 20, t2: 30 } },
    { given: 't1: 3000', times: { preferred: 3600, valid: 86_400, t1: 3000, t2: 3000 } },
    { given: 't2: 40', times: { preferred: 3600, valid: 86_400, t1: 40, t2: 40 } },
    {
      given: 'preferred: 4294967295, valid: 4294967295',
      times: { preferred: 0xffffffff, valid: 0xffffffff, t1: 0xffffffff, t2: 0xffffffff },
    },
  ])('F19 lease times {$given} are $times', ({ given, times }) => {
    expect(parseConfig('f.yaml', lan(`    dhcpv6: {lifetimes: {${given}}}`)).lan[0]!.dhcpv6.lifetimes).toEqual(times)
  })
})

describe('ids are read as they are written', () => {
  test.for([
    ['1e10000000000000', 'infinity to YAML'],
    ['0000000000000012', 'twelve to YAML'],
    ['8056000000000001', 'more than a double holds'],
    ['"8056c2e21c000001"', 'quoted'],
    ['8056C2E21C000001', 'upper case'],
  ])('%s (%s)', ([written]) => {
    const { overlay } = parseConfig('f.yaml', `overlay:\n  network: ${written}\nlan: [{interface: eth1}]\n`)
    expect(overlay.network).toBe(BigInt(`0x${written!.replaceAll('"', '')}`))
  })

  test.for(['1234567890', '0000000012', '1e12345678', '"89e92ceee5"'])('node %s', written => {
    const text = `overlay: {kind: static, network: 1e10000000000000, node: ${written}, interface: 100}\nlan: [{interface: eth1}]`
    const { overlay } = parseConfig('f.yaml', text)
    expect(overlay).toMatchObject({ node: BigInt(`0x${written.replaceAll('"', '')}`), interface: '100' })
  })

  test.for([
    ['0x8056c2e21c0001', '0x8056c2e21c0001 is not the 16 hex digits of a ZeroTier network id'],
    ['8056c2e21c', '8056c2e21c is not the 16 hex digits of a ZeroTier network id'],
    ['', 'has no value'],
    ['[]', 'must be text, not a list'],
  ])('"%s": %s', ([written, complaint]) => {
    const [line] = problems(`overlay:\n  network: ${written}\nlan: [{interface: eth1}]\n`)
    expect(line).toMatch(/^f\.yaml:2:\d+: overlay\.network: /)
    expect(line!.endsWith(complaint!)).toBe(true)
  })
})

describe('a bad file', () => {
  test('has every problem told at once, each with its place', () => {
    const file = `overlay:
  network: 8056c2e21c
lan:
  - interfaec: eth1
    subnet: 64
    dhcpv6:
      lifetimes: {preferred: 90000, t1: 5}
log: {level: loud}
log: {level: info}
htp: {}
`
    expect(problems(file)).toEqual([
      'f.yaml:2:12: overlay.network: 8056c2e21c is not the 16 hex digits of a ZeroTier network id',
      'f.yaml:4:5: lan[0].interfaec: unknown key; did you mean interface?',
      'f.yaml:5:13: lan[0].subnet: must be at most 63',
      'f.yaml:7:30: lan[0].dhcpv6.lifetimes.preferred: must not be longer than valid (86400)',
      'f.yaml:7:41: lan[0].dhcpv6.lifetimes.t1: must be at least 20 seconds: clients are late',
      'f.yaml:8:14: log.level: must be debug, info, warn or error, not "loud"',
      'f.yaml:9:1: log: is given twice (first in line 8)',
      'f.yaml:10:1: htp: unknown key; did you mean http?',
    ])
  })

  test('with an error of syntax is judged up to there, and nothing is called missing', () => {
    expect(problems('overlay:\n  network: 1\nlan:\n\t- interface: eth1\n')).toEqual([
      'f.yaml:2:12: overlay.network: 1 is not the 16 hex digits of a ZeroTier network id',
      'f.yaml:4:1: Tabs are not allowed as indentation',
    ])
  })

  test.for([
    ['', ['f.yaml:1:1: overlay: is missing (the file is empty)', 'f.yaml:1:1: lan: is missing (the file is empty)']],
    ['- a', ['f.yaml:1:1: must be a mapping of keys to values, not a list']],
    ['eth1', ['f.yaml:1:1: must be a mapping of keys to values, not "eth1"']],
  ] as const)('"%s"', ([text, expected]) => {
    expect(problems(text)).toEqual(expected)
  })

  test('an alias inside what it names, and aliases of aliases, are refused like anything else', () => {
    expect(problems('overlay: &a {network: *a}\nlan: [{interface: eth1}]').length).toBeGreaterThan(0)
    const bomb = Array.from({ length: 12 }, (_, i) => `x${i}: &x${i} [${`*x${i - 1},`.repeat(9)}]`).slice(1)
    expect(problems(`x0: &x0 [1]\n${bomb.join('\n')}`).length).toBeGreaterThan(0)
  })

  test('whatever it holds, it is a ConfigError with a place in every line, or a Config', () => {
    const words = fc.constantFrom(
      ...[
        'overlay:',
        'network:',
        'lan:',
        '- interface:',
        'eth1',
        ' ',
        '  ',
        '\n',
        '\n  ',
        '\n    ',
        ': ',
        '- ',
        '{',
        '}',
        '[',
      ],
      ...[
        ']',
        '&a',
        '*a',
        '!!x',
        '1e5',
        '"',
        '|',
        '%',
        '---',
        '#',
        'subnet: 1',
        'dhcpv6:',
        'lifetimes:',
        't1: 1',
        '<<: ',
      ],
    )
    fc.assert(
      fc.property(fc.array(words, { maxLength: 30 }), parts => {
        for (const line of problems(parts.join(''))) expect(line).toMatch(/^f\.yaml:\d+:\d+: /)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('rules between keys', () => {
  test.for([
    {
      name: 'two LANs of one interface',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth1, subnet: 1}]',
      line: 'f.yaml:2:38: lan[1].interface: eth1 is the interface of lan[0] already',
    },
    {
      name: 'two LANs without subnet',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}, {interface: eth2}]',
      line: 'f.yaml:2:26: lan[1]: needs a subnet (0 to 63): only one LAN may be without, and lan[0] is',
    },
    {
      name: 'two LANs of one subnet',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1, subnet: 3}, {interface: eth2, subnet: 3}]',
      line: 'f.yaml:2:63: lan[1].subnet: 3 is the subnet of lan[0] already',
    },
    {
      name: 'no LAN',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: []',
      line: 'f.yaml:2:6: lan: needs at least 1 of them',
    },
    {
      name: 'static without its node',
      text: 'overlay: {kind: static, network: 8056c2e21c000001, interface: zt0}\nlan: [{interface: eth1}]',
      line: 'f.yaml:1:1: overlay.node: is missing: a static overlay needs its node address',
    },
    {
      name: 'ZeroTier told its node',
      text: 'overlay: {network: 8056c2e21c000001, node: 89e92ceee5}\nlan: [{interface: eth1}]',
      line: 'f.yaml:1:44: overlay.node: is for kind: static; ZeroTier says its node itself',
    },
    {
      name: 'the overlay on a LAN',
      text: 'overlay: {kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: eth1}\nlan: [{interface: eth1}]',
      line: 'f.yaml:2:19: lan[0].interface: eth1 is the interface of the overlay already',
    },
    {
      name: 'A04 an interval too long',
      text: lan('    advertise: {interval: {max: 70000}, lifetimes: {network: 80000}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.max: must be at most 65535',
    },
    {
      name: 'A04 an interval too short',
      text: lan('    advertise: {interval: {max: 3}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.max: must be at least 4',
    },
    {
      name: 'A05 min above three quarters of max',
      text: lan('    advertise: {interval: {min: 76, max: 100}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.min: must be at most 75, three quarters of max',
    },
    {
      name: 'A05 min below 3 s',
      text: lan('    advertise: {interval: {min: 2}}'),
      line: 'f.yaml:4:33: lan[0].advertise.interval.min: must be at least 3',
    },
    {
      name: 'a route forgotten between two advertisements',
      text: lan('    advertise: {lifetimes: {network: 599}}'),
      line: 'f.yaml:4:38: lan[0].advertise.lifetimes.network: must be at least interval.max (600), or hosts forget it in between',
    },
    {
      name: 'A29 an MTU below the least of IPv6',
      text: lan('    advertise: {mtu: 1279}'),
      line: 'f.yaml:4:22: lan[0].advertise.mtu: must be at least 1280',
    },
    {
      name: 'F20 T1 after T2',
      text: lan('    dhcpv6: {lifetimes: {t1: 500, t2: 400}}'),
      line: 'f.yaml:4:30: lan[0].dhcpv6.lifetimes.t1: must not be longer than t2 (400)',
    },
    {
      name: 'T2 below its floor',
      text: lan('    dhcpv6: {lifetimes: {t1: 20, t2: 29}}'),
      line: 'f.yaml:4:38: lan[0].dhcpv6.lifetimes.t2: must be at least 30 seconds: clients are late',
    },
    {
      name: 'preferred below the floor of T2',
      text: lan('    dhcpv6: {lifetimes: {preferred: 29}}'),
      line: 'f.yaml:4:37: lan[0].dhcpv6.lifetimes.preferred: must be at least 30 seconds: clients are late',
    },
    {
      name: 'a server that is a group',
      text: lan('    dns: {servers: ["ff02::1"]}'),
      line: `f.yaml:4:21: lan[0].dns.servers[0]: ff02::1 can't be the address of a server`,
    },
    {
      name: 'a server of the other family',
      text: lan('    dns: {servers: [192.0.2.1]}'),
      line: 'f.yaml:4:21: lan[0].dns.servers[0]: 192.0.2.1 is not an IPv6 address',
    },
    {
      name: 'a domain with a blank',
      text: lan('    dns: {search: ["my home"]}'),
      line: 'f.yaml:4:20: lan[0].dns.search[0]: must be a domain name: labels of 1 to 63 letters, digits and hyphens with dots between them',
    },
    {
      name: 'an interface name of 16 characters',
      text: 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: abcdefghijklmnop}]',
      line: 'f.yaml:2:19: lan[0].interface: must be an interface name: 1 to 15 characters, no slash, colon or space',
    },
    {
      name: 'a fraction of a second',
      text: lan('    dhcpv6: {lifetimes: {valid: 4000.5}}'),
      line: 'f.yaml:4:33: lan[0].dhcpv6.lifetimes.valid: must be a whole number, not 4000.5',
    },
    {
      name: 'a relative path',
      text: `${least}stateDirectory: lib`,
      line: 'f.yaml:5:17: stateDirectory: must be a path that starts with /',
    },
    {
      name: 'a socket path that the kernel has no room for',
      text: `${least}http: {socket: /${'x'.repeat(107)}}`,
      line: 'f.yaml:5:16: http.socket: must be at most 107 characters long',
    },
  ])('$name', ({ text, line }) => {
    expect(problems(text)).toEqual([line])
  })

  test.for([
    '127.0.0.1',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:80',
    '300.0.0.1:80',
    'example.org:80',
    '"[zz]:1"',
    'false',
  ])('http.listen %s is refused', written => {
    expect(problems(`${least}http:\n  listen: ${written}\n`)).toEqual([
      `f.yaml:6:11: http.listen: must be address:port, [IPv6 address]:port or off, not ${written.replaceAll('"', '')}`,
    ])
  })

  test('http.listen with brackets and no quotes is a list to YAML, and the problem says what to do', () => {
    expect(problems(`${least}http:\n  listen: [::1]:80\n`)[0]).toBe(
      'f.yaml:6:11: http.listen: must stand in quotes, since [ begins a list',
    )
  })

  test.for([
    ['off', 'off'],
    ['localhost:80', { host: 'localhost', port: 80 }],
    ['"[::1]:8680"', { host: '::1', port: 8680 }],
    ['10.0.0.1:443', { host: '10.0.0.1', port: 443 }],
  ] as const)('http.listen %s', ([written, listen]) => {
    expect(parseConfig('f.yaml', `${least}http:\n  listen: ${written}\n`).http.listen).toEqual(listen)
  })
})

describe('a file that can not be read', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'siteplane-config-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('because it is not there', () => {
    const file = join(folder, 'siteplane.yaml')
    expect(() => loadConfig(file)).toThrow(
      new ConfigError(
        `${file}: no such file; write one that names the overlay's network and the LAN's interface, or give --config`,
      ),
    )
  })

  test('because it is a directory', () => {
    expect(() => loadConfig(folder)).toThrow(new ConfigError(`${folder}: is a directory, not a file`))
  })

  test('and one that can', () => {
    const file = join(folder, 'siteplane.yaml')
    writeFileSync(file, least)
    chmodSync(file, 0o400)
    expect(loadConfig(file)).toEqual(parseConfig('f.yaml', least))
  })
})
