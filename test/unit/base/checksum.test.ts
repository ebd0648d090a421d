import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../appliance/base/bytes.ts'
import { checksum, sumWords } from '../../../appliance/base/checksum.ts'
import { type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'

const address = fc.bigInt(0n, (1n << 128n) - 1n).map(value => value as Ip6)

describe('the upper-layer checksum', () => {
  test('of an echo request, added up by hand', () => {
    // 1 + 1 (the addresses) + 8 (octets) + 003a + 8000 + 0001 + 0001 = 8046, and its complement.
    const loopback = parseIp6('::1')
    expect(checksum(loopback, loopback, 58, fromHex('8000 0000 0001 0001'))).toBe(0x7fb9)
  })

  test('put into its place makes the whole sum up to zero', () => {
    fc.assert(
      fc.property(address, address, fc.uint8Array({ minLength: 4, maxLength: 1500 }), (source, destination, random) => {
        const message = random.slice()
        message[2] = 0
        message[3] = 0
        const sum = checksum(source, destination, 58, message)
        message[2] = sum >>> 8
        message[3] = sum
        expect(checksum(source, destination, 58, message)).toBe(0)
      }),
    )
  })

  test('of the largest message does not lose a carry', () => {
    const most = ((1n << 128n) - 1n) as Ip6
    // All ones everywhere: every 16-bit word is ffff, a one's complement zero; what is left is the length and the type.
    expect(checksum(most, most, 0, new Uint8Array(65_534).fill(0xff))).toBe(~65_534 & 0xffff)
  })
})

test('an odd last octet is the high half of a word', () => {
  expect(sumWords(fromHex('0102 03'))).toBe(0x0102 + 0x0300)
})
