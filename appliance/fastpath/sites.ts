/** What the programs have counted, read from the memory of their maps: `struct site_set` and `enum reason` of bpf/count.h. */
import type { NodeAddress } from '../plane/sixplane.ts'
import { type Reason, reasons } from './reasons.ts'

/** Since the programs were loaded. */
export interface SiteTraffic {
  readonly node: NodeAddress
  readonly inPackets: number
  readonly inBytes: number
  readonly outPackets: number
  readonly outBytes: number
  readonly drops: number
  readonly heardAt: number | undefined // monotonic milliseconds; undefined where nothing came from there yet
}

const ways = 8
const tickShift = 24n // 2^24 ns
const usedAt = ways * 8
const heardAt = usedAt + ways * 4
const trafficAt = heardAt + ways * 4
const trafficSize = 40

/** Octets of a `struct site_set`. */
export const siteSetSize = trafficAt + ways * trafficSize

/** The sites in the table, those of several CPUs added up. `now` is monotonic nanoseconds. */
export function readSites(table: ArrayBuffer, now: bigint): SiteTraffic[] {
  const view = new DataView(table)
  const nowTicks = Number((now >> tickShift) & 0xffff_ffffn)
  const sites = new Map<bigint, SiteTraffic>()
  for (let set = 0; set + siteSetSize <= table.byteLength; set += siteSetSize)
    for (let way = 0; way < ways; way++) {
      const node = view.getBigUint64(set + way * 8, true) as NodeAddress
      if (node === 0n) continue
      const row = readRow(view, set, way, node, now, nowTicks)
      const other = sites.get(node)
      sites.set(node, other ? sum(other, row) : row)
    }
  return [...sites.values()]
}

function readRow(
  view: DataView,
  set: number,
  way: number,
  node: NodeAddress,
  now: bigint,
  nowTicks: number,
): SiteTraffic {
  const heard = view.getUint32(set + heardAt + way * 4, true)
  const at = set + trafficAt + way * trafficSize
  const number = (field: number) => Number(view.getBigUint64(at + field * 8, true))
  const ago = BigInt((nowTicks - heard) >>> 0) << tickShift
  return {
    node,
    inPackets: number(0),
    inBytes: number(1),
    outPackets: number(2),
    outBytes: number(3),
    drops: number(4),
    heardAt: heard === 0 ? undefined : Math.max(0, Number(now - ago) / 1e6),
  }
}

function sum(a: SiteTraffic, b: SiteTraffic): SiteTraffic {
  const heard = [a.heardAt, b.heardAt].filter(at => at !== undefined)
  return {
    node: a.node,
    inPackets: a.inPackets + b.inPackets,
    inBytes: a.inBytes + b.inBytes,
    outPackets: a.outPackets + b.outPackets,
    outBytes: a.outBytes + b.outBytes,
    drops: a.drops + b.drops,
    heardAt: heard.length === 0 ? undefined : Math.max(...heard),
  }
}

export type ReasonCounts = Readonly<Record<Reason, number>>

/** As many places as each CPU has in the table: REASONS_PER_CPU. */
export const reasonsPerCpu = 32

/** The counters by reason, those of all CPUs added up. */
export function readReasons(table: ArrayBuffer): ReasonCounts {
  const values = new BigUint64Array(table)
  const counts = Object.fromEntries(reasons.map(reason => [reason, 0])) as Record<Reason, number>
  for (let cpu = 0; cpu < values.length; cpu += reasonsPerCpu)
    for (const [i, reason] of reasons.entries()) counts[reason] += Number(values[cpu + i])
  return counts
}
