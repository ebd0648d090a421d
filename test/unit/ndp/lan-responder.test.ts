import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { allNodes, formatPrefix, type Ip6, parseIp6, solicitedNode, unspecified } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { LanResponder } from '../../../appliance/ndp/lan-responder.ts'
import { decodeMessage } from '../../../appliance/ndp/message.ts'
import type { FrameIn, FrameOut } from '../../../appliance/ndp/socket.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { icmp6 } from '../pcap.ts'
import { icmp6Frame } from './frame.ts'
import { site } from './plan.ts'
import { LogTwin, Twin } from './twin.ts'

const routerMac = parseMac('02:00:00:00:00:01')
const hostMac = parseMac('02:00:00:00:00:0b')
const routerLinkLocal = parseIp6('fe80::1')
const host = parseIp6('fe80::b')
const remote = parseIp6('fc9c:56c2:e312:3456:7890::42')
const plan = lanPlan(site.sitePrefix, undefined)

function make() {
  const opened: string[] = []
  const socket = new Twin<FrameIn, FrameOut>()
  const log = new LogTwin()
  const responder = new LanResponder({
    link: { name: 'lan0', index: 2, mac: routerMac },
    linkLocal: routerLinkLocal,
    networkPrefix: site.networkPrefix,
    plan,
    log,
    clock: systemClock,
    open(_, prefix) {
      opened.push(formatPrefix(prefix))
      return socket
    },
  })
  responder.start()
  return { opened, socket, log, responder }
}

const asked = (target: Ip6, { source = host, destination = solicitedNode(target), unicast = false } = {}): FrameIn => ({
  frame: icmp6Frame(
    {
      kind: 'neighbour-solicitation',
      target,
      options: source === unspecified ? [] : [{ kind: 'source-link-layer-address', mac: hostMac }],
    },
    { from: hostMac, to: routerMac, source, destination: unicast ? target : destination },
  ),
  outgoing: false,
})

/** The one answer, checked as a host would check it. */
function answerIn({ sent }: Twin<FrameIn, FrameOut>) {
  expect(sent).toHaveLength(1)
  const [packet] = icmp6([sent[0]!.frame], [136])
  const ethernet = [...sent[0]!.frame.subarray(0, 12)].map(octet => octet.toString(16).padStart(2, '0'))
  const message = decodeMessage(packet!.bytes, packet!)
  return {
    to: ethernet.slice(0, 6).join(':'),
    from: ethernet.slice(6).join(':'),
    source: packet!.source,
    destination: packet!.destination,
    message,
  }
}

test('what was sent to another router is left to it, though the card shows it', () => {
  const { socket, responder } = make()
  const { frame, outgoing } = asked(remote, { unicast: true })
  socket.receive({ frame: Uint8Array.from([2, 0, 0, 0, 0, 9, ...frame.subarray(6)]), outgoing })
  expect(socket.sent).toEqual([])
  expect(responder.counters()).toMatchObject({ answered: 0, 'ignored.forOthers': 1 })
})

const answer = { kind: 'neighbour-advertisement', router: true, override: true, target: remote }
const options = [{ kind: 'target-link-layer-address', mac: routerMac }]

test.for([
  { how: 'multicast', unicast: false },
  { how: 'unicast', unicast: true },
])('C06 a $how solicitation is answered to who asked: router, solicited, override, our MAC', ({ unicast }) => {
  const { socket, responder } = make()
  socket.receive(asked(remote, { unicast }))
  expect(answerIn(socket)).toEqual({
    to: hostMac,
    from: routerMac,
    source: routerLinkLocal,
    destination: host,
    message: { ...answer, solicited: true, options },
  })
  expect(responder.counters()).toMatchObject({ answered: 1, defended: 0, ignored: 0 })
})

test('C06 a probe for duplicates is answered to all nodes, not solicited', () => {
  const { socket, responder } = make()
  socket.receive(asked(remote, { source: unspecified }))
  expect(answerIn(socket)).toEqual({
    to: '33:33:00:00:00:01',
    from: routerMac,
    source: routerLinkLocal,
    destination: allNodes,
    message: { ...answer, solicited: false, options },
  })
  expect(responder.counters()).toMatchObject({ answered: 0, defended: 1 })
})

test('C05 for an address of this LAN it is silent, probes for duplicates included', () => {
  const { socket, responder } = make()
  const here = parseIp6('fc9c:56c2:e389:e92c:eee5:0:77:1')
  socket.receive(asked(here), asked(here, { source: unspecified }), asked(here, { unicast: true }), asked(plan.router))
  expect(socket.sent).toEqual([])
  expect(responder.counters()).toMatchObject({ answered: 0, defended: 0, ignored: 4, 'ignored.ofThisLan': 4 })
})

test('B01 B04 what is not valid is counted as such', () => {
  const { socket, responder } = make()
  socket.receive(asked(remote, { source: unspecified, unicast: true }), { frame: new Uint8Array(20), outgoing: false })
  expect(socket.sent).toEqual([])
  expect(responder.counters()).toMatchObject({ ignored: 2, 'ignored.invalid': 2, 'ignored.ofThisLan': 0 })
})

test('C13 a batch is answered by a batch', () => {
  const { socket, responder } = make()
  const batch = Array.from({ length: 1000 }, (_, i) => asked((remote + BigInt(i)) as Ip6))
  socket.receive(...batch)
  expect(socket.sent).toHaveLength(1000)
  expect(responder.counters().answered).toBe(1000)
})

test('another network opens another socket, another LAN of the same one does not', () => {
  const { opened, socket, responder } = make()
  responder.update({ networkPrefix: site.networkPrefix, plan: lanPlan(site.sitePrefix, 1) })
  expect(opened).toEqual(['fc9c:56c2:e300::/40'])
  socket.receive(asked(plan.router))
  expect(socket.sent).toHaveLength(1) // the first LAN's router is elsewhere now
  const other = siteOf(parseNetworkId('1122334455667788'), parseNodeAddress('89e92ceee5'))
  responder.update({ networkPrefix: other.networkPrefix, plan: lanPlan(other.sitePrefix, undefined) })
  expect(opened).toEqual(['fc9c:56c2:e300::/40', formatPrefix(other.networkPrefix)])
  responder.stop()
  expect(socket.closed).toBe(true)
})

test('a link that is full is complained of once', () => {
  const { socket, log, responder } = make()
  socket.failure = 'ENOBUFS'
  for (let i = 0; i < 10; i++) socket.receive(asked(remote))
  expect(responder.counters()).toMatchObject({ answered: 10, sendErrors: 10 })
  expect(log.loud).toEqual(['warn could not send a neighbour advertisement'])
})

test('B01 B04 damaged frames are ignored, and nothing that a host sends makes a line', () => {
  const { socket, log, responder } = make()
  const whole = asked(remote).frame
  const mutation = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.nat(whole.length), (mutations, cut) => {
      const frame = whole.slice(0, cut % 4 === 0 ? cut : whole.length)
      for (const [at, value] of mutations) if (at < frame.length) frame[at]! ^= value
      socket.receive({ frame, outgoing: false })
    }),
    { numRuns: 2000 },
  )
  expect(responder.counters()).toMatchObject({ bugs: 0, sendErrors: 0 })
  expect(log.lines).toEqual([])
})
