import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../appliance/base/bytes.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseConfig } from '../../../appliance/config/load.ts'
import { lan, problems, serverOf } from './problems.ts'

const withOption = (option: string) => lan(`    dhcpv6:\n      options:\n        - ${option}\n`)

describe('an option of one’s own', () => {
  test.for([
    ['{name: bootfile-url, data: "tftp://[fd00::69]/a"}', 59, { type: 'string', values: ['tftp://[fd00::69]/a'] }],
    ['{code: 59, data: x}', 59, { type: 'string', values: ['x'] }],
    ['{code: 59, name: first-step, data: x}', 59, { type: 'string', values: ['x'] }],
    ['{code: 59, type: binary, data: "00:ff"}', 59, { type: 'binary', values: [fromHex('00ff')] }],
    [
      '{name: sip-server-addr, data: [fd00::1, "fd00::2"]}',
      22,
      { type: 'ipv6-address', values: [parseIp6('fd00::1'), parseIp6('fd00::2')] },
    ],
    ['{code: 4001, type: uint8, data: [0, 0xff]}', 4001, { type: 'uint8', values: [0, 255] }],
    ['{code: 4001, type: uint32, data: 4294967295}', 4001, { type: 'uint32', values: [0xffff_ffff] }],
    ['{code: 4001, type: boolean, data: true}', 4001, { type: 'boolean', values: [true] }],
    ['{code: 4001, type: string, data: 0012}', 4001, { type: 'string', values: ['0012'] }],
    ['{code: 4001, type: fqdn, data: [A.example., b]}', 4001, { type: 'fqdn', values: ['a.example', 'b'] }],
    ['{code: 4001, type: empty}', 4001, { type: 'empty', values: [] }],
    [
      '{code: 56, data: [fd00::123, ff05::101, ntp.example]}',
      56,
      { type: 'ntp-server', values: [parseIp6('fd00::123'), parseIp6('ff05::101'), 'ntp.example'] },
    ],
  ] as const)('%s', ([option, code, data]) => {
    expect(serverOf(parseConfig('f.yaml', withOption(option))).options).toEqual([{ code, data, alwaysSend: false }])
  })

  test.for([
    ['{data: x}', '6:11: lan[0].dhcpv6.options[0].code: is missing: an option needs its code, or a known name'],
    ['{name: boot, data: x}', '6:18: lan[0].dhcpv6.options[0].name: boot is not a known option: give its code as well'],
    [
      '{name: bootfile-url, code: 60, data: x}',
      '6:38: lan[0].dhcpv6.options[0].code: bootfile-url is option 59, not 60',
    ],
    ['{code: 0, type: empty}', '6:18: lan[0].dhcpv6.options[0].code: must be at least 1'],
    ['{code: 3, type: empty}', '6:18: lan[0].dhcpv6.options[0].code: option 3 is one that siteplane makes itself'],
    [
      '{code: 23, type: ipv6-address, data: fd00::1}',
      '6:18: lan[0].dhcpv6.options[0].code: option 23 is made of dns.servers',
    ],
    [
      '{code: 12, type: empty}',
      '6:18: lan[0].dhcpv6.options[0].code: option 12 is obsolete, and no host must be sent it',
    ],
    [
      '{code: 4001, data: x}',
      '6:11: lan[0].dhcpv6.options[0].type: is missing: what option 4001 holds is not known here',
    ],
    [
      '{code: 4001, type: int, data: 1}',
      '6:30: lan[0].dhcpv6.options[0].type: must be ipv6-address, uint8, uint16, uint32, boolean, string, fqdn, binary or empty, not "int"',
    ],
    [
      '{code: 59, type: uint8, data: 1}',
      '6:28: lan[0].dhcpv6.options[0].type: option 59 is bootfile-url, whose type is string: leave it out, or give binary',
    ],
    ['{code: 4001, type: uint8}', '6:11: lan[0].dhcpv6.options[0].data: is missing'],
    [
      '{code: 4001, type: uint8, data: [1, 256]}',
      '6:47: lan[0].dhcpv6.options[0].data[1]: 256 is not a whole number from 0 to 255',
    ],
    [
      '{code: 4001, type: uint8, data: 1.5}',
      '6:43: lan[0].dhcpv6.options[0].data: 1.5 is not a whole number from 0 to 255',
    ],
    ['{code: 4001, type: boolean, data: 1}', '6:45: lan[0].dhcpv6.options[0].data: 1 is neither true nor false'],
    ['{code: 4001, type: binary, data: abc}', '6:44: lan[0].dhcpv6.options[0].data: abc is not pairs of hex digits'],
    ['{code: 4001, type: fqdn, data: a..b}', '6:42: lan[0].dhcpv6.options[0].data: a..b is not a domain name'],
    [
      '{code: 4001, type: ipv6-address, data: 10.0.0.1}',
      '6:50: lan[0].dhcpv6.options[0].data: 10.0.0.1 is not an IPv6 address',
    ],
    [
      `{code: 4001, type: string, data: ${'x'.repeat(1001)}}`,
      '6:44: lan[0].dhcpv6.options[0].data: is 1001 octets long, and only 1000 fit into an answer',
    ],
    [
      '{code: 4001, type: empty, data: x}',
      '6:43: lan[0].dhcpv6.options[0].data: must be left out: option 4001 is empty',
    ],
    [
      '{code: 4001, type: uint8, data: {a: 1}}',
      '6:43: lan[0].dhcpv6.options[0].data: must be a value or a list of values',
    ],
  ])('%s: %s', ([option, complaint]) => {
    expect(problems(withOption(option!))).toEqual([`f.yaml:${complaint}`])
  })

  test('once, and not beside a key that makes it', () => {
    const file = lan(`    ntp: {servers: [ntp.example]}
    dhcpv6:
      options:
        - {name: ntp-server, data: ntp2.example}
        - {code: 59, data: a}
        - {name: bootfile-url, data: b}
        - {name: vendor-opts, data: 00000009}
        - {code: 17, data: "00 00 00 0a"}
`)
    expect(problems(file)).toEqual([
      'f.yaml:7:11: lan[0].dhcpv6.options[0]: option 56 is given by ntp.servers already',
      'f.yaml:9:11: lan[0].dhcpv6.options[2]: option 59 is given by options[1] already',
    ])
  })
})

test('a source of time is an address, a multicast group or a name', () => {
  const { lan: lans } = parseConfig('f.yaml', lan('    ntp: {servers: [fd00::123, "ff05::101", Ntp.Example]}\n'))
  expect(lans[0]!.ntp.servers).toEqual([parseIp6('fd00::123'), parseIp6('ff05::101'), 'ntp.example'])
  expect(problems(lan('    ntp: {servers: ["::", a b]}\n'))).toEqual([
    "f.yaml:4:21: lan[0].ntp.servers[0]: :: can't be the address of a server",
    'f.yaml:4:27: lan[0].ntp.servers[1]: a b is not a domain name',
  ])
})
