import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { KernelError } from '../../../appliance/base/errors.ts'
import { addressIn, type Ip6, parseIp6, prefixOf, solicitedNode } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { decodeEvents, encodeAnswer, encodeRemoval } from '../../../appliance/fastpath/neighbour-message.ts'
import { macBehind } from '../../../appliance/fastpath/owner.ts'
import { OverlayResolver } from '../../../appliance/fastpath/resolver.ts'
import type { FrameIn, FrameOut, Sockets } from '../../../appliance/fastpath/socket.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import {
  macOf,
  parseNetworkId,
  parseNodeAddress,
  rfc4193Address,
  sitePrefix,
} from '../../../appliance/plane/sixplane.ts'
import { readSolicitation } from '../../../appliance/plane/solicitation.ts'

const network = parseNetworkId('8056c2e21c000001')
const site = siteOf(network, parseNodeAddress('89e92ceee5'))
const other = parseNodeAddress('be3ff01c29')
const farAddress = addressIn(sitePrefix(network, other), 0xfeedn)
const link = { name: 'zt0', index: 7 }

/** RTM_GETNEIGH as neigh_app_ns sends it: header, ndmsg, NDA_DST, NDA_CACHEINFO. */
const question = (address: Ip6, index = 7) =>
  fromHex(`44000000 1e00 0100 00000000 00000000
    0a000000 0${index}000000 0100 00 01
    1400 0100 ${address.toString(16).padStart(32, '0')}
    1400 0300 00000000 00000000 00000000 01000000`)

describe('the MAC behind an address', () => {
  test.for([
    { name: 'another node’s /80', address: farAddress, mac: macOf(network, other) },
    { name: 'another node’s RFC 4193 address', address: rfc4193Address(network, other), mac: macOf(network, other) },
    { name: 'C10 our own /80', address: addressIn(site.sitePrefix, 0x99n), mac: undefined },
    { name: 'our own RFC 4193 address', address: rfc4193Address(network, site.node), mac: undefined },
    { name: 'C10 outside of the network', address: parseIp6('2001:db8::1'), mac: undefined },
    { name: 'link-local', address: parseIp6('fe80::1'), mac: undefined },
    { name: 'owner 0', address: addressIn(site.networkPrefix, 1n), mac: undefined },
    { name: 'owner ff…', address: addressIn(site.networkPrefix, (0xff_0000_0001n << 48n) | 1n), mac: undefined },
  ])('$name', ({ address, mac }) => {
    expect(macBehind(site, address)).toBe(mac)
  })

  test('is defined for every other owner of the /40', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 0xfe_ffff_ffffn), fc.bigInt(0n, 0xffff_ffff_ffffn), (node, host) => {
        fc.pre(node !== site.node)
        const address = addressIn(site.networkPrefix, (node << 48n) | host)
        expect(macBehind(site, address)).toBe(macOf(network, node as typeof other))
      }),
    )
  })
})

describe('messages', () => {
  test('a question is read from what the kernel sends', () => {
    expect(decodeEvents(question(farAddress))).toEqual([{ kind: 'question', link: 7, address: farAddress }])
  })

  test('an answer replaces the entry as reachable', () => {
    expect(toHex(encodeAnswer(7, parseIp6('fc00::1'), macOf(network, other)))).toBe(
      [
        '3c000000 1c00 0101 00000000 00000000', // RTM_NEWNEIGH, REQUEST | REPLACE
        '0a000000 07000000 0200 00 00', // AF_INET6, link 7, NUD_REACHABLE
        '1400 0100 fc000000000000000000000000000001', // NDA_DST
        `0a00 0200 ${macOf(network, other).replaceAll(':', '')} 0000`, // NDA_LLADDR, padded
      ]
        .join('')
        .replaceAll(' ', ''),
    )
  })

  test('a removal names the entry alone', () => {
    expect(toHex(encodeRemoval(7, parseIp6('fc00::1')))).toBe(
      [
        '30000000 1d00 0100 00000000 00000000',
        '0a000000 07000000 0000 00 00',
        '1400 0100 fc000000000000000000000000000001',
      ]
        .join('')
        .replaceAll(' ', ''),
    )
  })

  test('the kernel’s own entries and other families are passed over', () => {
    const entry = question(farAddress)
    entry[4] = 0x1c // RTM_NEWNEIGH
    expect(decodeEvents(entry)).toEqual([])
    const ipv4 = question(farAddress)
    ipv4[16] = 2
    expect(decodeEvents(ipv4)).toEqual([])
  })

  test('any octets are read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(67), (noise, at) => {
        const bytes = question(farAddress)
        bytes.set(noise.subarray(0, bytes.length - at), at)
        for (const each of [bytes, noise])
          try {
            decodeEvents(each)
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError)
          }
      }),
      { numRuns: 1000 },
    )
  })
})

/** The machine in memory: what the kernel asks and peers send goes in by `ask` and `solicit`; what comes out is kept. */
function machine(held: Ip6[] = [site.address]) {
  const sent: Uint8Array[] = []
  const frames: Uint8Array[] = []
  const open = new Set<string>()
  const hooks = {
    ask: (_: Uint8Array) => {},
    lose: (_: KernelError) => {},
    solicit: (_: readonly FrameIn[]) => {},
    refuse: undefined as string | undefined,
  }
  const sockets: Sockets = {
    questions() {
      open.add('questions')
      return {
        listen(onDatagram, onError) {
          hooks.ask = onDatagram
          hooks.lose = onError
        },
        send: datagram => void sent.push(datagram),
        [Symbol.dispose]: () => void open.delete('questions'),
      }
    },
    solicitations(_, prefix) {
      if (hooks.refuse) throw new KernelError('open', 'zt0', hooks.refuse)
      expect(prefix).toEqual(site.sitePrefix)
      open.add('frames')
      const close = () => void open.delete('frames')
      return {
        listen(onBatch) {
          hooks.solicit = onBatch
        },
        send(batch: readonly FrameOut[]) {
          frames.push(...batch.map(({ frame }) => frame))
          return []
        },
        close,
        [Symbol.dispose]: close,
      }
    },
    held: () => new Set(held),
  }
  const clock = { now: () => 0, monotonic: () => 0 }
  const resolver = new OverlayResolver({ link, site, log: silentLog, clock, sockets })
  return { resolver, hooks, sent, frames, open, held }
}

/** A peer's solicitation for one of our addresses: the real one of Linux, with addresses and checksum replaced. */
function solicitation(target: Ip6): FrameIn {
  const source = addressIn(sitePrefix(network, other), 1n)
  const text = (address: Ip6) => address.toString(16).padStart(32, '0')
  const head = `3333ff000000 ${macOf(network, other).replaceAll(':', '')} 86dd 60000000 0020 3a ff`
  const frame = fromHex(`${head} ${text(source)} ${text(solicitedNode(target))} 8700 0000 00000000 ${text(target)}
    0101 ${macOf(network, other).replaceAll(':', '')}`)
  let sum = 0x20 + 58
  for (let i = 22; i < 86; i += 2) sum += (frame[i]! << 8) | frame[i + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  frame.set([(~sum >> 8) & 0xff, ~sum & 0xff], 56)
  if (!readSolicitation(frame)) throw new Error('the test’s own frame is wrong')
  return { frame, outgoing: false }
}

describe('the resolver', () => {
  test('answers all that was asked in one turn in one datagram', async () => {
    const { resolver, hooks, sent } = machine()
    resolver.start()
    const second = addressIn(sitePrefix(network, other), 0xbeefn)
    hooks.ask(question(farAddress))
    hooks.ask(question(second))
    hooks.ask(question(parseIp6('fe80::1')))
    hooks.ask(question(farAddress, 8)) // another link's
    expect(sent).toEqual([])
    await Promise.resolve()
    const mac = macOf(network, other)
    expect(sent.map(each => toHex(each))).toEqual([
      toHex(encodeAnswer(7, farAddress, mac)) + toHex(encodeAnswer(7, second, mac)),
    ])
    expect(resolver.counters()).toMatchObject({ questions: 3, resolved: 2, unknown: 1 })
  })

  test('takes the oldest answers back where there are too many, and whoever asks again is among the newest', async () => {
    const { resolver, hooks, sent } = machine()
    resolver.start()
    const host = (n: number) => addressIn(sitePrefix(network, other), BigInt(n))
    for (let n = 1; n <= 384; n++) hooks.ask(question(host(n)))
    hooks.ask(question(host(1)))
    await Promise.resolve()
    expect(resolver.counters()).toMatchObject({ resolved: 385, takenBack: 0 })
    for (let n = 385; n <= 386; n++) hooks.ask(question(host(n)))
    await Promise.resolve()
    const mac = macOf(network, other)
    const answers = [385, 386].map(n => encodeAnswer(7, host(n), mac))
    expect(toHex(sent[1]!)).toBe(
      [...answers, ...[2, 3].map(n => encodeRemoval(7, host(n)))].map(each => toHex(each)).join(''),
    )
    expect(resolver.counters()).toMatchObject({ resolved: 387, takenBack: 2 })

    const error = (type: string) =>
      fromHex(`24000000 0200 0000 00000000 00000000 feffffff 3c000000 ${type} 0101 00000000 00000000`)
    hooks.ask(error('1d00')) // RTM_DELNEIGH: the kernel was quicker
    expect(resolver.counters()).toMatchObject({ refused: 0 })
    hooks.ask(error('1c00')) // RTM_NEWNEIGH
    expect(resolver.counters()).toMatchObject({ refused: 1 })
  })

  test('answers peers for our /80, but not for what the kernel holds on the link', () => {
    const { resolver, hooks, frames, held } = machine()
    resolver.start()
    const target = addressIn(site.sitePrefix, 0x1234n)
    hooks.solicit([solicitation(target), solicitation(site.address)])
    expect(frames.length).toBe(1)
    expect(toHex(frames[0]!.subarray(6, 12), ':')).toBe(site.mac)
    expect(resolver.counters()).toMatchObject({ solicitations: 2, answered: 1 })

    held.push(target)
    hooks.ask(fromHex('14000000 1400 0000 00000000 00000000 00000000')) // RTM_NEWADDR
    hooks.solicit([solicitation(target)])
    expect(frames.length).toBe(1)
  })

  test('counts lost questions, and goes on after octets that make no sense', async () => {
    const { resolver, hooks, sent } = machine()
    resolver.start()
    hooks.lose(new KernelError('receive on', 'netlink', 'ENOBUFS'))
    hooks.ask(Uint8Array.of(1, 2, 3))
    hooks.ask(question(farAddress))
    await Promise.resolve()
    expect(sent.length).toBe(1)
    expect(resolver.counters()).toMatchObject({ lost: 1, resolved: 1 })
  })

  test('stops with everything closed, and fails to start with nothing open', async () => {
    const { resolver, hooks, sent, open } = machine()
    hooks.refuse = 'EPERM'
    expect(() => resolver.start()).toThrow(expect.objectContaining({ errno: 'EPERM' }))
    expect(open.size).toBe(0)
    hooks.refuse = undefined
    resolver.start()
    resolver.start()
    hooks.ask(question(prefixOf(farAddress, 128).address))
    resolver.stop()
    resolver.stop()
    await Promise.resolve()
    expect(open.size).toBe(0)
    expect(sent).toEqual([])
  })
})
