/**
 * A bad neighbour: sends packets that real clients sent, changed at random, as fast as the link takes them.
 * `node mutate.ts LINK COUNT SEED`
 */
import { readdirSync, readFileSync } from 'node:fs'
import { checksum } from '../../appliance/base/checksum.ts'
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

/** The DHCPv6 datagrams and ICMPv6 messages of every capture, as frames. */
function templates(): Uint8Array[] {
  const folder = new URL('../golden/captures/', import.meta.url)
  return readdirSync(folder).flatMap(name => {
    const bytes = readFileSync(new URL(name, folder))
    const frames: Uint8Array[] = []
    for (let at = 24; at < bytes.length; ) {
      const length = bytes.readUInt32LE(at + 8)
      frames.push(new Uint8Array(bytes.subarray(at + 16, at + 16 + length)))
      at += 16 + length
    }
    const wanted = [udp, icmp6]
    return frames.filter(f => f.length > headers + 8 && f[12] === 0x86 && f[13] === 0xdd && wanted.includes(f[20]!))
  })
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
    // For the server, whatever else became of it.
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

const [link = '', count = '0', seed = '1'] = process.argv.slice(2)
const index = Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'))
const endpoint = openPacket({ link: { name: link, index }, etherType: etherTypeIp6 })
const random = randomFrom(Number(seed))
const sources = templates()
let sent = 0
for (let left = Number(count); left > 0; left -= 32) {
  const batch = Array.from({ length: Math.min(32, left) }, () => ({
    frame: mutated(sources[random(sources.length)]!, random),
  }))
  sent += batch.length - endpoint.send(batch).length
}
endpoint.close()
process.stdout.write(`${sent} sent\n`)
