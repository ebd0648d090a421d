/**
 * A DHCPv6 client of our own for what real ones don't do: `node dhcp-client.ts MODE …` on eth0.
 *
 * - `storm COUNT`: Requests from that many different hosts in turn, 64 in flight, repeated until answered, until SIGTERM; prints
 *   `{ told: [[duid, address], …] }` as answers come.
 * - `mutate COUNT SEED`: that many damaged copies of what captured clients sent.
 * - `flood SECONDS`: Solicits of ever new hosts from this one card, as fast as the kernel takes them.
 * - `loop COUNT`: one exchange of a new host after the other; prints how often each had to be repeated.
 * - `frame MAC`: one Solicit to all servers in a frame to this card alone; prints the addresses that come back.
 * - `register ADDRESS`: tells all servers of this address of eth0; prints the acknowledgement.
 * - `query SERVER ADDRESS`: asks a server who has a lease of the address; prints what it tells.
 * - `ask DUID IAID [ADDRESS]`: one Solicit and one Request; prints the reply's addresses.
 */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { DecodeError } from '../../appliance/base/bytes.ts'
import { formatIp6, parseIp6, unspecified } from '../../appliance/base/ip6.ts'
import { macBytes, parseMac } from '../../appliance/base/mac.ts'
import { type Duid, parseDuid } from '../../appliance/dhcp/duid.ts'
import { encodeFrame } from '../../appliance/dhcp/frame.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../appliance/dhcp/message.ts'
import { findOption, findOptions, type Option } from '../../appliance/dhcp/options.ts'
import { openPacket } from '../../appliance/system/packet.ts'
import { openUdp } from '../../appliance/system/udp.ts'
import { dhcp6, readPcap } from '../unit/pcap.ts'

const servers = { address: parseIp6('ff02::1:2'), port: 547 }
const link = { name: 'eth0', index: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')) }
const endpoint = openUdp({ link, port: 546, groups: [], receiveBuffer: 8 << 20 })
const say = (value: unknown) => console.log(JSON.stringify(value))
const [mode, ...args] = process.argv.slice(2)

let hear: (reply: Message) => void = () => {}
endpoint.listen(
  batch => {
    for (const { bytes } of batch) {
      try {
        hear(decodeMessage(bytes))
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error
        say({ malformed: error.message })
      }
    }
  },
  error => say({ error: error.message }),
)
const send = (message: Message) => endpoint.send([{ bytes: encodeMessage(message), ...servers }])

const ia = (iaid: number, addresses: readonly string[] = []): Option => ({
  kind: 'ia-na',
  iaid,
  t1: 0,
  t2: 0,
  options: addresses.map(text => ({
    kind: 'ia-address',
    address: parseIp6(text),
    preferred: 0,
    valid: 0,
    options: [],
  })),
})

const addressesOf = ({ options }: Message): string[] =>
  findOptions(options, 'ia-na')
    .flatMap(each => findOptions(each.options, 'ia-address'))
    .filter(({ valid }) => valid > 0)
    .map(({ address }) => formatIp6(address))

let repeated = 0

/** The next reply with this transaction; asks again every half second. */
function exchange(message: Message): Promise<Message> {
  return new Promise(resolve => {
    send(message)
    const again = setInterval(() => {
      repeated++
      send(message)
    }, 500)
    hear = reply => {
      if (reply.transaction !== message.transaction) return
      clearInterval(again)
      resolve(reply)
    }
  })
}

let transaction = Math.floor(Math.random() * 0x80_0000)

async function ask(duid: Duid, iaid: number, wanted?: string): Promise<void> {
  const client: Option = { kind: 'client-id', duid }
  const advertised = await exchange({
    type: MessageType.solicit,
    transaction: ++transaction,
    options: [client, ia(iaid)],
  })
  const server = findOption(advertised.options, 'server-id')!
  const addresses = wanted === undefined ? addressesOf(advertised) : [wanted]
  const reply = await exchange({
    type: MessageType.request,
    transaction: ++transaction,
    options: [client, server, ia(iaid, addresses)],
  })
  say({ advertised: addressesOf(advertised), addresses: addressesOf(reply) })
}

/** A DUID-LL of its own for each host. */
const duidOf = (i: number) => parseDuid(`00:03:00:01:06:00:${i.toString(16).padStart(8, '0').match(/../g)!.join(':')}`)

async function storm(count: number): Promise<void> {
  const hello = await exchange({
    type: MessageType.solicit,
    transaction: ++transaction,
    options: [{ kind: 'client-id', duid: duidOf(0xffff_ffff) }, ia(1)],
  })
  const server = findOption(hello.options, 'server-id')!
  const flying = new Map<number, { message: Message; at: number }>()
  let ending = false
  process.once('SIGTERM', () => {
    ending = true
  })
  const launch = () => {
    while (flying.size < 64 && !ending) {
      const id = transaction++ & 0xff_ffff
      const message: Message = {
        type: MessageType.request,
        transaction: id,
        options: [{ kind: 'client-id', duid: duidOf(id % count) }, server, ia(1)],
      }
      flying.set(id, { message, at: performance.now() })
      send(message)
    }
  }
  let told: [string, string][] = []
  hear = reply => {
    const [address] = addressesOf(reply)
    if (!flying.delete(reply.transaction) || address === undefined) return
    told.push([findOption(reply.options, 'client-id')!.duid, address])
    launch()
  }
  launch()
  while (flying.size > 0) {
    await wait(20)
    if (told.length > 0) say({ told })
    told = []
    for (const entry of flying.values()) {
      if (performance.now() - entry.at < 200) continue
      entry.at = performance.now()
      send(entry.message)
    }
  }
  if (told.length > 0) say({ told })
  say({ done: true })
}

async function flood(seconds: number): Promise<void> {
  say({ flooding: true })
  let sent = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await wait(0)) {
    const batch = Array.from({ length: 256 }, () => {
      const options: Option[] = [{ kind: 'client-id', duid: duidOf(sent) }, ia(1)]
      return {
        bytes: encodeMessage({ type: MessageType.solicit, transaction: sent++ & 0xff_ffff, options }),
        ...servers,
      }
    })
    endpoint.send(batch)
  }
  say({ done: true, sent })
}

async function loop(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    repeated = 0
    await ask(duidOf(0x7000_0000 + i), 1)
    say({ repeated })
  }
  say({ done: true })
}

/** Numbers from a seed, so that a failure can be had again (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

async function mutate(count: number, seed: number): Promise<void> {
  const random = numbers(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const names = [
    'dhclient',
    'dhcpcd',
    'networkd',
    'networkmanager',
    'udhcpc6',
    'dhcpcd-pd96',
    'dhclient-restart-release',
  ]
  const samples = names.flatMap(name => dhcp6(readPcap(name))).filter(({ fromClient }) => fromClient)
  let replies = 0
  hear = () => {
    replies++
  }
  for (let sent = 0; sent < count; sent += 64) {
    const batch = Array.from({ length: 64 }, () => {
      const bytes = samples[below(samples.length)]!.bytes.slice()
      for (let flips = below(8); flips >= 0; flips--) bytes[below(bytes.length)] = below(256)
      return { bytes: random() < 0.2 ? bytes.slice(0, below(bytes.length)) : bytes, ...servers }
    })
    endpoint.send(batch)
    await wait(1) // a stranger's flood, but one that leaves the server some of the machine
  }
  await wait(300)
  say({ done: true, replies })
}

const ownAddresses = () => Object.values(networkInterfaces()).flatMap(each => each ?? [])

/** A message to all servers in a frame of our own making, from one of our addresses, and its answer. */
function framed(message: Message, from: string, to?: string): Promise<Message> {
  const own = ownAddresses().find(each => each.address.startsWith(from))!
  const whole = encodeFrame({
    sender: parseMac(own.mac),
    source: parseIp6(own.address),
    destination: servers.address,
    sourcePort: 546,
    destinationPort: servers.port,
    bytes: encodeMessage(message),
  })
  if (to !== undefined) whole.set(macBytes(parseMac(to)))
  const card = openPacket({ link, etherType: 0x86dd })
  return new Promise(resolve => {
    hear = reply => {
      card.close()
      resolve(reply)
    }
    card.send([{ frame: whole }])
  })
}

const me: Option = { kind: 'client-id', duid: duidOf(1) }

async function frame(to: string): Promise<void> {
  const solicit = { type: MessageType.solicit, transaction: 1, options: [me, ia(1)] }
  say({ addresses: addressesOf(await framed(solicit, 'fe80', to)) })
}

async function register(address: string): Promise<void> {
  const told: Option = { kind: 'ia-address', address: parseIp6(address), preferred: 600, valid: 900, options: [] }
  const reply = await framed({ type: MessageType.registration, transaction: 2, options: [me, told] }, address)
  say({ type: reply.type, kinds: reply.options.map(({ kind }) => kind) })
}

/** Who has an address, asked of one server by unicast. */
async function query(server: string, address: string): Promise<void> {
  const wanted: Option = { kind: 'ia-address', address: parseIp6(address), preferred: 0, valid: 0, options: [] }
  const question: Option = { kind: 'lq-query', queryType: 1, link: unspecified, options: [wanted] }
  const reply = await new Promise<Message>(resolve => {
    hear = resolve
    const bytes = encodeMessage({ type: MessageType.leasequery, transaction: 3, options: [me, question] })
    endpoint.send([{ bytes, address: parseIp6(server), port: servers.port }])
  })
  const data = findOption(reply.options, 'client-data')?.options ?? []
  say({ type: reply.type, duid: findOption(data, 'client-id')?.duid, kinds: data.map(({ kind }) => kind) })
}

if (mode === 'storm') await storm(Number(args[0]))
else if (mode === 'flood') await flood(Number(args[0]))
else if (mode === 'loop') await loop(Number(args[0]))
else if (mode === 'frame') await frame(args[0]!)
else if (mode === 'register') await register(args[0]!)
else if (mode === 'query') await query(args[0]!, args[1]!)
else if (mode === 'mutate') await mutate(Number(args[0]), Number(args[1]))
else await ask(parseDuid(args[0]!), Number(args[1]), args[2])
endpoint.close()
