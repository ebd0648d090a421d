import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ConfigError } from '../../../appliance/base/errors.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { loadConfig, parseConfig } from '../../../appliance/config/load.ts'
import { advertiseOf } from '../../../appliance/config/schema.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { lan, least, problems, serverOf } from './problems.ts'

describe('a good file', () => {
  test('of four lines has a default for everything else', () => {
    expect(parseConfig('f.yaml', least)).toEqual({
      overlay: { kind: 'zerotier', network: 0x8056c2e21c000001n, home: '/var/lib/zerotier-one' },
      overlays: [{ kind: 'zerotier', network: 0x8056c2e21c000001n, home: '/var/lib/zerotier-one' }],
      lan: [
        {
          interface: 'eth1',
          networks: [0x8056c2e21c000001n],
          advertise: {
            networkOnLink: true,
            interval: { min: 200, max: 600 },
            lifetimes: { network: 1800, lan: 86_400 },
          },
          dhcpv6: {
            preference: 255,
            rapidCommit: true,
            probe: false,
            allowAddressRegistration: true,
            lifetimes: { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 },
            options: [],
            leasequery: { requesters: [] },
          },
          dns: { servers: [], search: [] },
          ntp: { servers: [] },
          reservations: [],
          slaac: false,
          reservedElsewhere: [],
        },
      ],
      fastPath: { mode: 'auto', turbo: false },
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
    expect(advertiseOf(parseConfig('f.yaml', lan(`    advertise:\n${keys}`)).lan[0]!).interval).toEqual(interval)
  })

  test.for([
    { given: 'preferred: 100', times: { preferred: 100, valid: 86_400, t1: 50, t2: 80 } },
    { given: 'preferred: 30, valid: 30', times: { preferred: 30, valid: 30, t1: 20, t2: 30 } },
    { given: 'preferred: 15', times: { preferred: 15, valid: 86_400, t1: 15, t2: 15 } },
    { given: 't1: 4, t2: 6', times: { preferred: 3600, valid: 86_400, t1: 4, t2: 6 } }, // a lab's
    { given: 't1: 3000', times: { preferred: 3600, valid: 86_400, t1: 3000, t2: 3000 } },
    { given: 't2: 40', times: { preferred: 3600, valid: 86_400, t1: 40, t2: 40 } },
    {
      given: 'preferred: 4294967295, valid: 4294967295',
      times: { preferred: 0xffffffff, valid: 0xffffffff, t1: 0xffffffff, t2: 0xffffffff },
    },
  ])('F19 lease times {$given} are $times', ({ given, times }) => {
    const config = parseConfig('f.yaml', lan(`    dhcpv6: {lifetimes: {${given}}}`))
    expect(serverOf(config).lifetimes).toEqual(times)
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
      lifetimes: {preferred: 90000, t1: 0}
log: {level: loud}
log: {level: info}
htp: {}
`
    expect(problems(file)).toEqual([
      'f.yaml:2:12: overlay.network: 8056c2e21c is not the 16 hex digits of a ZeroTier network id',
      'f.yaml:4:5: lan[0].interfaec: unknown key; did you mean interface?',
      'f.yaml:5:13: lan[0].subnet: must be at most 63',
      'f.yaml:7:30: lan[0].dhcpv6.lifetimes.preferred: must not be longer than valid (86400)',
      'f.yaml:7:41: lan[0].dhcpv6.lifetimes.t1: must be at least 1',
      'f.yaml:8:14: log.level: must be debug, info, warn or error, not "loud"',
      'f.yaml:9:1: log: is given twice (first in line 8)',
      'f.yaml:10:1: htp: unknown key; did you mean http?',
    ])
  })

  test('with an error of syntax is judged up to there, and nothing is called missing', () => {
    expect(problems('overlay:\n  network: 1\nlan:\n\t- interface: eth1\n')).toEqual([
      'f.yaml:2:12: overlay.network: 1 is not the 16 hex digits of a ZeroTier network id',
      'f.yaml:4:1: a tab, where only blanks may indent',
    ])
  })

  test.for([
    ['', ['f.yaml:1:1: lan: is missing (the file is empty)', 'f.yaml:1:1: overlay: is missing (the file is empty)']],
    ['- a', ['f.yaml:1:1: must be a mapping of keys to values, not a list']],
    ['eth1', ['f.yaml:1:1: must be a mapping of keys to values, not "eth1"']],
    [
      'overlay: network: 8056c2e21c000001\n',
      ['f.yaml:1:10: a second key in one line: put text that holds ": " in quotes, or begin a new line'],
    ],
  ] as const)('"%s"', ([text, expected]) => {
    expect(problems(text)).toEqual(expected)
  })

  test('a key that goes over two lines is told in one', () => {
    expect(problems('{---\n  \n    overlay:')[0]).toMatch(/^f\.yaml:\d+:\d+: --- overlay: unknown key/)
  })

  test('an alias of nothing is not taken for a key that was left out', () => {
    expect(problems(`${least}http: *nope\n__proto__: {}\n`)).toEqual([
      'f.yaml:5:7: http: *nope names nothing: no &nope stands before it',
      'f.yaml:6:1: __proto__: unknown key',
    ])
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
