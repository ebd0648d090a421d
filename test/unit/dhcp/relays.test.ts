import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../appliance/base/bytes.ts'
import { contains, type Ip6, parseIp6, unspecified } from '../../../appliance/base/ip6.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption } from '../../../appliance/dhcp/options.ts'
import { decodeRelayForward, type Hop } from '../../../appliance/dhcp/relay-message.ts'
import type { Segment } from '../../../appliance/dhcp/relays.ts'
import { allRelayedServers, allServers } from '../../../appliance/dhcp/socket.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { Bench, fromA } from './lan-bench.ts'
import { forward, hop, link } from './relayed.ts'
import { ia, macA, message, offered, onlyAddress, scopeOf, site } from './scene.ts'

const via = parseIp6('fc9c:56c2:e389:e92c:eee5::2')
const plan = lanPlan(site, 5)
const segment = (over: Partial<Segment> = {}): Segment => ({
  scope: scopeOf({ plan, offers: offered({ dns: { servers: [parseIp6('fd00::53')], search: [] } }) }),
  via,
  sources: [],
  linkAddresses: [],
  ...over,
})

interface From {
  readonly address?: Ip6
  readonly port?: number
  readonly destination?: Ip6
  readonly hops?: readonly Hop[]
}

/** A LAN server with segments, and what relays send it. */
class RelayBench extends Bench {
  constructor(segments: readonly Segment[] = [segment()]) {
    super()
    this.server.update(scopeOf(), segments)
  }

  forward(from: From, ...messages: readonly Message[]): void {
    const { address = via, port = 547, destination = allServers, hops = [hop()] } = from
    const batch = messages.map(each => forward(hops, encodeMessage(each)))
    this.datagrams.deliver(batch.map(bytes => ({ bytes, address, destination, port, link: 2 })))
  }

  /** Where the last answer went, and the client's part of it. */
  get answer(): { to: Ip6; port: number; hops: readonly Hop[]; message: Message } | undefined {
    const sent = this.datagrams.sent.flat().at(-1)
    if (!sent) return undefined
    expect(sent.bytes[0]).toBe(MessageType.relayReply)
    // A Relay-reply has the form of a Relay-forward.
    const depth = (bytes: Uint8Array): Uint8Array => {
      if (bytes[0] !== MessageType.relayReply) return bytes
      return Uint8Array.of(MessageType.relayForward, ...bytes.subarray(1))
    }
    const hops: Hop[] = []
    let bytes = sent.bytes
    while (bytes[0] === MessageType.relayReply) {
      const relayed = decodeRelayForward(depth(bytes))
      if (relayed === 'too-deep') throw new Error('too deep')
      hops.push(...relayed.hops)
      bytes = relayed.message
    }
    return { to: sent.address, port: sent.port, hops, message: decodeMessage(bytes) }
  }
}

const request = message('request', [ia(), { kind: 'option-request', codes: [23] }])

describe('a segment behind a relay', () => {
  test('H01 H02 is served with its own prefix and settings, and the answer goes back through the relay', async () => {
    await using bench = new RelayBench()
    const hops = [hop({ options: [{ code: 18, bytes: Uint8Array.of(0, 255, 7) }] })]
    bench.forward({ hops }, request)
    const { to, port, message, hops: back } = bench.answer!
    expect([to, port]).toEqual([via, 547])
    expect(back).toEqual(hops)
    expect(message).toMatchObject({ type: MessageType.reply, transaction: request.transaction })
    expect(contains(plan.prefix, onlyAddress(message))).toBe(true)
    expect(message.options).toContainEqual({ kind: 'dns-servers', servers: [parseIp6('fd00::53')] })
    expect([...bench.store.all()]).toMatchObject([{ subnet: 5, mac: macA }])
    expect(bench.server.activeLeases()).toBe(0) // those are of the LAN itself
    expect(bench.server.segments()).toMatchObject([{ activeLeases: 1, heardAt: expect.any(Number) }])
    expect(bench.server.counters()).toMatchObject({ answered: 1, questions: 0 })
  })

  test.for<[string, From]>([
    ['to all servers of the link', { destination: allServers }],
    ['D01 to all servers of the site', { destination: allRelayedServers }],
    ['D01 to us alone', { destination: parseIp6('fc9c:56c2:e389:e92c:eee5::1') }],
    ['from its address in the segment', { address: link }],
  ])('H01 a Relay-forward %s is answered', async ([, from]) => {
    await using bench = new RelayBench()
    bench.forward(from, request)
    expect(bench.answer?.to).toBe(from.address ?? via)
  })

  test('D02 H03 the answer goes to port 547, or to the port that the relay sent from where it asks for that', async () => {
    await using bench = new RelayBench()
    bench.forward({ port: 40_000 }, request)
    expect(bench.answer?.port).toBe(547)
    const asks = hop({ options: [{ code: 135, bytes: Uint8Array.of(0, 0) }] })
    bench.forward({ port: 40_000, hops: [asks] }, request)
    expect(bench.answer).toMatchObject({ port: 40_000, hops: [asks] })
    bench.forward({ port: 40_000, hops: [hop({ hopCount: 1 }), asks] }, request) // the next relay's affair
    expect(bench.answer?.port).toBe(547)
  })

  test('D17 several relays: the innermost link counts, also where relays between them tell none', async () => {
    await using bench = new RelayBench([segment(), segment({ scope: scopeOf({ plan: lanPlan(site, 6) }) })])
    const outer = hop({ hopCount: 2, linkAddress: lanPlan(site, 6).router, peerAddress: parseIp6('fd00::7') })
    const between = hop({ hopCount: 1, linkAddress: unspecified, peerAddress: parseIp6('fd00::8') })
    bench.forward({ hops: [outer, between, hop()] }, request)
    expect(contains(plan.prefix, onlyAddress(bench.answer!.message))).toBe(true)
    expect(bench.answer!.hops).toEqual([outer, between, hop()])
  })

  test('D17 a relay that tells no link, or ours, stands on the LAN itself', async () => {
    await using bench = new RelayBench()
    for (const linkAddress of [unspecified, scopeOf().plan.router, via]) {
      bench.forward({ hops: [hop({ linkAddress })] }, request)
      expect(contains(plan.prefix, onlyAddress(bench.answer!.message))).toBe(false)
    }
    expect([...bench.store.all()]).toMatchObject([{ subnet: undefined }])
  })

  test('a segment may go by an address of another kind', async () => {
    const linkAddress = parseIp6('2001:db8:5::1')
    await using bench = new RelayBench([segment({ linkAddresses: [linkAddress] })])
    bench.forward({ hops: [hop({ linkAddress })] }, request)
    expect(contains(plan.prefix, onlyAddress(bench.answer!.message))).toBe(true)
  })

  test('H04 the MAC that the relay saw tells a copied host from the first one, which nobody can ask there', async () => {
    await using bench = new RelayBench()
    const seen = (last: number) =>
      hop({
        options: [{ code: 79, bytes: Uint8Array.of(0, 1, 2, 0, 0, 0, 0, last) }],
        peerAddress: parseIp6('fe80::9'),
      })
    bench.forward({ hops: [seen(1)] }, request)
    const first = onlyAddress(bench.answer!.message)
    bench.later = 60_000
    bench.forward({ hops: [seen(2)] }, request)
    const copy = onlyAddress(bench.answer!.message)
    expect(copy).not.toBe(first)
    expect(bench.server.clones()).toMatchObject([{ mac: '02:00:00:00:00:02', address: copy }])
    // A lease that has ended holds nobody off: the host has a new card.
    bench.later = 90_000_000
    bench.forward({ hops: [seen(3)] }, request)
    expect(onlyAddress(bench.answer!.message)).toBe(first)
  })

  test('H05 what a relay supplies goes to a client that asks for it, where it may be supplied at all', async () => {
    await using bench = new RelayBench()
    const domain = fromHex('0041 0004 02657500') // option 65
    const dns = fromHex('0017 0010 fd000000000000000000000000000099') // not a relay's to give
    const supplies = (...bytes: Uint8Array[]) => hop({ options: bytes.map(each => ({ code: 66, bytes: each })) })
    const outer = supplies(fromHex('0041 0004 02787800'))
    const asking = message('request', [ia(), { kind: 'option-request', codes: [23, 65] }])
    const unknown = () => bench.answer!.message.options.filter(({ kind }) => kind === 'unknown')
    bench.forward({ hops: [outer, supplies(domain, dns, fromHex('0041 ff'))] }, asking)
    expect(unknown()).toEqual([{ kind: 'unknown', code: 65, bytes: domain.slice(4) }]) // of the relay nearest to it
    expect(findOption(bench.answer!.message.options, 'dns-servers')?.servers).toEqual([parseIp6('fd00::53')])
    bench.forward({ hops: [supplies(domain)] }, request)
    expect(unknown()).toEqual([])
  })

  test('a reload takes a segment away, and another sees its relay', async () => {
    await using bench = new RelayBench()
    bench.server.update(scopeOf(), [])
    bench.forward({}, request)
    expect(bench.answer).toBeUndefined()
    expect(bench.server.counters()['ignored.noRelays']).toBe(1)
  })
})

describe('what is not heard', () => {
  const stranger = parseIp6('fc9c:56c2:e389:e92c:eee5::bad')

  test('H01 a relay that is not configured: dropped, counted, and named with what to do', async () => {
    await using bench = new RelayBench()
    bench.forward({ address: stranger }, request, request)
    expect(bench.answer).toBeUndefined()
    expect(bench.server.counters()).toMatchObject({ ignored: 2, 'ignored.unknownRelay': 2 })
    expect(bench.server.notices()).toEqual([
      'DHCPv6 on eth1: messages of the relay fc9c:56c2:e389:e92c:eee5::bad are dropped: it is neither relay.address nor in relay.sources of a LAN',
    ])
    bench.later = 3_600_000
    expect(bench.server.notices()).toEqual([])
    bench.server.update(scopeOf(), [segment({ sources: [stranger] })])
    bench.forward({ address: stranger }, request)
    expect(bench.answer?.to).toBe(stranger)
  })

  test('H01 a relay that speaks for a link that is not its own', async () => {
    const other = parseIp6('fc9c:56c2:e389:e92c:eee5::3')
    await using bench = new RelayBench([segment(), segment({ scope: scopeOf({ plan: lanPlan(site, 6) }), via: other })])
    bench.forward({ address: other }, request) // of segment 6, for segment 5
    bench.forward({ hops: [hop({ linkAddress: parseIp6('2001:db8::1') })] }, request)
    expect(bench.answer).toBeUndefined()
    expect(bench.server.counters()['ignored.unknownLink']).toBe(2)
    expect(bench.server.notices()[0]).toContain('for the link 2001:db8::1 are dropped')
  })

  test('H01 more than 8 relays, a Relay-reply, a client that speaks as a relay: each by its reason', async () => {
    await using bench = new RelayBench()
    bench.forward({ hops: Array.from({ length: 9 }, () => hop()) }, request)
    bench.forward({ address: fromA }, request)
    const bytes = Uint8Array.of(MessageType.relayReply, ...new Uint8Array(33))
    bench.datagrams.deliver([{ bytes, address: fromA, destination: allServers, port: 547, link: 2 }])
    bench.forward({}, message('advertise', []))
    expect(bench.answer).toBeUndefined()
    expect(bench.server.counters()).toMatchObject({
      ignored: 4,
      'ignored.tooManyRelays': 1,
      'ignored.unknownRelay': 1,
      'ignored.notForServers': 2, // E02
    })
  })

  test('E10 damaged copies of a Relay-forward are refused, ignored or answered, and nothing else', async () => {
    await using bench = new RelayBench()
    const options = [
      { code: 18, bytes: fromHex('0102') },
      { code: 43, bytes: fromHex('00250026') },
      { code: 66, bytes: fromHex('0041 0004 02657500') },
      { code: 79, bytes: fromHex('0001 02000000000a') },
    ]
    const solicit = message('solicit', [ia(), { kind: 'option-request', codes: [23, 65] }])
    const whole = forward([hop({ hopCount: 1, options }), hop({ options })], encodeMessage(solicit))
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(damage, fc.nat(whole.length), (changes, length) => {
        const bytes = whole.slice()
        for (const [at, value] of changes) bytes[at] = value
        const batch = [bytes, bytes.slice(0, length)]
        bench.datagrams.deliver(
          batch.map(each => ({ bytes: each, address: via, destination: allServers, port: 547, link: 2 })),
        )
      }),
      { numRuns: 2000 },
    )
    const { bugs, received, answered, ignored, malformed } = bench.server.counters()
    expect([bugs, received]).toEqual([0, 4000])
    expect(answered).toBeGreaterThan(0)
    expect(ignored + malformed).toBeGreaterThan(1000)
  })

  test('E10 a malformed Relay-forward costs nobody else an answer', async () => {
    await using bench = new RelayBench()
    const whole = forward([hop()], encodeMessage(request))
    const cut = whole.subarray(0, whole.length - 1)
    const both = [cut, whole].map(bytes => ({ bytes, address: via, destination: allServers, port: 547, link: 2 }))
    bench.datagrams.deliver(both)
    expect(bench.server.counters()).toMatchObject({ malformed: 1, answered: 1, bugs: 0 })
    expect(bench.lines).toEqual([])
  })
})
