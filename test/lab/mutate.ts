/**
 * A bad neighbour: sends packets that real clients sent, changed at random, about as fast as they can be read: what overflows a
 * socket tests the kernel, not us.
 * `node mutate.ts LINK NETWORK COUNT SEED`, the network as the hex of its /40
 */
import { readdirSync, readFileSync } from 'node:fs'
import { fromHex } from '../../appliance/base/bytes.ts'
import { checksum } from '../../appliance/base/checksum.ts'
import { sleep } from '../../appliance/base/clock.ts'
import { fromBytes } from '../../appliance/base/ip6.ts'
import { openPacket } from '../../appliance/system/packet.ts'

const etherTypeIp6 = 0x86dd
const headers = 14 + 40 // Ethernet and IPv6
const udp = 17
const icmp6 = 58

/** Numbers below `limit`, the same for the same seed (mulberry32): a run that found something can be had again. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0
  return limit => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % limit
  }
}

const discovery = [133, 134, 135, 136] // RS, RA, NS, NA: RFC 4861 section 4
const capturedNetwork = [0xfc, 0x5a, 0xc2, 0xad, 0x43] // of all captures

/** The DHCPv6 datagrams and the ICMPv6 messages of neighbour discovery in every capture, as frames of our network. */
function templates(network: Uint8Array): { dhcp: Uint8Array[]; icmp: Uint8Array[] } {
  const folder = new URL('../golden/captures/', import.meta.url)
  const frames = readdirSync(folder).flatMap(name => framesOf(readFileSync(new URL(name, folder))))
  for (const frame of frames) {
    for (let at = headers; at < frame.length; at++)
      if (capturedNetwork.every((octet, i) => frame[at + i] === octet)) frame.set(network, at)
  }
  // Multicast reaches our router; what was for one machine of the capture would end in the kernel.
  const ip6 = frames.filter(f => f.length > headers + 8 && f[12] === 0x86 && f[13] === 0xdd && (f[0]! & 1) === 1)
  return {
    dhcp: ip6.filter(frame => frame[20] === udp),
    icmp: ip6.filter(frame => frame[20] === icmp6 && discovery.includes(frame[headers]!)),
  }
}

/** The frames of a little-endian pcap file. */
function framesOf(bytes: Buffer): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 24; at < bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8)
    frames.push(new Uint8Array(bytes.subarray(at + 16, at + 16 + length)))
    at += 16 + length
  }
  return frames
}

/** One template with one to eight changes behind its headers; mostly with a checksum that is right again, so that it is read. */
function mutated(template: Uint8Array, random: (limit: number) => number): Uint8Array {
  const body = [...template.subarray(headers)]
  for (let changes = 1 + random(8); changes > 0; changes--) {
    const at = random(body.length)
    const kind = random(6)
    if (kind === 0) body[at] = random(256)
    else if (kind === 1) body[at]! ^= 1 << random(8)
    else if (kind === 2) body[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random(6)]!
    else if (kind === 3 && body.length > 12) body.length = 8 + random(body.length - 8)
    else if (kind === 4) body.splice(at, 0, ...body.slice(random(body.length), random(body.length) + 1))
    else if (body.length < 1200) body.push(...Array.from({ length: random(64) }, () => random(256)))
  }
  const frame = new Uint8Array(headers + body.length)
  frame.set(template.subarray(0, headers))
  frame.set(body, headers)
  return finished(frame, random)
}

function finished(frame: Uint8Array, random: (limit: number) => number): Uint8Array {
  const payload = frame.subarray(headers)
  frame[18] = payload.length >> 8
  frame[19] = payload.length & 0xff
  if (frame[20] === udp) {
    // For the router, whatever else became of it.
    payload.set([2, 35], 2)
    payload.set([payload.length >> 8, payload.length & 0xff], 4)
  }
  const at = frame[20] === udp ? 6 : 2
  if (random(20) > 0) {
    payload.set([0, 0], at)
    const [source, destination] = [fromBytes(frame.subarray(22, 38)), fromBytes(frame.subarray(38, 54))]
    const sum = checksum(source, destination, frame[20]!, payload) || 0xffff // RFC 8200 section 8.1
    payload.set([sum >> 8, sum & 0xff], at)
  }
  return frame
}

const [link = '', network = '', count = '0', seed = '1'] = process.argv.slice(2)
const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'))
const endpoint = openPacket({ link: { name: link, index }, etherType: etherTypeIp6 })
const random = randomFrom(Number(seed))
const { dhcp, icmp } = templates(fromHex(network))
const pick = (frames: readonly Uint8Array[]) => frames[random(frames.length)]!
let sent = 0
for (let left = Number(count); left > 0; left -= 32) {
  await sleep(1)
  const batch = Array.from({ length: Math.min(32, left) }, () => ({
    frame: mutated(pick(random(2) === 0 ? dhcp : icmp), random),
  }))
  sent += batch.length - endpoint.send(batch).length
}
endpoint.close()
process.stdout.write(`${sent} sent\n`)
