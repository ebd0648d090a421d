import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, toHex, Writer } from '../../../appliance/base/bytes.ts'
import { bytesOf, parseIp6, unspecified } from '../../../appliance/base/ip6.ts'
import {
  clientMacOf,
  decodeRelayForward,
  encodeRelayReply,
  linkOf,
  type RawOption,
  relayInfoOf,
} from '../../../appliance/dhcp/relay-message.ts'
import { forward, hop, link, peer } from './relayed.ts'

const text = (value: string) => new TextEncoder().encode(value)

const inner = fromHex('01 abcdef')

describe('unwrapping', () => {
  test('D06 H01 the header is 34 octets, and what is not the Relay Message is kept in order', () => {
    const bytes = fromHex(
      '0c 00 fc9c56c2e389e92ceee5850000000001 fe8000000000000000 0000ff fe00000a'.replace(/ /g, '') +
        '0012 0003 657468' + // Interface-Id "eth"
        '0009 0004 01abcdef' +
        '004f 0008 0001 02000000000a', // client link-layer address
    )
    const relayed = decodeRelayForward(bytes)
    expect(relayed).toEqual({
      hops: [
        hop({
          options: [
            { code: 18, bytes: text('eth') },
            { code: 79, bytes: fromHex('0001 02000000000a') },
          ],
        }),
      ],
      message: inner,
    })
  })

  test('H01 8 relays may wrap a message, and 9 may not', () => {
    const hops = (count: number) => Array.from({ length: count }, (_, i) => hop({ hopCount: count - 1 - i }))
    expect(decodeRelayForward(forward(hops(8), inner))).toMatchObject({ message: inner })
    expect(decodeRelayForward(forward(hops(9), inner))).toBe('too-deep')
  })

  const header = `0c00${'00'.repeat(32)}`
  test.for([
    ['E10 no Relay Message', header],
    ['E10 an empty Relay Message', `${header}00090000`],
    ['E10 two Relay Messages', `${header}0009000401abcdef0009000401abcdef`],
    ['E10 a Relay Message that is cut off', `${header}0009000501abcdef`],
    ['E10 a header that is cut off', header.slice(0, -2)],
    ['more options of one relay than an answer can repeat', `${header}00120401${'61'.repeat(1025)}0009000401abcdef`],
  ])('%s is refused', ([, bytes]) => {
    expect(() => decodeRelayForward(fromHex(bytes!))).toThrow(DecodeError)
  })

  test('any bytes are unwrapped or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
        try {
          decodeRelayForward(Uint8Array.of(12, ...bytes))
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('wrapping the answer', () => {
  const option = (code: number, value: string): RawOption => ({ code, bytes: text(value) })

  test('H02 the same relays in the same order, with hop count and both addresses as they came', () => {
    const hops = [
      hop({ hopCount: 1, linkAddress: unspecified, peerAddress: parseIp6('fd00::2'), options: [option(18, 'up')] }),
      hop({ options: [option(18, 'Vlan10')] }),
    ]
    const reply = encodeRelayReply(hops, inner)
    const innerReply = fromHex(
      `0d00 ${toHex(bytesOf(link))} ${toHex(bytesOf(peer))} 0012 0006 ${toHex(text('Vlan10'))} 0009 0004 01abcdef`,
    )
    const expected = new Writer()
      .u8(13)
      .u8(1)
      .zeros(16)
      .bytes(bytesOf(parseIp6('fd00::2')))
    expected.u16(18).sized16(body => body.bytes(text('up')))
    expected.u16(9).sized16(body => body.bytes(innerReply))
    expect(toHex(reply)).toBe(toHex(expected.take()))
  })

  test('H02 an Interface-Id comes back verbatim, whatever octets it has', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), bytes => {
        const reply = encodeRelayReply([hop({ options: [{ code: 18, bytes }] })], inner)
        expect(toHex(reply.subarray(34, 34 + 4 + bytes.length))).toBe(
          toHex(new Writer().u16(18).u16(bytes.length).bytes(bytes).take()),
        )
      }),
    )
  })

  test('H05 what the echo request names comes back, and nothing else of the relay; the source port always', () => {
    const options = [
      option(37, '\0\0\0\tport 7'),
      option(38, 'customer'),
      option(43, '\0\x25\0\x63\0'), // 37, a code that is not there, and half a code
      option(79, '\0\x01abcdef'),
      option(135, '\x16\x2e'),
    ]
    const codes: number[] = []
    const reply = encodeRelayReply([hop({ options })], inner)
    for (let at = 34; at < reply.length; at += 4 + ((reply[at + 2]! << 8) | reply[at + 3]!))
      codes.push((reply[at]! << 8) | reply[at + 1]!)
    expect(codes).toEqual([37, 135, 9])
  })
})

describe('what relays say of a client', () => {
  const outer = hop({ linkAddress: parseIp6('2001:db8::1'), options: [{ code: 18, bytes: text('trunk') }] })

  test('D17 its link is the innermost that is told; one that is not told counts for nothing', () => {
    expect(linkOf([outer, hop()])).toBe(link)
    expect(linkOf([outer, hop({ linkAddress: unspecified })])).toBe(parseIp6('2001:db8::1'))
    expect(linkOf([hop({ linkAddress: unspecified })])).toBe(unspecified)
  })

  test('H04 its MAC is what the first relay saw; on other hardware, and from other relays, it is none', () => {
    const mac = { code: 79, bytes: fromHex('0001 02000000000a') }
    expect(clientMacOf([outer, hop({ options: [mac] })])).toBe('02:00:00:00:00:0a')
    expect(clientMacOf([hop({ options: [mac] }), hop()])).toBeUndefined()
    expect(clientMacOf([hop({ options: [{ code: 79, bytes: fromHex('0020 02000000000a') }] })])).toBeUndefined()
    expect(clientMacOf([hop({ options: [{ code: 79, bytes: fromHex('0001 0200') }] })])).toBeUndefined()
  })

  test('H05 its port, its Remote-ID with the enterprise number, its Subscriber-ID: the nearest relay counts', () => {
    const options = [
      { code: 18, bytes: text('Vlan10') },
      { code: 37, bytes: fromHex('00000009 00ff') },
      { code: 38, bytes: text('house 12\x1b[2J') },
    ]
    expect(relayInfoOf([outer, hop({ options })])).toEqual({
      interfaceId: 'Vlan10',
      remoteId: '9:00:ff',
      subscriberId: toHex(text('house 12\x1b[2J'), ':'), // nothing that a terminal would obey
    })
    expect(relayInfoOf([outer, hop()])).toEqual({ interfaceId: 'trunk', remoteId: undefined, subscriberId: undefined })
    expect(relayInfoOf([hop({ options: [{ code: 37, bytes: text('abc') }] })]).remoteId).toBeUndefined()
  })
})
