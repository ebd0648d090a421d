import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { formatIp4, parseIp4 } from '../../../appliance/base/ip4.ts'
import { decodeMessage, encodeMessage } from '../../../appliance/dhcp4/codec.ts'
import { decodeArp, decodeDatagram, encodeDatagram, encodeProbe } from '../../../appliance/dhcp4/frame.ts'
import { macA, macB, message } from './scene.ts'

/** A request with these octets of options, as a client writes it. */
function wire(options: string, over: { at: number; hex: string }[] = []): Uint8Array {
  const header = new Uint8Array(240)
  header.set(fromHex('01 01 06 00 12345678 0001 8000'))
  header.set(fromHex('02000000000a'), 28)
  header.set(fromHex('63825363'), 236)
  for (const { at, hex } of over) header.set(fromHex(hex), at)
  return Uint8Array.from([...header, ...fromHex(options)])
}

const optionsIn = (bytes: Uint8Array) =>
  [...decodeMessage(bytes).options].map(([code, value]) => `${code}:${toHex(value)}`).join(' ')

afterEach(() => vi.restoreAllMocks())

describe('messages', () => {
  test('go round', () => {
    const asked = message('request', { wants: '192.168.8.5', id: Uint8Array.of(0, 255, 128), broadcast: true })
    expect(decodeMessage(encodeMessage(asked))).toEqual(asked)
    expect(encodeMessage(asked).length).toBe(300)
  })

  test.for([
    ['pads between options', '00 350101 0000 3204c0a80805 ff', '53:01 50:c0a80805'],
    ['parts of one option', '5002 0102 350101 5001 03 ff', '80:010203 53:01'],
    ['an option of unusual length', '3202c0a8 350101 ff', '50:c0a8 53:01'],
    ['an option that nobody knows', 'e10101 350101 ff', '225:01 53:01'],
    ['an identifier that is no text', '3d0300ff80 350101 ff', '61:00ff80 53:01'],
    ['no end', '350101', '53:01'],
  ])('with %s', ([, options, expected]) => {
    const said = vi.spyOn(console, 'error')
    expect(optionsIn(wire(options!))).toBe(expected)
    expect(said).not.toHaveBeenCalled()
  })

  test('options in the fields of names', () => {
    const bytes = wire('350101 340103 ff', [
      { at: 108, hex: '0c026869ff' },
      { at: 44, hex: '3204c0a80805ff' },
    ])
    expect(optionsIn(bytes)).toBe('53:01 52:03 12:6869 50:c0a80805')
  })

  test.for([
    ['too short', wire('').subarray(0, 239)],
    ['another cookie', wire('ff', [{ at: 236, hex: '00000000' }])],
    ['another kind of card', wire('ff', [{ at: 1, hex: '20' }])],
    ['a hardware address of 255 octets', wire('ff', [{ at: 2, hex: 'ff' }])],
    ['an operation of neither side', wire('ff', [{ at: 0, hex: '03' }])],
    ['an option that ends behind the message', wire('3204c0a8')],
    ['an option without a length', wire('32')],
  ] as const)('%s is refused', ([, bytes]) => {
    expect(() => decodeMessage(bytes)).toThrow(DecodeError)
  })

  test('any octets decode or are refused, and nothing else', () => {
    const options = fc.uint8Array({ maxLength: 120 })
    fc.assert(
      fc.property(options, fc.uint8Array({ minLength: 236, maxLength: 236 }), fc.boolean(), (tail, head, plain) => {
        const bytes = Uint8Array.from([...wire(''), ...tail])
        if (!plain) bytes.set(head)
        refusedAtMost(() => decodeMessage(bytes))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('frames', () => {
  const end = (mac: typeof macA, address: string, port: number) => ({ mac, address: parseIp4(address), port })
  const datagram = {
    source: end(macA, '192.168.8.1', 67),
    destination: end(macB, '192.168.8.100', 68),
    bytes: Uint8Array.of(1, 2, 3),
  }

  test('as on the wire, with both checksums', () => {
    expect(toHex(encodeDatagram(datagram))).toBe(
      '02000000000b02000000000a0800' + '4500001f00000000401' + '1e918c0a80801c0a80864' + '00430044000b6999010203',
    )
    expect(decodeDatagram(encodeDatagram(datagram))).toEqual(datagram)
  })

  test('any octets decode or are refused, and nothing else', () => {
    const frame = encodeDatagram(datagram)
    fc.assert(
      fc.property(fc.nat(frame.length - 1), fc.nat(255), fc.nat(frame.length), (at, value, length) => {
        const bytes = frame.slice(0, length)
        if (at < length) bytes[at] = value
        refusedAtMost(() => decodeDatagram(bytes))
        refusedAtMost(() => decodeArp(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  test('a probe names nobody as its sender', () => {
    const { operation, address, target, mac } = decodeArp(encodeProbe(macA, parseIp4('192.168.8.5')))
    expect([operation, formatIp4(address), formatIp4(target), mac]).toEqual(['request', '0.0.0.0', '192.168.8.5', macA])
  })
})

function refusedAtMost(decode: () => unknown): void {
  try {
    decode()
  } catch (error) {
    expect(error).toBeInstanceOf(DecodeError)
  }
}
