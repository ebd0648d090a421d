import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, Reader, Writer } from '../../../appliance/base/bytes.ts'
import { checksum } from '../../../appliance/base/checksum.ts'
import { type Ip6, parseIp6, prefixOf } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { type Duid, duidFromBytes, duidUuid, macOfDuid, parseDuid } from '../../../appliance/dhcp/duid.ts'
import { decodeFrame, encodeFrame } from '../../../appliance/dhcp/frame.ts'
import { decodeMessage, encodeMessage } from '../../../appliance/dhcp/message.ts'
import { decodeOptions, encodeOptions, type Option } from '../../../appliance/dhcp/options.ts'

const encoded = (option: Option) => {
  const out = new Writer()
  encodeOptions([option], out)
  return out.take()
}
const address = parseIp6('fc9c:56c2:e389:e92c:eee5::abcd')
const duid = parseDuid('00:03:00:01:02:00:00:00:00:0a')

const rows: { name: string; option: Option; bytes: string }[] = [
  { name: 'client identifier', option: { kind: 'client-id', duid }, bytes: '0001 000a 00030001 02000000000a' },
  { name: 'server identifier', option: { kind: 'server-id', duid }, bytes: '0002 000a 00030001 02000000000a' },
  {
    name: 'IA_NA with an address',
    option: {
      kind: 'ia-na',
      iaid: 0xc01,
      t1: 1800,
      t2: 2880,
      options: [{ kind: 'ia-address', address, preferred: 3600, valid: 86_400, options: [] }],
    },
    bytes: '0003 0028 00000c01 00000708 00000b40 0005 0018 fc9c56c2e389e92ceee500000000abcd 00000e10 00015180',
  },
  {
    name: 'IA_NA with a status',
    option: { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [{ kind: 'status-code', status: 2, text: 'no' }] },
    bytes: '0003 0014 00000001 00000000 00000000 000d 0004 0002 6e6f',
  },
  {
    name: 'option request',
    option: { kind: 'option-request', codes: [23, 24, 23] },
    bytes: '0006 0006 0017 0018 0017',
  },
  { name: 'preference', option: { kind: 'preference', value: 255 }, bytes: '0007 0001 ff' },
  { name: 'elapsed time', option: { kind: 'elapsed-time', hundredths: 0xffff }, bytes: '0008 0002 ffff' },
  { name: 'rapid commit', option: { kind: 'rapid-commit' }, bytes: '000e 0000' },
  {
    name: 'DNS servers',
    option: { kind: 'dns-servers', servers: [address] },
    bytes: '0017 0010 fc9c56c2e389e92ceee500000000abcd',
  },
  {
    name: 'domain list, uncompressed',
    option: { kind: 'domain-list', names: ['a.example', 'example'] },
    bytes: '0018 0014 0161 07 6578616d706c65 00 07 6578616d706c65 00',
  },
  {
    name: 'IA_PD with a prefix',
    option: {
      kind: 'ia-pd',
      iaid: 2,
      t1: 0,
      t2: 0,
      options: [{ kind: 'ia-prefix', prefix: prefixOf(address, 96), preferred: 1, valid: 2, options: [] }],
    },
    bytes: '0019 0029 00000002 00000000 00000000 001a 0019 00000001 00000002 60 fc9c56c2e389e92ceee5000000000000',
  },
  {
    name: 'information refresh time',
    option: { kind: 'information-refresh-time', seconds: 1800 },
    bytes: '0020 0004 00000708',
  },
  {
    name: 'client FQDN',
    option: { kind: 'client-fqdn', flags: 1, name: 'pc.lan', partial: false },
    bytes: '0027 0009 01 02 7063 03 6c616e 00',
  },
  {
    name: 'client FQDN without its domain',
    option: { kind: 'client-fqdn', flags: 0, name: 'pc', partial: true },
    bytes: '0027 0004 00 02 7063',
  },
  {
    name: 'client FQDN without a name',
    option: { kind: 'client-fqdn', flags: 0, name: '', partial: true },
    bytes: '0027 0001 00',
  },
  {
    name: 'client FQDN of the root',
    option: { kind: 'client-fqdn', flags: 0, name: '', partial: false },
    bytes: '0027 0002 00 00',
  },
  {
    name: 'client FQDN with an octet that is no letter',
    option: { kind: 'client-fqdn', flags: 0, name: '\x85\xff', partial: true },
    bytes: '0027 0004 00 02 85ff',
  },
  {
    name: 'J11 NTP server by address',
    option: { kind: 'ntp-server', source: address },
    bytes: '0038 0014 0001 0010 fc9c56c2e389e92ceee500000000abcd',
  },
  {
    name: 'J11 NTP multicast group',
    option: { kind: 'ntp-server', source: parseIp6('ff05::101') },
    bytes: '0038 0014 0002 0010 ff050000000000000000000000000101',
  },
  {
    name: 'J11 NTP server by name',
    option: { kind: 'ntp-server', source: 'ntp.example' },
    bytes: '0038 0011 0003 000d 03 6e7470 07 6578616d706c65 00',
  },
  {
    name: 'SNTP servers',
    option: { kind: 'sntp-servers', servers: [address] },
    bytes: '001f 0010 fc9c56c2e389e92ceee500000000abcd',
  },
  {
    name: 'J12 query by address',
    option: {
      kind: 'lq-query',
      queryType: 1,
      link: parseIp6('::'),
      options: [{ kind: 'ia-address', address, preferred: 0, valid: 0, options: [] }],
    },
    bytes: `002c 002d 01 ${'00'.repeat(16)} 0005 0018 fc9c56c2e389e92ceee500000000abcd 00000000 00000000`,
  },
  {
    name: 'J12 client data with the time of the last transaction',
    option: { kind: 'client-data', options: [{ kind: 'clt-time', seconds: 30 }] },
    bytes: '002d 0008 002e 0004 0000001e',
  },
  {
    name: 'J12 client links',
    option: { kind: 'lq-client-link', links: [address] },
    bytes: '0030 0010 fc9c56c2e389e92ceee500000000abcd',
  },
  { name: 'J05 address registration', option: { kind: 'address-registration' }, bytes: '0094 0000' },
  { name: 'SOL_MAX_RT', option: { kind: 'sol-max-rt', seconds: 300 }, bytes: '0052 0004 0000012c' },
  { name: 'INF_MAX_RT', option: { kind: 'inf-max-rt', seconds: 300 }, bytes: '0053 0004 0000012c' },
  {
    name: 'M05 an option that nobody knows',
    option: { kind: 'unknown', code: 999, bytes: fromHex('0102') },
    bytes: '03e7 0002 0102',
  },
]

describe('options', () => {
  test.for(rows)('$name, both ways', ({ option, bytes }) => {
    expect(encoded(option)).toEqual(fromHex(bytes))
    expect(decodeOptions(new Reader(fromHex(bytes)))).toEqual([option])
  })

  test.for([
    { name: 'D07 an option that is cut off', bytes: '0001 000a 0003' },
    { name: 'D07 half an option header', bytes: '0008 0002 0000 00' },
    { name: 'D13 a DUID without an identifier', bytes: '0001 0002 0004' },
    { name: 'D13 a DUID of more than 130 octets', bytes: `0001 0083 ${'00'.repeat(131)}` },
    { name: 'M06 an elapsed time of one octet', bytes: '0008 0001 00' },
    { name: 'M06 an elapsed time of three octets', bytes: '0008 0003 000000' },
    { name: 'M06 an IA_NA of eleven octets', bytes: `0003 000b ${'00'.repeat(11)}` },
    { name: 'an odd list of option codes', bytes: '0006 0003 001700' },
    { name: 'a prefix of more than 128 bits', bytes: `001a 0019 00000000 00000000 81 ${'00'.repeat(16)}` },
    { name: 'options nested without end', bytes: nest(5) },
  ])('refuses $name', ({ bytes }) => {
    expect(() => decodeOptions(new Reader(fromHex(bytes)))).toThrow(DecodeError)
  })
})

function nest(depth: number): string {
  const inner = depth === 0 ? '' : nest(depth - 1)
  const size = 12 + inner.replaceAll(' ', '').length / 2
  return `0003${size.toString(16).padStart(4, '0')}${'00'.repeat(12)}${inner}`
}

test.for([
  { name: 'a client FQDN that is cut off', bytes: '0027 0003 00 05 61' },
  { name: 'a client FQDN with a dot inside a label', bytes: '0027 0006 00 03 612e62 00' },
  { name: 'D22 a search list with a label of 64 octets', bytes: `0018 0042 40 ${'61'.repeat(64)} 00` },
  { name: 'D22 a search list that is compressed', bytes: '0018 0005 01 61 00 c000' },
  { name: 'a search list whose last name does not end', bytes: '0018 0002 01 61' },
  { name: 'M06 a DNS server of 15 octets', bytes: `0017 000f ${'00'.repeat(15)}` },
  { name: 'J11 an NTP server of two sources', bytes: `0038 0028 ${`00010010${'fd'.repeat(16)}`.repeat(2)}` },
  { name: 'J11 an NTP server of a kind nobody knows', bytes: `0038 0014 0004 0010 ${'fd'.repeat(16)}` },
  { name: 'J11 an NTP server that is a multicast group', bytes: `0038 0014 0001 0010 ${'ff'.repeat(16)}` },
  { name: 'M06 a SOL_MAX_RT of two octets', bytes: '0052 0002 0000' },
])('$name is carried along as it came, and costs nobody an answer', ({ bytes }) => {
  const whole = fromHex(bytes)
  const [option, ...more] = decodeOptions(new Reader(whole))
  expect(option).toEqual({ kind: 'unknown', code: whole[1], bytes: whole.slice(4) })
  expect(more).toEqual([])
  expect(encoded(option!)).toEqual(whole)
})

describe('messages', () => {
  const arbitraryAddress = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }) as fc.Arbitrary<Ip6>
  const u32 = fc.nat(0xffff_ffff)
  const arbitraryDuid = fc.uint8Array({ minLength: 3, maxLength: 130 }).map(duidFromBytes)
  const leaf = fc.oneof(
    fc.record({ kind: fc.constant('client-id' as const), duid: arbitraryDuid }),
    fc.record({ kind: fc.constant('elapsed-time' as const), hundredths: fc.nat(0xffff) }),
    fc.record({ kind: fc.constant('option-request' as const), codes: fc.array(fc.nat(0xffff)) }),
    fc.record({ kind: fc.constant('status-code' as const), status: fc.nat(0xffff), text: fc.string() }),
    fc.record({ kind: fc.constant('dns-servers' as const), servers: fc.array(arbitraryAddress) }),
    fc.record({
      kind: fc.constant('unknown' as const),
      code: fc.integer({ min: 200, max: 0xffff }),
      bytes: fc.uint8Array({ maxLength: 40 }),
    }),
  )
  const inner = fc.record({
    kind: fc.constant('ia-address' as const),
    address: arbitraryAddress,
    preferred: u32,
    valid: u32,
    options: fc.constant([]),
  })
  const container = fc.record({
    kind: fc.constantFrom('ia-na' as const, 'ia-pd' as const),
    iaid: u32,
    t1: u32,
    t2: u32,
    options: fc.array(inner, { maxLength: 3 }),
  })

  test('what is encoded decodes to the same', () => {
    const message = fc.record({
      type: fc.integer({ min: 1, max: 11 }),
      transaction: fc.nat(0xff_ffff),
      options: fc.array(fc.oneof(leaf, container), { maxLength: 6 }),
    })
    fc.assert(
      fc.property(message, value => {
        expect(decodeMessage(encodeMessage(value))).toEqual(value)
      }),
    )
  })

  test('any bytes decode or are refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
        try {
          decodeMessage(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 3000 },
    )
  })

  test('a relay message is refused, not misread', () => {
    expect(() => decodeMessage(fromHex(`0c 00 ${'00'.repeat(32)}`))).toThrow('a relay message')
  })
})

describe('identifiers and names', () => {
  test.for([
    ['a DUID-LLT', '00:01:00:01:2a:2a:2a:2a:02:00:00:00:00:0a', '02:00:00:00:00:0a'],
    ['a DUID-LL', '00:03:00:01:02:00:00:00:00:0b', '02:00:00:00:00:0b'],
    ['a DUID-EN has none', '00:02:00:00:ab:11:01:02:03:04:05:06:07:08', undefined],
    ['a DUID-LL of another hardware type has none', '00:03:00:06:02:00:00:00:00:0b', undefined],
  ])('D15 the MAC in %s', ([, text, mac]) => {
    expect(macOfDuid(text as Duid)).toBe(mac)
  })

  test('D14 a DUID-UUID is type 4 and 16 octets', () => {
    expect(duidUuid(new Uint8Array(16).fill(0xab))).toBe(`00:04${':ab'.repeat(16)}`)
  })
})

describe('frames', () => {
  const datagram = {
    sender: parseMac('02:00:00:00:00:01'),
    source: parseIp6('fe80::1'),
    destination: parseIp6('ff02::1:2'),
    sourcePort: 546,
    destinationPort: 547,
    bytes: fromHex('01 abcdef'),
  }

  test('both ways, checksum included', () => {
    expect(decodeFrame(encodeFrame(datagram))).toEqual(datagram)
  })

  test('a checksum that the card was to fill in is no reason to refuse', () => {
    const frame = encodeFrame(datagram)
    frame[60] = 0
    expect(decodeFrame(frame)).toEqual(datagram)
  })

  test.for([
    { name: 'a TCP segment', at: 20, value: 6 },
    { name: 'an IPv4 packet', at: 12, value: 0x08 },
    { name: 'a payload that is longer than the frame', at: 18, value: 1 },
    { name: 'a UDP length below its header', at: 59, value: 7 },
  ])('$name is refused', ({ at, value }) => {
    const frame = encodeFrame(datagram)
    frame[at] = value
    expect(() => decodeFrame(frame)).toThrow(DecodeError)
  })

  test('the checksum that leaves is right', () => {
    const frame = encodeFrame(datagram)
    expect(checksum(datagram.source, datagram.destination, 17, frame.subarray(54))).toBe(0)
  })
})
