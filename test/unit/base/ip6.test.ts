import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../../../appliance/base/bytes.ts'
import {
  bytesOf,
  contains,
  equalPrefix,
  formatIp6,
  formatPrefix,
  fromBytes,
  halves,
  type Ip6,
  isLinkLocal,
  isMulticast,
  mask,
  parseIp6,
  parsePrefix,
  prefixOf,
  solicitedNode,
} from '../../../appliance/base/ip6.ts'

const anyAddress = fc.bigInt(0n, (1n << 128n) - 1n).map(value => value as Ip6)
// Addresses with runs of zero groups, where the rules of shortening matter.
const sparse = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map(groups => groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n) as Ip6)
const address = fc.oneof(anyAddress, sparse)
const length = fc.integer({ min: 0, max: 128 })

describe('address text', () => {
  test('formats as ipaddr.js does, and parses what it formats', () => {
    fc.assert(
      fc.property(address, value => {
        const oracle = ipaddr.fromByteArray([...bytesOf(value)]) as ipaddr.IPv6
        expect(formatIp6(value)).toBe(oracle.toRFC5952String())
        expect(parseIp6(oracle.toNormalizedString())).toBe(value)
        expect(parseIp6(oracle.toNormalizedString().toUpperCase())).toBe(value)
        expect(parseIp6(formatIp6(value))).toBe(value)
      }),
      { numRuns: 2000 },
    )
  })

  const pieces = fc.constantFrom(
    ':',
    '::',
    '0',
    '1',
    'ffff',
    '10000',
    'g',
    '1.2.3.4',
    '1.2.3.256',
    '01.2.3.4',
    '%eth0',
    ' ',
  )
  test('accepts no text that ipaddr.js refuses, and reads the rest alike', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 17 }), parts => {
        const text = parts.join('')
        // ipaddr.js reads `::1.2.3.4` as `::ffff:1.2.3.4`; RFC 4291 section 2.5.5.1 does not.
        fc.pre(!/^::\d+\.\d+\.\d+\.\d+$/.test(text))
        let value: Ip6
        try {
          value = parseIp6(text)
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
          return
        }
        expect(ipaddr.IPv6.isValid(text)).toBe(true)
        expect(ipaddr.IPv6.parse(text).toByteArray()).toEqual([...bytesOf(value)])
      }),
      { numRuns: 5000 },
    )
  })

  test.for([
    ['2001:db8::1', 'as it is'],
    ['::', 'the unspecified one'],
    ['::1', 'zeros in front'],
    ['fe80::', 'zeros at the end'],
    ['1:0:2:3:4:5:6:7', 'a single zero group is not shortened'],
    ['1:0:0:2::3', 'the longest run is'],
    ['1::2:0:0:3:4', 'of two alike the first'],
  ])('%s: %s', ([text]) => {
    expect(formatIp6(parseIp6(text!))).toBe(text)
  })

  test.for([
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::198.51.100.7', '64:ff9b::c633:6407'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['FE80::A', 'fe80::a'],
  ])('%s is read as %s', ([text, canonical]) => {
    expect(formatIp6(parseIp6(text!))).toBe(canonical)
  })

  test.for([
    '',
    ':',
    ':::',
    '1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'fe80::1%eth0',
    ' ::1',
    '192.0.2.1',
    '::1/64',
    '::ffff:192.0.2',
    '::ffff:192.0.2.256',
    '::ffff:192.0.2.01',
  ])('"%s" is refused with the text in the sentence', text => {
    expect(() => parseIp6(text)).toThrow(new DecodeError(`${text} is not an IPv6 address`))
  })
})

describe('bytes', () => {
  test('of an address and back', () => {
    fc.assert(
      fc.property(address, value => {
        expect(fromBytes(bytesOf(value))).toBe(value)
      }),
    )
  })

  test('are read from where a view begins', () => {
    const packet = Uint8Array.from({ length: 24 }, (_, i) => i)
    expect(fromBytes(packet.subarray(4, 20))).toBe(parseIp6('405:607:809:a0b:c0d:e0f:1011:1213'))
  })

  test('of another count are refused', () => {
    expect(() => fromBytes(new Uint8Array(15))).toThrow(DecodeError)
  })
})

describe('prefixes', () => {
  test('match as ipaddr.js matches', () => {
    fc.assert(
      fc.property(address, address, length, fc.nat(128), (a, b, bits, shared) => {
        // Half of the time b starts like a, or nothing would ever match.
        const near = ((a & mask(shared)) | (b & ~mask(shared))) as Ip6
        const oracle = (x: Ip6) => ipaddr.fromByteArray([...bytesOf(x)]) as ipaddr.IPv6
        expect(contains(prefixOf(a, bits), near)).toBe(oracle(near).match(oracle(a), bits))
      }),
      { numRuns: 2000 },
    )
  })

  test('parse what they format', () => {
    fc.assert(
      fc.property(address, length, (value, bits) => {
        const prefix = prefixOf(value, bits)
        const [base, size] = ipaddr.IPv6.parseCIDR(formatPrefix(prefix))
        expect(fromBytes(Uint8Array.from(base.toByteArray()))).toBe(prefix.address)
        expect(size).toBe(bits)
        expect(equalPrefix(parsePrefix(formatPrefix(prefix)), prefix)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  test('fall into halves that share nothing and leave nothing', () => {
    fc.assert(
      fc.property(address, fc.integer({ min: 0, max: 127 }), (value, bits) => {
        const whole = prefixOf(value, bits)
        const [low, high] = halves(whole)
        expect([contains(whole, low), contains(whole, high)]).toEqual([true, true])
        expect(contains(low, value) !== contains(high, value)).toBe(true)
        expect(contains(low, whole)).toBe(false)
      }),
    )
  })

  test.for([
    ['fc9c:56c2:e300::1/40', 'has bits set after its first 40'],
    ['fc00::/129', 'is not an IPv6 prefix'],
    ['fc00::', 'is not an IPv6 prefix'],
    ['fc00::/', 'is not an IPv6 prefix'],
    ['fc00::/-1', 'is not an IPv6 prefix'],
    ['fc00::/ 8', 'is not an IPv6 prefix'],
  ])('%s %s', ([text, complaint]) => {
    expect(() => parsePrefix(text!)).toThrow(`${text} ${complaint}`)
  })
})

describe('kinds of addresses', () => {
  test('agree with ipaddr.js', () => {
    const near = fc.oneof(
      address,
      address.map(value => ((0xffn << 120n) | (value >> 8n)) as Ip6),
      address.map(value => ((0x3fan << 118n) | (value >> 10n)) as Ip6),
    )
    fc.assert(
      fc.property(near, value => {
        const range = (ipaddr.fromByteArray([...bytesOf(value)]) as ipaddr.IPv6).range()
        expect(isMulticast(value)).toBe(range === 'multicast')
        expect(isLinkLocal(value)).toBe(range === 'linkLocal')
      }),
    )
  })

  test('the solicited-node group keeps the last 24 bits', () => {
    expect(formatIp6(solicitedNode(parseIp6('4037::01:800:200e:8c6c')))).toBe('ff02::1:ff0e:8c6c')
  })
})
