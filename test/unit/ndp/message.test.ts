import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { parseIp6, parsePrefix, solicitedNode, unspecified } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { decodeMessage, type Envelope, encodeMessage, type Message } from '../../../appliance/ndp/message.ts'
import { icmp6, readPcap } from '../pcap.ts'

const allNodes = parseIp6('ff02::1')
const host = parseIp6('fe80::b')
const target = parseIp6('fc9c:56c2:e389:e92c:eee5::7')
const mac = parseMac('02:00:00:00:00:0b')
const envelope: Envelope = { source: host, destination: allNodes, hopLimit: 255 }
const fromNobody = { source: unspecified, destination: solicitedNode(target) }

const sllao = '01 01 02000000000b'
const tllao = '02 01 02000000000b'
const targetHex = 'fc9c56c2e389e92ceee5000000000007'

describe('bytes of each message', () => {
  test.for<{ name: string; message: Message; bytes: string }>([
    {
      name: 'B02 router solicitation',
      message: { kind: 'router-solicitation', options: [{ kind: 'source-link-layer-address', mac }] },
      bytes: `85 00 0000 00000000 ${sllao}`,
    },
    {
      name: 'A32 router advertisement, every field',
      message: {
        kind: 'router-advertisement',
        currentHopLimit: 64,
        managed: true,
        other: true,
        preference: 'low',
        routerLifetime: 1800,
        reachableTime: 30_000,
        retransTimer: 1000,
        options: [{ kind: 'mtu', mtu: 1500 }],
      },
      bytes: '86 00 0000 40 d8 0708 00007530 000003e8 05 01 0000 000005dc',
    },
    {
      name: 'B04 neighbour solicitation',
      message: { kind: 'neighbour-solicitation', target, options: [{ kind: 'source-link-layer-address', mac }] },
      bytes: `87 00 0000 00000000 ${targetHex} ${sllao}`,
    },
    {
      name: 'B05 neighbour advertisement',
      message: {
        kind: 'neighbour-advertisement',
        router: true,
        solicited: false,
        override: true,
        target,
        options: [{ kind: 'target-link-layer-address', mac }],
      },
      bytes: `88 00 0000 a0000000 ${targetHex} ${tllao}`,
    },
  ])('$name', ({ message, bytes }) => {
    expect(toHex(encodeMessage(message))).toBe(toHex(fromHex(bytes)))
    expect(decodeMessage(fromHex(bytes), envelope)).toEqual(message)
  })

  test('A42 a router that is no default router has no preference as one', () => {
    const read = decodeMessage(fromHex('86 00 0000 00 08 0000 00000000 00000000'), envelope)
    expect(read).toMatchObject({ routerLifetime: 0, preference: 'medium' })
    if (read.kind !== 'router-advertisement') throw new Error(read.kind)
    expect(toHex(encodeMessage({ ...read, preference: 'high' }))).toBe('86000000000000000000000000000000')
  })

  test('A41 the reserved preference of a router counts as medium', () => {
    expect(decodeMessage(fromHex('86 00 0000 00 10 0001 00000000 00000000'), envelope)).toMatchObject({
      preference: 'medium',
    })
  })
})

describe('validity', () => {
  test.for<{ name: string; bytes: string; envelope?: Partial<Envelope> }>([
    { name: 'B01 a hop limit of 254', bytes: '85 00 0000 00000000', envelope: { hopLimit: 254 } },
    { name: 'B01 a code', bytes: '85 01 0000 00000000' },
    { name: 'B01 an option of length 0', bytes: '85 00 0000 00000000 0100' },
    { name: 'B02 a solicitation of 7 octets', bytes: '85 00 0000 000000' },
    {
      name: 'B02 a solicitation from :: with a link-layer address',
      bytes: `85 00 0000 00000000 ${sllao}`,
      envelope: { source: unspecified },
    },
    { name: 'B03 an advertisement of 15 octets', bytes: '86 00 0000 00 00 0000 00000000 000000' },
    {
      name: 'B03 an advertisement from a global address',
      bytes: '86 00 0000 00 00 0000 00000000 00000000',
      envelope: { source: target },
    },
    { name: 'B04 a solicitation of 23 octets', bytes: `87 00 0000 00000000 ${targetHex.slice(2)}` },
    { name: 'B04 a multicast target', bytes: `87 00 0000 00000000 ff02${'00'.repeat(13)}01` },
    {
      name: 'B04 duplicate address detection with a link-layer address',
      bytes: `87 00 0000 00000000 ${targetHex} ${sllao}`,
      envelope: fromNobody,
    },
    {
      name: 'B04 duplicate address detection sent to all nodes',
      bytes: `87 00 0000 00000000 ${targetHex}`,
      envelope: { source: unspecified },
    },
    { name: 'B05 an advertisement of 23 octets', bytes: `88 00 0000 00000000 ${targetHex.slice(2)}` },
    { name: 'B05 a multicast target', bytes: `88 00 0000 00000000 ff02${'00'.repeat(13)}01` },
    { name: 'B05 a solicited advertisement to all nodes', bytes: `88 00 0000 40000000 ${targetHex}` },
    { name: 'B06 a redirect', bytes: `89 00 0000 00000000 ${targetHex}${targetHex}` },
    { name: 'nothing at all', bytes: '' },
  ])('$name is refused', ({ bytes, envelope: other }) => {
    expect(() => decodeMessage(fromHex(bytes), { ...envelope, ...other })).toThrow(DecodeError)
  })

  test.for<{ name: string; bytes: string; envelope?: Partial<Envelope> }>([
    { name: 'B02 a bare solicitation from ::', bytes: '85 00 0000 00000000', envelope: { source: unspecified } },
    { name: 'B09 an unknown option and reserved bits', bytes: '85 00 0000 ffffffff 0e 01 f978657d1aa7' },
    { name: 'B04 duplicate address detection', bytes: `87 00 0000 00000000 ${targetHex}`, envelope: fromNobody },
  ])('$name is accepted', ({ bytes, envelope: other }) => {
    expect(decodeMessage(fromHex(bytes), { ...envelope, ...other }).options).toEqual([])
  })
})

describe('real hosts', () => {
  test.for(['kernel-ra', 'rdisc6', 'dhcpcd', 'networkd', 'udhcpc6'])('B01 every message in %s.pcap is valid', name => {
    const packets = icmp6(readPcap(name), [133, 134, 135, 136])
    expect(packets.length).toBeGreaterThan(3)
    for (const packet of packets) {
      const message = decodeMessage(packet.bytes, packet)
      // Written again it reads the same: nothing of what a host said is lost but options that we don't know.
      expect(decodeMessage(encodeMessage(message), packet)).toEqual(message)
    }
  })

  test('B09 what radvd said in rdisc6.pcap', () => {
    const [packet] = icmp6(readPcap('rdisc6'), [134])
    expect(decodeMessage(packet!.bytes, packet!)).toEqual({
      kind: 'router-advertisement',
      currentHopLimit: 64,
      managed: true,
      other: true,
      preference: 'medium',
      routerLifetime: 0,
      reachableTime: 0,
      retransTimer: 0,
      options: [
        {
          kind: 'prefix-information',
          prefix: parsePrefix('fc5a:c2ad:43be:3ff0:1c29::/80'),
          onLink: true,
          autonomous: false,
          validLifetime: 3600,
          preferredLifetime: 1800,
        },
        {
          kind: 'route-information',
          prefix: parsePrefix('fc5a:c2ad:4300::/40'),
          preference: 'medium',
          lifetime: 600,
        },
        { kind: 'source-link-layer-address', mac: '02:00:00:00:00:01' },
      ],
    })
  })
})

test('any bytes decode or are refused, and nothing else', () => {
  const type = fc.integer({ min: 132, max: 138 })
  fc.assert(
    fc.property(type, fc.uint8Array({ maxLength: 100 }), fc.boolean(), (first, rest, nobody) => {
      const bytes = Uint8Array.of(first, 0, ...rest)
      try {
        decodeMessage(bytes, nobody ? { ...envelope, ...fromNobody } : envelope)
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
      }
    }),
    { numRuns: 2000 },
  )
})
