import { expect, test } from 'vitest'
import { type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { Inbox } from '../../../appliance/dhcp/inbox.ts'
import { allServers, type UdpIn } from '../../../appliance/dhcp/socket.ts'
import { forward, hop } from './relayed.ts'

const flooder = parseIp6('fe80::1')
const host = parseIp6('fe80::2')
const datagram = (address: Ip6, octet: number): UdpIn => ({
  bytes: Uint8Array.of(1, 0, 0, octet),
  address,
  destination: allServers,
  port: 546,
  link: 2,
})
const many = (address: Ip6, count: number) => Array.from({ length: count }, (_, i) => datagram(address, i & 0xff))

class Scene {
  readonly served: UdpIn[][] = []
  readonly dropped: UdpIn[] = []
  readonly later: (() => void)[] = []
  readonly inbox = new Inbox({
    serve: batch => void this.served.push([...batch]),
    drop: each => void this.dropped.push(each),
    later: body => void this.later.push(body),
  })
}

test('a few are served at once, as they are', () => {
  const { inbox, served, later } = new Scene()
  const batch = many(host, 3)
  inbox.receive(batch)
  expect(served).toEqual([batch])
  expect(later).toEqual([])
})

test('D23 who comes behind a flood is served with the next batch, and the flood loses its own', () => {
  const { inbox, served, dropped, later } = new Scene()
  const memory = many(flooder, 128)
  for (let i = 0; i < 100; i++) inbox.receive(memory)
  inbox.receive([datagram(host, 7)])
  for (const each of memory) each.bytes.fill(0xff) // the socket uses its memory again
  expect(served).toEqual([])
  expect(later.length).toBe(1)
  later.shift()!()
  expect(served[0]!.length).toBe(256)
  expect(served[0]![1]).toEqual(datagram(host, 7))
  expect(served[0]![2]!.bytes[0]).toBe(1)
  expect(dropped.length).toBe(128 * 100 + 1 - 8192)
  expect(new Set(dropped.map(({ address }) => address))).toEqual(new Set([flooder]))
  while (later.length > 0) later.shift()!()
  expect(served.flat().length).toBe(8192)
})

test.for([1, 2, 8])('hosts behind a chain of %i relays are told apart by what the innermost says of them', count => {
  const { inbox, served, later } = new Scene()
  const relayed = (client: Ip6): UdpIn => {
    const outer = hop({ peerAddress: parseIp6('fe80::99'), options: [{ code: 18, bytes: Uint8Array.of(1, 2, 3) }] })
    const hops = [...Array.from({ length: count - 1 }, () => outer), hop({ peerAddress: client })]
    return { ...datagram(parseIp6('fc00::1'), 0), bytes: forward(hops, Uint8Array.of(1, 0, 0, 7)) }
  }
  inbox.receive([...Array.from({ length: 300 }, () => relayed(flooder)), relayed(host)])
  later.shift()!()
  expect(served[0]!.findIndex(({ bytes }) => Buffer.compare(bytes, relayed(host).bytes) === 0)).toBe(1)
})

test('a Relay-forward that is cut off anywhere waits like any other datagram', () => {
  const { inbox, served, later } = new Scene()
  const whole = forward([hop(), hop({ peerAddress: host })], Uint8Array.of(1, 0, 0, 7))
  const cut = Array.from({ length: whole.length }, (_, length) => ({
    ...datagram(flooder, 0),
    bytes: whole.subarray(0, length),
  }))
  inbox.receive(cut)
  later.shift()!()
  expect(served[0]!.length).toBe(whole.length)
})
