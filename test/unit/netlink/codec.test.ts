import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { bytesOf, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { decodeAddress, encodeAddress, encodeAddressRemoval } from '../../../appliance/netlink/address-message.ts'
import { decodeError, decodeMessages, encodeBody, encodeMessage } from '../../../appliance/netlink/codec.ts'
import type { Route, Rule } from '../../../appliance/netlink/kernel.ts'
import { decodeLink, encodeAllMulticast } from '../../../appliance/netlink/link-message.ts'
import { decodeFound, decodeNeighbour, encodeNeighbour, isKept } from '../../../appliance/netlink/neighbour-message.ts'
import { decodeRoute, encodeRoute, encodeRouteDump, isOurs } from '../../../appliance/netlink/route-message.ts'
import { decodeRule, encodeRule } from '../../../appliance/netlink/rule-message.ts'

const buffer = (hex: string) => Buffer.from(fromHex(hex))
const plain = (bytes: Uint8Array) => toHex(bytes)
const hex = (...parts: string[]) => parts.join('').replaceAll(' ', '')

const siteAddress = { link: 3, address: parseIp6('fc9d:72cd:5a89:e92c:eee5::1'), length: 80 }
const networkRoute: Route = {
  table: 80,
  kind: 'unicast',
  destination: parsePrefix('fc9d:72cd:5a00::/40'),
  link: 4,
  via: parseIp6('fe80::5'),
  metric: 64,
  protocol: 80,
}

describe('octets as the kernel wants them', () => {
  test('an address: no duplicate detection, protocol 80', () => {
    expect(plain(encodeAddress(siteAddress))).toBe(
      hex('0a 50 00 00 03000000', '1400 0200 fc9d72cd5a89e92ceee5000000000001', '0800 0800 02000000', '0500 0b00 50'),
    )
    expect(plain(encodeAddressRemoval(siteAddress))).toBe(
      hex('0a 50 00 00 03000000', '1400 0200 fc9d72cd5a89e92ceee5000000000001'),
    )
  })

  test('a route through a next hop', () => {
    expect(plain(encodeRoute(networkRoute))).toBe(
      hex(
        '0a 28 00 00 50 50 00 01 00000000',
        '1400 0100 fc9d72cd5a0000000000000000000000',
        '0800 0400 04000000',
        '1400 0500 fe800000000000000000000000000005',
        '0800 0600 40000000',
        '0800 0f00 50000000',
      ),
    )
  })

  test('a table above 255 goes into its attribute alone, a default route has no destination', () => {
    const route = encodeRoute({
      ...networkRoute,
      table: 1000,
      destination: parsePrefix('::/0'),
      link: undefined,
      via: undefined,
    })
    expect(plain(route)).toBe(hex('0a 00 00 00 00 50 00 01 00000000', '0800 0600 40000000', '0800 0f00 e8030000'))
  })

  test('a dump of one table', () => {
    expect(plain(encodeRouteDump({ table: 80 }))).toBe(hex('0a 00 00 00 50 00 00 00 00000000', '0800 0f00 50000000'))
    expect(plain(encodeRouteDump({ protocol: 80 }))).toBe(hex('0a 00 00 00 00 50 00 00 00000000'))
  })

  test('a rule that lets longer prefixes of the main table win', () => {
    const rule: Rule = {
      priority: 1079,
      destination: parsePrefix('fc9d:72cd:5a89:e92c:eee5::/80'),
      inputLink: undefined,
      action: { kind: 'lookup', table: 254, suppressPrefixLength: 80 },
      protocol: 80,
    }
    expect(plain(encodeRule(rule))).toBe(
      hex(
        '0a 50 00 00 00 00 00 01 00000000',
        '1400 0100 fc9d72cd5a89e92ceee5000000000000',
        '0800 0600 37040000',
        '0800 0e00 50000000',
        '0800 0f00 fe000000',
        '0500 1500 50',
      ),
    )
  })

  test('all-multicast changes one flag', () => {
    expect(plain(encodeAllMulticast(3, true))).toBe(hex('00 00 0000 03000000 00020000 00020000'))
    expect(plain(encodeAllMulticast(3, false))).toBe(hex('00 00 0000 03000000 00000000 00020000'))
  })

  test('a message with its header', () => {
    const message = encodeMessage({ type: 26, flags: 0x301, seq: 7, body: encodeRouteDump({ protocol: 80 }) })
    expect(plain(message)).toBe(hex('1c000000 1a00 0103 07000000 00000000', '0a 00 00 00 00 50 00 00 00000000'))
    expect(decodeMessages(message)).toMatchObject([{ type: 26, flags: 0x301, seq: 7 }])
  })
})

describe('what is encoded is decoded', () => {
  test('addresses', () => {
    expect(decodeAddress(Buffer.from(encodeAddress(siteAddress)))).toEqual({
      ...siteAddress,
      protocol: 80,
      scope: 'global',
      tentative: false,
      dadFailed: false,
    })
  })

  test.for<Route>([
    networkRoute,
    { ...networkRoute, kind: 'unreachable', link: undefined, via: undefined, metric: 4096 },
    { ...networkRoute, table: 1000, destination: parsePrefix('::/0') },
  ])('route %$', route => {
    expect(decodeRoute(Buffer.from(encodeRoute(route)))).toEqual(route)
  })

  test.for<Rule>([
    { priority: 1081, destination: undefined, inputLink: 'lan.5', action: { kind: 'prohibit' }, protocol: 80 },
    {
      priority: 1080,
      destination: parsePrefix('fc9d:72cd:5a00::/40'),
      inputLink: undefined,
      action: { kind: 'lookup', table: 1000 },
      protocol: 80,
    },
  ])('rule %$', rule => {
    expect(decodeRule(Buffer.from(encodeRule(rule)))).toEqual(rule)
  })

  test.for([true, false])('neighbour, permanent %s', permanent => {
    const neighbour = { link: 4, address: parseIp6('fe80::5'), mac: parseMac('00:00:5e:00:53:01'), permanent }
    expect(decodeNeighbour(Buffer.from(encodeNeighbour(neighbour)))).toEqual(neighbour)
  })
})

describe('what the kernel says', () => {
  test('a link: flags, name, MAC', () => {
    const body = encodeBody(fromHex('00 00 0100 03000000 43120100 00000000'), [
      [3, 'lan.5'],
      [4, 1500],
      [1, fromHex('02:00:00:00:00:01')],
    ])
    expect(decodeLink(Buffer.from(body))).toEqual({
      index: 3,
      name: 'lan.5',
      mac: '02:00:00:00:00:01',
      mtu: 1500,
      up: true,
      carrier: true,
      loopback: false,
      allMulticast: true,
    })
  })

  test('an unreachable route has the loopback as link in a dump, and none for us', () => {
    const body = Buffer.from(encodeRoute({ ...networkRoute, kind: 'unreachable', link: 1, via: undefined }))
    expect(decodeRoute(body)?.link).toBeUndefined()
  })

  test('rules without suppression say so by all ones; goto is no rule of ours', () => {
    const body = encodeBody(fromHex('0a 00 00 00 fe 00 00 01 00000000'), [[14, 0xffff_ffff]])
    expect(decodeRule(Buffer.from(body))?.action).toEqual({ kind: 'lookup', table: 254 })
    expect(decodeRule(buffer('0a 00 00 00 00 00 00 02 00000000'))).toBeUndefined()
  })

  test('the kernel’s own neighbours are passed over by their header', () => {
    const header = (state: string, flags: string) => buffer(`0a000000 04000000 ${state} ${flags} 01`)
    expect([header('0200', '00'), header('0400', '80'), header('4000', '00')].map(isKept)).toEqual([
      false,
      false,
      false,
    ])
    expect([header('8000', '00'), header('0200', '10')].map(isKept)).toEqual([true, true])
  })

  test('neighbours that the kernel has found are those that it has a MAC for', () => {
    const address = parseIp6('fc9c:56c2:e311:aa22:bb33::5')
    const entry = (state: string) =>
      Buffer.from(encodeBody(buffer(`0a000000 04000000 ${state} 00 01`), [[1, Buffer.from(bytesOf(address))]]))
    for (const state of ['0200', '0400', '0800', '1000']) expect(decodeFound(entry(state))).toBe(address)
    for (const state of ['0000', '0100', '2000', '8000']) expect(decodeFound(entry(state))).toBeUndefined()
  })

  test('others’ routes are told by their header', () => {
    const header = (table: string, protocol: string) => buffer(`0a 40 00 00 ${table} ${protocol} 00 01 00000000`)
    expect(isOurs(header('fe', '03'))).toBe(false)
    expect(isOurs(header('50', '03'))).toBe(true)
    expect(isOurs(header('fe', '50'))).toBe(true)
    expect(isOurs(buffer('0a'))).toBe(false)
  })

  test('an error with the kernel’s sentence, its request repeated or capped', () => {
    const sentence = `1400 0100 ${Buffer.from('No such table\0').toString('hex')}0000`
    const request = '1c000000 1a00 0103 07000000 00000000 0a0000000050000000000000'
    const error = (flags: number, body: string) => decodeError({ type: 2, flags, seq: 7, port: 0, data: buffer(body) })
    expect(error(0x200, `feffffff ${request} ${sentence}`)).toEqual({ errno: 'ENOENT', text: 'No such table' })
    expect(error(0x300, `feffffff ${request.slice(0, 36)} ${sentence}`)).toEqual({
      errno: 'ENOENT',
      text: 'No such table',
    })
    expect(error(0x100, `feffffff ${request.slice(0, 36)}`)).toEqual({ errno: 'ENOENT', text: undefined })
    expect(error(0x100, `00000000 ${request.slice(0, 36)}`)).toBeUndefined()
    expect(decodeError({ type: 3, flags: 2, seq: 7, port: 0, data: buffer('feffffff') })).toMatchObject({
      errno: 'ENOENT',
    })
    expect(decodeError({ type: 3, flags: 2, seq: 7, port: 0, data: buffer('00000000') })).toBeUndefined()
  })
})

test('any octets decode or are refused, and nothing else', () => {
  const decoders = [decodeLink, decodeAddress, decodeRoute, decodeRule, decodeNeighbour]
  const real = [
    encodeAddress(siteAddress),
    encodeRoute(networkRoute),
    encodeRule({
      priority: 1,
      destination: networkRoute.destination,
      inputLink: 'x',
      action: { kind: 'prohibit' },
      protocol: 80,
    }),
  ]
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 90 }), fc.nat(90), fc.constantFrom(...real), (noise, at, base) => {
      const bytes = Buffer.from(base)
      bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length))
      for (const decode of [...decoders, decodeMessages])
        for (const each of [bytes, Buffer.from(noise)])
          try {
            decode(each)
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError)
          }
    }),
    { numRuns: 1000 },
  )
})
