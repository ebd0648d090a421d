import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, Reader, Writer } from '../../../appliance/base/bytes.ts'
import { decodeName, encodeName, hostName } from '../../../appliance/base/domain-name.ts'

const decode = (bytes: string) => decodeName(new Reader(fromHex(bytes)))
function encode(name: string, partial = false): Uint8Array {
  const out = new Writer()
  encodeName(name, out, partial)
  return out.take()
}

describe('on the wire', () => {
  test.for([
    { name: 'the root', text: '', partial: false, bytes: '00' },
    { name: 'two labels', text: 'pc.lan', partial: false, bytes: '02 7063 03 6c616e 00' },
    { name: 'a name that its domain is still to be added to', text: 'pc', partial: true, bytes: '02 7063' },
  ])('$name', ({ text, partial, bytes }) => {
    expect(encode(text, partial)).toEqual(fromHex(bytes))
    expect(decode(bytes)).toEqual({ name: text, partial })
  })

  test('a final dot is no label of its own', () => {
    expect(encode('pc.lan.')).toEqual(encode('pc.lan'))
  })

  test.for([
    { name: 'a compression pointer', bytes: '03 6c616e c000' },
    { name: 'a label that is cut off', bytes: '03 6c61' },
    { name: 'a dot inside a label', bytes: '03 6c2e6e 00' },
    { name: 'more than 255 octets', bytes: '01 61'.repeat(128) },
  ])('$name is refused', ({ bytes }) => {
    expect(() => decode(bytes)).toThrow(DecodeError)
  })

  test.for(['a..b', '.a', 'a'.repeat(64), Array(128).fill('a').join('.')])('%s can not be written', name => {
    expect(() => encode(name)).toThrow(RangeError)
  })

  test('any bytes decode or are refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        try {
          decodeName(new Reader(bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
    )
  })
})

test.for([
  ['PC-7.lan', 'pc-7.lan'],
  ['pc', 'pc'],
  ['-pc', undefined],
  ['pc<script>', undefined],
  ['a b', undefined],
  ['', undefined],
])('J09 %s as a host name', ([name, result]) => {
  expect(hostName(name!)).toBe(result)
})
