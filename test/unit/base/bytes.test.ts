import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, equalBytes, fromHex, Reader, toHex, Writer } from '../../../appliance/base/bytes.ts'

describe('what a writer wrote a reader reads', () => {
  const field = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
    fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
    fc.record({ kind: fc.constant('u24' as const), value: fc.integer({ min: 0, max: 0xff_ffff }) }),
    fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffff_ffff }) }),
    fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array({ maxLength: 40 }) }),
  )

  test('field by field, across every growth of the buffer', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 60 }), fields => {
        const out = new Writer(1)
        for (const { kind, value } of fields) {
          if (kind === 'bytes') out.bytes(value)
          else out[kind](value)
        }
        const reader = new Reader(out.take())
        for (const { kind, value } of fields) {
          if (kind === 'bytes') expect(equalBytes(reader.bytes(value.length), value)).toBe(true)
          else expect(reader[kind]()).toBe(value)
        }
        expect(reader.left).toBe(0)
      }),
    )
  })

  test('in network order', () => {
    const out = new Writer().u8(0x01).u16(0x0203).u24(0x040506).u32(0xfffefdfc).zeros(2)
    expect(toHex(out.take())).toBe('010203040506fffefdfc0000')
  })

  test('a length stands before what it measures, nested too', () => {
    const out = new Writer(1).u16(3).sized16(ia =>
      ia
        .u32(7)
        .u16(5)
        .sized16(address => address.zeros(16)),
    )
    expect(toHex(out.take())).toBe(`0003 0018 00000007 0005 0010 ${'00'.repeat(16)}`.replaceAll(' ', ''))
  })

  test('an octet can be put right afterwards, but not before', () => {
    const out = new Writer().u16(0)
    expect(toHex(out.patch8(1, 0xab).take())).toBe('00ab')
    expect(() => out.patch8(2, 1)).toThrow(RangeError)
  })

  test('zeros after a growth are zeros', () => {
    expect(toHex(new Writer(2).u32(0xffff_ffff).zeros(3).u8(1).take())).toBe('ffffffff00000001')
  })
})

describe('a reader can not overrun', () => {
  test('at any read past the end, and stays where it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.integer({ min: -3, max: 12 }), (bytes, count) => {
        const reader = new Reader(bytes)
        if (count >= 0 && count <= bytes.length) {
          expect(reader.bytes(count)).toEqual(bytes.subarray(0, count))
        } else {
          expect(() => reader.bytes(count)).toThrow(DecodeError)
          expect(reader.left).toBe(bytes.length)
        }
      }),
    )
  })

  test('out of its part of a packet', () => {
    const outer = new Reader(fromHex('0102030405'))
    const inner = outer.skip(1).sub(2)
    expect([inner.u16(), inner.left]).toEqual([0x0203, 0])
    expect(() => inner.u8()).toThrow('1 octets wanted where 0 are left')
    expect(outer.u16()).toBe(0x0405)
  })
})

describe('hex', () => {
  test('to bytes and back', () => {
    fc.assert(
      fc.property(fc.uint8Array(), bytes => {
        expect(fromHex(toHex(bytes, ':'))).toEqual(bytes)
      }),
    )
  })

  test.for(['0', '0g', '01 2', 'zz'])('"%s" is refused', text => {
    expect(() => fromHex(text)).toThrow(DecodeError)
  })
})
