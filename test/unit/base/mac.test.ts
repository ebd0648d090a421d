import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DecodeError } from '../../../appliance/base/bytes.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { macBytes, macFromBytes, multicastMac, parseMac } from '../../../appliance/base/mac.ts'

test('a MAC is its octets, and its text lower case', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), bytes => {
      const mac = macFromBytes(bytes)
      expect(macBytes(mac)).toEqual(bytes)
      expect(parseMac(mac.toUpperCase())).toBe(mac)
    }),
  )
})

test.for(['', '02:89:e9:30:0c', '02:89:e9:30:0c:27:00', '0289e9300c27', '02-89-e9-30-0c-27', '2:89:e9:30:c:27'])(
  '"%s" is refused',
  text => {
    expect(() => parseMac(text)).toThrow(new DecodeError(`${text} is not a MAC address`))
  },
)

test('any other count of octets is refused', () => {
  expect(() => macFromBytes(new Uint8Array(8))).toThrow(DecodeError)
})

test.for([
  ['ff02::1', '33:33:00:00:00:01'],
  ['ff02::1:2', '33:33:00:01:00:02'],
  ['ff02::1:ffee:e501', '33:33:ff:ee:e5:01'],
])('the group %s is at %s', ([group, mac]) => {
  expect(multicastMac(parseIp6(group!))).toBe(mac)
})

test('no other address has a multicast MAC', () => {
  expect(() => multicastMac(parseIp6('fe80::1'))).toThrow(RangeError)
})
