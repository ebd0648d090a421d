import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, Reader, toHex } from '../../../appliance/base/bytes.ts'
import { type Ip6, parseIp6, parsePrefix, prefixOf } from '../../../appliance/base/ip6.ts'
import { macFromBytes, parseMac } from '../../../appliance/base/mac.ts'
import { decodeOptions, encodeOption, type Option, type OptionKind } from '../../../appliance/ndp/options.ts'
import type { Preference } from '../../../appliance/ndp/route-information.ts'

const all: OptionKind[] = [
  'source-link-layer-address',
  'target-link-layer-address',
  'prefix-information',
  'mtu',
  'route-information',
  'rdnss',
  'dnssl',
]
const decode = (bytes: Uint8Array, wanted = all) => decodeOptions(new Reader(bytes), wanted)
const route = (prefix: string, preference: Preference = 'medium'): Option => ({
  kind: 'route-information',
  prefix: parsePrefix(prefix),
  preference,
  lifetime: 1800,
})
const prefix = (text: string, onLink: boolean, autonomous: boolean): Option => ({
  kind: 'prefix-information',
  prefix: parsePrefix(text),
  onLink,
  autonomous,
  validLifetime: 86_400,
  preferredLifetime: 1800,
})

describe('bytes of each option', () => {
  test.for<{ name: string; option: Option; bytes: string }>([
    {
      name: 'A21 source link-layer address',
      option: { kind: 'source-link-layer-address', mac: parseMac('02:89:e9:30:0c:27') },
      bytes: '01 01 0289e9300c27',
    },
    {
      name: 'C06 target link-layer address',
      option: { kind: 'target-link-layer-address', mac: parseMac('02:89:e9:30:0c:27') },
      bytes: '02 01 0289e9300c27',
    },
    {
      name: 'A24 on-link /80, no addresses of the hosts’ own making',
      option: prefix('fc9c:56c2:e389:e92c:eee5::/80', true, false),
      bytes: '03 04 50 80 00015180 00000708 00000000 fc9c56c2e389e92ceee5000000000000',
    },
    {
      name: 'A24 autonomous /64 that is not on-link',
      option: prefix('2001:db8::/64', false, true),
      bytes: '03 04 40 40 00015180 00000708 00000000 20010db8000000000000000000000000',
    },
    { name: 'A29 MTU', option: { kind: 'mtu', mtu: 1400 }, bytes: '05 01 0000 00000578' },
    {
      name: 'A40 network /40, one 8-byte unit of prefix',
      option: route('fc9d:72cd:5a00::/40', 'high'),
      bytes: '18 02 28 08 00000708 fc9d72cd5a000000',
    },
    { name: 'A40 /0 carries no prefix bytes', option: route('::/0'), bytes: '18 01 00 00 00000708' },
    {
      name: 'A40 /65 needs both units, A41 low is 11',
      option: route('fd00:0:0:0:8000::/65', 'low'),
      bytes: '18 03 41 18 00000708 fd000000000000008000000000000000',
    },
    {
      name: 'A40 /41 keeps its last bit',
      option: route('fc9d:72cd:5a80::/41'),
      bytes: '18 02 29 00 00000708 fc9d72cd5a800000',
    },
    {
      name: 'A48 two DNS servers, length 5',
      option: { kind: 'rdnss', servers: [parseIp6('2001:db8::53'), parseIp6('fc9c::1')], lifetime: 1800 },
      bytes: '19 05 0000 00000708 20010db8000000000000000000000053 fc9c0000000000000000000000000001',
    },
    {
      name: 'A49 two domains, padded to 8 octets',
      option: { kind: 'dnssl', names: ['lan', 'aa.example'], lifetime: 1800 },
      bytes: '1f 04 0000 00000708 036c616e00 026161076578616d706c6500 00000000000000',
    },
    {
      name: 'A49 a domain that needs no padding',
      option: { kind: 'dnssl', names: ['sixlan'], lifetime: 0 },
      bytes: '1f 02 0000 00000000 067369786c616e00',
    },
  ])('$name', ({ option, bytes }) => {
    expect(toHex(encodeOption(option))).toEqual(toHex(fromHex(bytes)))
    expect(decode(fromHex(bytes))).toEqual([option])
  })
})

describe('what is refused with its message', () => {
  test.for([
    { name: 'B01 an option of length 0', bytes: '0100' },
    { name: 'B01 an option that ends after its message', bytes: '0102 0289e9300c27' },
    { name: 'B01 half an option header', bytes: '01' },
    { name: 'B02 a link-layer address of another medium', bytes: '01 02 0289e9300c27 0000000000000000' },
    { name: 'A24 a prefix option too short', bytes: '03 03 50 80 00015180 00000708 00000000 fc9c56c2e389e92c' },
    { name: 'A24 a prefix of 129 bits', bytes: `03 04 81 80 00015180 00000708 00000000 ${'00'.repeat(16)}` },
    { name: 'A40 a /65 in 64 bits', bytes: '18 02 41 00 00000708 fd00000000000000' },
    { name: 'A29 an MTU option too long', bytes: '05 02 0000 00000578 0000000000000000' },
  ])('$name', ({ bytes }) => {
    expect(() => decode(fromHex(bytes))).toThrow(DecodeError)
  })
})

describe('what is ignored without its message', () => {
  const mtu = '05 01 0000 00000578'
  test.for([
    { name: 'B09 an unknown option', bytes: `0e 01 f978657d1aa7 ${mtu}` },
    { name: 'A41 a route of reserved preference', bytes: `18 02 28 10 00000708 fc9d72cd5a000000 ${mtu}` },
    {
      name: 'A26 a prefix preferred for longer than valid',
      bytes: `03 04 50 80 00000001 00000002 00000000 ${'00'.repeat(16)} ${mtu}`,
    },
    { name: 'A48 DNS servers of even length', bytes: `19 02 0000 00000708 0000000000000000 ${mtu}` },
    { name: 'A48 no DNS servers', bytes: `19 01 0000 00000708 ${mtu}` },
    { name: 'A49 a compressed domain', bytes: `1f 02 0000 00000708 036c616e c000 0000 ${mtu}` },
    { name: 'A49 a blank in a domain', bytes: `1f 02 0000 00000708 036c206e 00 000000 ${mtu}` },
    { name: 'A49 a domain that is cut off', bytes: `1f 02 0000 00000708 076c616e6c616e6c ${mtu}` },
    { name: 'A49 no domain', bytes: `1f 02 0000 00000708 0000000000000000 ${mtu}` },
  ])('$name', ({ bytes }) => {
    expect(decode(fromHex(bytes))).toEqual([{ kind: 'mtu', mtu: 1400 }])
  })

  test('B09 a malformed option that the message is not specified to carry', () => {
    const bytes = fromHex('18 02 41 00 00000708 fd00000000000000 01 01 0289e9300c27')
    expect(decode(bytes, ['source-link-layer-address'])).toEqual([
      { kind: 'source-link-layer-address', mac: '02:89:e9:30:0c:27' },
    ])
  })

  test('A40 bits after the prefix length', () => {
    expect(decode(fromHex('18 02 28 00 00000708 fc9d72cd5affffff'))).toEqual([route('fc9d:72cd:5a00::/40')])
  })
})

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(value => value as Ip6)
const anyPrefix = fc.tuple(address, fc.integer({ min: 0, max: 128 })).map(([a, length]) => prefixOf(a, length))
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes)
const name = fc
  .array(fc.stringMatching(/^[a-z0-9_-]{1,20}$/), { minLength: 1, maxLength: 5 })
  .map(labels => labels.join('.'))
const anyOption: fc.Arbitrary<Option> = fc.oneof(
  fc.record({ kind: fc.constant('source-link-layer-address' as const), mac }),
  fc.record({ kind: fc.constant('target-link-layer-address' as const), mac }),
  fc
    .record({ prefix: anyPrefix, onLink: fc.boolean(), autonomous: fc.boolean(), lifetimes: fc.tuple(u32, u32) })
    .map(({ lifetimes: [a, b], ...rest }) => ({
      kind: 'prefix-information' as const,
      ...rest,
      validLifetime: Math.max(a, b),
      preferredLifetime: Math.min(a, b),
    })),
  fc.record({ kind: fc.constant('mtu' as const), mtu: u32 }),
  fc.record({
    kind: fc.constant('route-information' as const),
    prefix: anyPrefix,
    preference: fc.constantFrom<Preference>('low', 'medium', 'high'),
    lifetime: u32,
  }),
  fc.record({
    kind: fc.constant('rdnss' as const),
    servers: fc.array(address, { minLength: 1, maxLength: 5 }),
    lifetime: u32,
  }),
  fc.record({
    kind: fc.constant('dnssl' as const),
    names: fc.array(name, { minLength: 1, maxLength: 4 }),
    lifetime: u32,
  }),
)

test('B10 any options in any order, repeated or not, are read back as they were written', () => {
  fc.assert(
    fc.property(fc.array(anyOption, { maxLength: 6 }), options => {
      const bytes = Buffer.concat(options.map(encodeOption))
      expect(bytes.length % 8).toBe(0)
      expect(decode(bytes)).toEqual(options)
    }),
  )
})

test('any bytes decode or are refused, and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
      }
    }),
    { numRuns: 2000 },
  )
})

test('mutated options decode or are refused, and nothing else', () => {
  const mutation = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(anyOption, fc.array(mutation, { maxLength: 4 }), (option, mutations) => {
      const bytes = encodeOption(option)
      for (const [at, value] of mutations) bytes[at % bytes.length] = value
      try {
        decode(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
      }
    }),
    { numRuns: 2000 },
  )
})

test.for<{ name: string; option: Option }>([
  { name: 'no DNS server', option: { kind: 'rdnss', servers: [], lifetime: 1 } },
  { name: 'no domain', option: { kind: 'dnssl', names: [], lifetime: 1 } },
  { name: 'an empty domain', option: { kind: 'dnssl', names: [''], lifetime: 1 } },
  { name: 'an empty label', option: { kind: 'dnssl', names: ['a..b'], lifetime: 1 } },
  { name: 'a label of 64 octets', option: { kind: 'dnssl', names: ['a'.repeat(64)], lifetime: 1 } },
  { name: 'a name of 256 octets', option: { kind: 'dnssl', names: [Array(128).fill('a').join('.')], lifetime: 1 } },
  {
    name: 'A26 preferred for longer than valid',
    option: {
      kind: 'prefix-information',
      prefix: parsePrefix('::/0'),
      onLink: true,
      autonomous: false,
      validLifetime: 1,
      preferredLifetime: 2,
    },
  },
])('$name can not be written', ({ option }) => {
  expect(() => encodeOption(option)).toThrow(RangeError)
})
