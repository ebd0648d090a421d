/** What the programs have counted, read from the memory of their maps: the structures of bpf/count.h, sites.h and members.h. */
import { type Mac, macFromNumber } from '../base/mac.ts'
import type { NodeAddress } from '../plane/sixplane.ts'
import { type Reason, reasons, type Traffic, traffic } from './reasons.ts'

/** Since the programs were loaded, or since the site took the place of one that had been idle longest. */
export interface SiteTraffic {
  readonly node: NodeAddress
  readonly inPackets: number
  readonly inBytes: number
  readonly outPackets: number
  readonly outBytes: number
  readonly drops: number // of what it sent
  readonly heardAt: number | undefined // monotonic milliseconds; undefined where nothing came from there yet
}

/** The tables of `struct site_set`. */
export interface SiteTables {
  readonly in: ArrayBuffer
  readonly out: ArrayBuffer
  readonly drop: ArrayBuffer
}

const ways = 8
const tallyAt = ways * 8
const nodeBits = 40n
const nodeMask = (1n << nodeBits) - 1n
const secondShift = 30n // "seconds" of 2^30 ns, of which 24 bits are kept
const secondMask = 0xff_ffff

/** Octets of a `struct site_set`. */
export const siteSetSize = tallyAt + ways * 16

/** One row: the packets of a site that one CPU has counted. */
interface Row {
  readonly node: NodeAddress
  readonly packets: number
  readonly bytes: number
  readonly at: number // monotonic milliseconds
}

/** The sites in the tables, those of several CPUs added up. `now` is monotonic nanoseconds. */
export function readSites(tables: SiteTables, now: bigint): SiteTraffic[] {
  const sites = new Map<bigint, SiteTraffic>()
  const add = (node: NodeAddress, change: (site: SiteTraffic) => Partial<SiteTraffic>) => {
    const site = sites.get(node) ?? { ...nothing, node }
    sites.set(node, { ...site, ...change(site) })
  }
  for (const { node, packets, bytes, at } of rowsOf(tables.in, now))
    add(node, ({ inPackets, inBytes, heardAt }) => ({
      inPackets: inPackets + packets,
      inBytes: inBytes + bytes,
      heardAt: Math.max(heardAt ?? 0, at),
    }))
  for (const { node, packets, bytes } of rowsOf(tables.out, now))
    add(node, site => ({ outPackets: site.outPackets + packets, outBytes: site.outBytes + bytes }))
  for (const { node, packets } of rowsOf(tables.drop, now)) add(node, site => ({ drops: site.drops + packets }))
  return [...sites.values()]
}

const nothing = { inPackets: 0, inBytes: 0, outPackets: 0, outBytes: 0, drops: 0, heardAt: undefined }

function* rowsOf(table: ArrayBuffer, now: bigint): Iterable<Row> {
  const view = new DataView(table)
  const words = new Uint32Array(table)
  for (let set = 0; set + siteSetSize <= table.byteLength; set += siteSetSize)
    for (let way = 0; way < ways; way++) {
      const word = set / 4 + way * 2
      if (words[word] === 0 && words[word + 1] === 0) continue // most rows are free, and a bigint for each would cost
      const tag = view.getBigUint64(set + way * 8, true)
      const tally = set + tallyAt + way * 16
      yield {
        node: (tag & nodeMask) as NodeAddress,
        packets: Number(view.getBigUint64(tally, true)),
        bytes: Number(view.getBigUint64(tally + 8, true)),
        at: instant(Number(tag >> nodeBits), now),
      }
    }
}

/** The second of a program as monotonic milliseconds; `now` in nanoseconds. */
function instant(second: number, now: bigint): number {
  const age = (Number((now >> secondShift) & BigInt(secondMask)) - second) & secondMask
  return Math.max(0, Number(now) / 1e6 - (age * 2 ** Number(secondShift)) / 1e6)
}

export type ReasonCounts = Readonly<Record<Reason, number>>

export type TrafficCounts = Readonly<Record<Traffic, number>>

/** Octets of one CPU: REASONS_PER_CPU, and a `struct traffic`. */
export const reasonsSize = 32 * 8
export const trafficSize = 10 * 8

/** The counters by reason, those of all CPUs added up. */
export const readReasons = (table: ArrayBuffer): ReasonCounts => addUp(table, reasonsSize, reasons)

/** What was carried, that of all CPUs added up. */
export const readTraffic = (table: ArrayBuffer): TrafficCounts => addUp(table, trafficSize, traffic)

function addUp<Name extends string>(table: ArrayBuffer, size: number, names: readonly Name[]): Record<Name, number> {
  const values = new BigUint64Array(table)
  const counts = Object.fromEntries(names.map(name => [name, 0])) as Record<Name, number>
  for (let cpu = 0; cpu < values.length; cpu += size / 8)
    for (const [i, name] of names.entries()) counts[name] += Number(values[cpu + i])
  return counts
}

/** A host of a LAN that is itself a member of the network, and whose packets are dropped for it. */
export interface Member {
  readonly mac: Mac
  readonly node: NodeAddress
  readonly link: number // index
  readonly seenAt: number // monotonic milliseconds
}

export const memberSlots = 64 // MEMBER_SLOTS
export const memberSize = 24

/** The members that were dropped. `now` is monotonic nanoseconds. */
export function readMembers(table: ArrayBuffer, now: bigint): Member[] {
  const view = new DataView(table)
  const members: Member[] = []
  for (let at = 0; at < memberSlots * memberSize; at += memberSize) {
    const mac = view.getBigUint64(at, true)
    if (mac === 0n) continue
    members.push({
      mac: macFromNumber(mac),
      node: view.getBigUint64(at + 8, true) as NodeAddress,
      link: view.getUint32(at + 16, true),
      seenAt: instant(view.getUint32(at + 20, true), now),
    })
  }
  return members
}
