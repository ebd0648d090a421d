/** What isn't IPv6 of the network crosses the overlay as it was sent, past the programs of both routers. */
import { expect, test } from 'vitest'
import { toHex } from '../../appliance/base/bytes.ts'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { type Mac, macBytes, parseMac } from '../../appliance/base/mac.ts'
import { packet } from '../bpf/frames.ts'
import { Capture } from './capture.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'
import { Wire } from './wire.ts'

const groupMac = parseMac('01:00:5e:00:00:fb')
const foreign = { source: parseIp6('2001:db8::1'), destination: parseIp6('2001:db8::2') }
const types = { ip4: 0x0800, arp: 0x0806, ip6: 0x86dd, other: 0x88b5 } as const // 88b5: IEEE 802 local experimental

const ethernet = (to: Mac, from: Mac, type: number, payload: readonly number[]) =>
  Uint8Array.from([...macBytes(to), ...macBytes(from), type >> 8, type & 0xff, ...payload])

const filler = Array.from({ length: 64 }, (_, i) => i)
/** With a checksum that holds. RFC 791 section 3.1. */
function ip4(destination: readonly number[]): number[] {
  const header = [0x45, 0, 0, 84, 0, 1, 0x40, 0, 64, 253, 0, 0, 192, 0, 2, 1, ...destination] // protocol 253, RFC 3692
  let sum = 0
  for (let at = 0; at < header.length; at += 2) sum += (header[at]! << 8) | header[at + 1]!
  sum = ~((sum & 0xffff) + (sum >> 16))
  return [...header.slice(0, 10), (sum >> 8) & 0xff, sum & 0xff, ...header.slice(12), ...filler]
}
const arp = [
  0,
  1,
  8,
  0,
  6,
  4,
  0,
  1,
  2,
  0,
  0,
  0,
  0,
  1,
  192,
  0,
  2,
  1,
  0,
  0,
  0,
  0,
  0,
  0,
  192,
  0,
  2,
  2,
  ...filler.slice(0, 18),
]

/** The same frame in a VLAN. IEEE 802.1Q. */
const tagged = (frame: Uint8Array, ...tags: readonly (readonly [type: number, vlan: number])[]) =>
  Uint8Array.from([
    ...frame.subarray(0, 12),
    ...tags.flatMap(([type, vlan]) => [type >> 8, type & 0xff, vlan >> 8, vlan & 0xff]),
    ...frame.subarray(12),
  ])

/** One frame of each kind, with the EtherType that the far kernel sees once it has taken a tag off. */
function kinds(from: Site, to: Site): readonly { name: string; seen: number; frame: Uint8Array }[] {
  const [mine, theirs] = [from.place.mac, to.place.mac]
  const own = { from: mine, to: theirs, source: from.place.address, destination: to.place.address }
  const group = (address: string) =>
    packet({ from: mine, source: foreign.source, destination: parseIp6(address) }, Uint8Array.from(filler))
  const other = packet({ from: mine, to: theirs, ...foreign }, Uint8Array.from(filler))
  return [
    { name: 'IPv4', seen: types.ip4, frame: ethernet(theirs, mine, types.ip4, ip4([192, 0, 2, 2])) },
    { name: 'IPv4 multicast', seen: types.ip4, frame: ethernet(groupMac, mine, types.ip4, ip4([224, 0, 0, 251])) },
    { name: 'ARP', seen: types.arp, frame: ethernet(theirs, mine, types.arp, arp) },
    { name: 'a protocol of its own', seen: types.other, frame: ethernet(theirs, mine, types.other, filler) },
    { name: 'IPv6 multicast', seen: types.ip6, frame: group('ff02::fb') },
    { name: 'IPv6 multicast of a wider scope', seen: types.ip6, frame: group('ff05::1:3') },
    { name: 'other IPv6', seen: types.ip6, frame: other },
    { name: 'other IPv6 in a VLAN', seen: types.ip6, frame: tagged(other, [0x8100, 5]) },
    {
      name: 'IPv4 in a VLAN',
      seen: types.ip4,
      frame: tagged(ethernet(theirs, mine, types.ip4, ip4([192, 0, 2, 3])), [0x8100, 5]),
    },
    // Whatever it says of its source: what is in a VLAN of the overlay is not of this network.
    {
      name: 'a network address in a VLAN',
      seen: types.ip6,
      frame: tagged(packet({ ...own, source: to.place.address }), [0x8100, 7]),
    },
    { name: 'two tags', seen: 0x8100, frame: tagged(other, [0x88a8, 5], [0x8100, 6]) },
  ]
}

test('IPv4, ARP, multicast, other IPv6 and VLANs cross the overlay octet by octet, in both directions', async () => {
  // By a cable: where br_netfilter is on, a bridge has its own mind about IPv4.
  await using sites = await TwoSites.create({ overlay: false })
  const { a, b } = sites
  const end = ({ router, place }: Site) => ({ host: router, link: 'zt0', mac: place.mac })
  await sites.lab.cable(end(a), end(b), 2800)
  for (const { router } of sites.all) await router.setUp('zt0')
  await using near = a.start()
  await using far = b.start()
  await Promise.all([near.serving(), far.serving()])
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    await using wire = await Capture.start(to.router, 'zt0', '', { octets: true })
    using sender = await Wire.on(from.router, 'zt0')
    using receiver = await Wire.on(to.router, 'zt0')
    const heard = new Map([...Object.values(types), 0x8100].map(type => [type, receiver.hear(type)]))
    for (const { name, seen, frame } of kinds(from, to)) {
      sender.send(frame)
      const same = () => wire.frames.includes(toHex(frame))
      await until(same, `${name} from ${from.name} on the link of ${to.name}`)
      // Without its first tag, which the kernel keeps beside it.
      const bare = seen === typeOf(frame) ? frame : Uint8Array.from([...frame.subarray(0, 12), ...frame.subarray(16)])
      const passed = () => heard.get(seen)!.some(other => toHex(other) === toHex(bare))
      await until(passed, `${name} from ${from.name} behind the program of ${to.name}`)
    }
  }
  for (const daemon of [near, far]) {
    const { drops } = (await daemon.status()).fastPath
    expect(
      Object.values(drops).every(count => count === 0),
      JSON.stringify(drops),
    ).toBe(true)
  }
})

const typeOf = (frame: Uint8Array) => (frame[12]! << 8) | frame[13]!
