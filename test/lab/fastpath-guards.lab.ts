/**
 * Who says that an address is theirs, when it isn't. A rogue is on the overlay, a member whose MAC is computed from its node, as
 * ZeroTier sees to; all it sends is made by hand.
 *
 *     a1 ── LAN ── a ══════ overlay ══════ b ── LAN ── b1
 *                             ║
 *                           rogue
 */
import { expect, test } from 'vitest'
import { bytesOf, type Ip6, parseIp6 } from '../../appliance/base/ip6.ts'
import { type Mac, macBytes, parseMac } from '../../appliance/base/mac.ts'
import { type Site as Place, siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress, rfc4193Address } from '../../appliance/plane/sixplane.ts'
import { advertisement, at, icmp6, packet } from '../bpf/frames.ts'
import type { Daemon } from './daemon.ts'
import { network, TwoSites } from './sites.ts'
import { until } from './until.ts'
import { Wire } from './wire.ts'

const rogueNode = '5566778899'
const rogue: Place = siteOf(parseNetworkId(network), parseNodeAddress(rogueNode))
const linkLocal = parseIp6('fe80::bad')
const count = 7 // of each frame

/** A frame with tags of a priority, VLAN 0. IEEE 802.1Q. */
const prioritised = (frame: Uint8Array, tags: number) =>
  Uint8Array.from([
    ...frame.subarray(0, 12),
    ...Array.from({ length: tags }, () => [0x81, 0x00, 0xe0, 0x00]).flat(),
    ...frame.subarray(12),
  ])

/** RFC 4861 section 4.5: for a destination, go by this target. */
const redirect = (o: { from: Mac; to: Mac; source: Ip6; destination: Ip6; about: Ip6; target: Ip6 }) =>
  icmp6([137, 0, 0, 0, 0, 0, 0, 0, ...bytesOf(o.target), ...bytesOf(o.about), 2, 1, ...macBytes(o.from)], o)

/** Lies to the router of site a, the drop by which it must be told, and who is to be blamed. */
function lies({ a, b }: TwoSites) {
  const [ours, theirs] = [a.place, b.place]
  const way = { from: rogue.mac, to: ours.mac }
  const forged = packet({ ...way, source: at(theirs, 0xb1n), destination: at(ours, 0xa1n) })
  const claim = { ...way, source: linkLocal, destination: ours.address }
  const own = { source: at(rogue, 1n), destination: ours.address }
  return [
    { name: "another site's source", reason: 'forgedSource', frame: forged },
    {
      name: 'our own source',
      reason: 'forgedSource',
      frame: packet({ ...way, source: at(ours, 0xa2n), destination: at(ours, 0xa1n) }),
    },
    {
      name: "another node's source in RFC 4193 mode",
      reason: 'forgedSource',
      frame: packet({ ...way, source: rfc4193Address(ours.network, theirs.node), destination: ours.address }),
    },
    {
      name: "an advertisement of another site's address",
      reason: 'forgedAdvertisement',
      frame: advertisement({ ...claim, target: theirs.address, mac: rogue.mac, flags: 0xe0 }),
    },
    {
      name: 'an advertisement of our own address',
      reason: 'forgedAdvertisement',
      frame: advertisement({ ...claim, target: at(ours, 0xa1n), mac: rogue.mac, flags: 0xe0 }),
    },
    {
      name: 'a redirect for another site',
      reason: 'redirect',
      frame: redirect({ ...claim, about: theirs.address, target: linkLocal }),
    },
    { name: 'a forged source behind a priority tag', reason: 'forgedSource', frame: prioritised(forged, 1) },
    { name: 'a forged source behind two of them', reason: 'hidden', frame: prioritised(forged, 2), nobody: true },
    {
      name: 'its own source behind two of them',
      reason: 'hidden',
      frame: prioritised(packet({ ...way, ...own }), 2),
      nobody: true,
    },
  ] as const
}

const dropsOf = async (daemon: Daemon) => (await daemon.status()).fastPath.drops
const chargedTo = async (daemon: Daemon, node: string) =>
  (await daemon.sites()).find(site => site.node === node)?.drops ?? 0

/** Runs `send` and waits until `count` drops more stand under `reason`. Returns how many more under any. */
async function dropped(daemon: Daemon, reason: string, what: string, send: () => void): Promise<number> {
  const before = await dropsOf(daemon)
  send()
  const after = await until(async () => {
    const now = await dropsOf(daemon)
    return now[reason]! - before[reason]! >= count && now
  }, `${what} to be dropped for ${reason}`)
  return Object.keys(after).reduce((sum, name) => sum + after[name]! - before[name]!, 0)
}

const times = (frame: Uint8Array): Uint8Array[] => Array.from({ length: count }, () => frame)

test('what a member of the overlay forges is dropped, counted by its reason and charged to the one who sent it', async () => {
  await using sites = await TwoSites.create()
  const { a, lab } = sites
  const stranger = await lab.host('rogue')
  await a.connect(stranger, 'zt0', rogue.mac)
  await using daemon = a.start()
  await daemon.serving()
  const heir = await a.settle(a.hosts[0], 0xa1n)
  await a.router.reaches(heir)
  using wire = await Wire.on(stranger, 'zt0')
  using inside = await Wire.on(a.hosts[0], 'eth0')
  const heard = inside.hear(0x86dd)

  for (const lie of lies(sites)) {
    const blamed = await chargedTo(daemon, rogueNode)
    expect(await dropped(daemon, lie.reason, lie.name, () => wire.send(...times(lie.frame))), lie.name).toBe(count)
    expect((await chargedTo(daemon, rogueNode)) - blamed, `${lie.name}, of the sender`).toBe(
      'nobody' in lie ? 0 : count,
    )
  }
  // The site that it spoke for is not blamed, and nothing of all that has come to the LAN; what is honest does.
  expect(await chargedTo(daemon, sites.b.node)).toBe(0)
  expect(heard.filter(frame => frame[20] === 59)).toEqual([]) // no next header: only frames made here
  wire.send(packet({ from: rogue.mac, to: a.place.mac, source: at(rogue, 1n), destination: at(a.place, 0xa1n) }))
  await until(() => heard.some(frame => frame[20] === 59), 'an honest packet of the same member on the LAN')
  const row = (await daemon.sites()).find(({ node }) => node === rogueNode)
  expect(row?.inPackets).toBe(1)
  expect(row?.lastSeen).not.toBeNull()
})

test("a router sends no other site's source, whoever made it", async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using daemon = a.start()
  await daemon.serving()
  using own = await Wire.on(a.router, 'zt0')
  using far = await Wire.on(b.router, 'zt0')
  const heard = far.hear(0x86dd)
  const way = { from: a.place.mac, to: b.place.mac, destination: b.place.address }
  const send = () =>
    expect(() => own.send(...times(packet({ ...way, source: at(rogue, 1n) })))).toThrow(/^7 frames did not leave/)
  expect(await dropped(daemon, 'foreignSource', 'a foreign source', send)).toBe(count)
  own.send(packet({ ...way, source: a.place.address }))
  await until(() => heard.some(frame => frame[20] === 59), 'a packet with its own source')
  expect(heard.filter(frame => frame[20] === 59).length).toBe(1)
})

test("a LAN host that sends from another node's /80 is dropped, and the status names it", async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using daemon = a.start()
  await daemon.serving()
  await a.settle(a.hosts[0], 0xa1n)
  const [card] = await a.router.ip<{ address: string }>('link', 'show', 'lan0')
  const [eth0] = await a.hosts[0].ip<{ address: string }>('link', 'show', 'eth0')
  const [to, from] = [parseMac(card!.address), parseMac(eth0!.address)]
  using lan = await Wire.on(a.hosts[0], 'eth0')
  using far = await Wire.on(b.router, 'zt0')
  const heard = far.hear(0x86dd)
  const send = () => lan.send(...times(packet({ from, to, source: at(rogue, 5n), destination: at(b.place, 0xb1n) })))
  expect(await dropped(daemon, 'lan.foreignSource', "a member's source", send)).toBe(count)
  const { reasons } = await daemon.status()
  expect(reasons.join('\n')).toContain(`host ${from} on lan0 is itself member ${rogueNode}: `)
  lan.send(packet({ from, to, source: at(a.place, 0xa1n), destination: at(b.place, 0xb1n) }))
  await until(() => heard.some(frame => frame[20] === 59), 'a packet with its own source')
  expect(heard.filter(frame => frame[20] === 59).length).toBe(1)
})
