/**
 * The programs in the kernel: loaded with the constants of one link, and handed out by what they are made of, so that a link that
 * comes again gets the same program. All share one set of maps. Putting them on a link is netlink's work.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { KernelError, OperatorError } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'
import { effectiveCapabilities } from '../system/capabilities.ts'
import {
  BpfObject,
  MappedMap,
  MismatchError,
  type ObjectOptions,
  possibleCpus,
  programId,
  removeFromMap,
  updateMapBatch,
} from '../system/libbpf.ts'
import { hasTcx, tcxAttach, tcxDetach, tcxList } from '../system/tcx.ts'
import { encodeInstance, type Instance } from './instance.ts'
import { memberSize, memberSlots, reasonsSize, type SiteTables, siteSetSize, trafficSize } from './sites.ts'

/** Where a program stands on a link. */
export type Point = 'ingress' | 'egress'

/** A program that is loaded. */
export interface LoadedProgram {
  readonly code: string // what it is made of: the same for the same program and constants
  readonly fd: number
  readonly id: number // the kernel's number for it
}

const objectFile = new URL('./fastpath.bpf.o', import.meta.url)
const minuteShift = 36n // MINUTE_SHIFT of hosts.h
const minutesAllowed = 2n // MINUTES_ALLOWED of remote.h
const answered = 1n << 48n // ANSWERED there
const remoteWays = 4 // REMOTE_WAYS there
// Of hosts.h, BUDGET_UNANSWERED and BUDGET_ASKERS with their limits.
const [budgetUnanswered, unanswered] = [2, 128]
const [budgetAskers, askers, perAsker] = [4, 64, 32]
const nodeMask = (1n << 40n) - 1n
const hostMask = (1n << 48n) - 1n
const golden = 0x9e37_79b9_7f4a_7c15n // its multiplier, 2^64 divided by the golden ratio
const mostTables = 128 << 20 // octets; machines with hundreds of possible CPUs get smaller tables each

/** How many sets of sites one CPU has: a power of two, 65,536 rows unless there are very many CPUs. */
export function setsFor(cpus: number): number {
  let sets = 8_192
  while (sets > 256 && sets * siteSetSize * siteTables.length * cpus > mostTables) sets /= 2
  return sets
}

/** Room for twice as many as there are, a power of two: empty room costs 16 octets a lease, and milliseconds at every start. */
function leasesFor(count: number): number {
  let room = 131_072
  while (room < count * 2) room *= 2
  return room
}

export class Programs implements Disposable {
  readonly cpus: number
  readonly siteSets: number
  readonly #mark = randomBytes(4).readUInt32LE()
  readonly #code: Uint8Array
  readonly #maps: BpfObject
  readonly #loaded = new Map<string, { readonly program: LoadedProgram; readonly object: BpfObject }>() // by code
  readonly #reasons: MappedMap
  readonly #traffic: MappedMap
  readonly #siteOctets: number // of one table
  readonly #members: MappedMap
  readonly #refused = new Map<string, Error>() // by code: the kernel would say the same again

  /** Makes the maps; that of leases holds so many or more. Throws where BPF can't be had, with the reason. */
  constructor(leases = 0, file: string | URL = objectFile) {
    requireCapabilities()
    try {
      this.#code = readFileSync(file)
    } catch (error) {
      throw new KernelError('read', 'fastpath.bpf.o, which `make setup` builds', 'ENOENT', { cause: error })
    }
    this.cpus = possibleCpus()
    this.siteSets = setsFor(this.cpus)
    const sets = this.cpus * this.siteSets
    const entries = {
      reasons: this.cpus * (reasonsSize / 8),
      traffic: this.cpus,
      leases: leasesFor(leases),
      ...Object.fromEntries(siteTables.map(table => [`sites_${table}`, sets])),
    }
    this.#maps = openObject({
      name: 'the maps of fastpath.bpf.o',
      code: this.#code,
      programs: [],
      constants: undefined,
      entries,
      shared: {},
    })
    this.#reasons = new MappedMap(this.#maps.map('reasons'), this.cpus * reasonsSize)
    this.#traffic = new MappedMap(this.#maps.map('traffic'), this.cpus * trafficSize)
    this.#siteOctets = sets * siteSetSize
    this.#members = new MappedMap(this.#maps.map('members'), memberSlots * memberSize)
  }

  /** The program for one point of a link. Throws where there is none to be had: a VerifierError where the kernel refuses it. */
  load(instance: Instance, point: Point): LoadedProgram {
    const constants = encodeInstance(instance, { siteSets: this.siteSets, mark: this.#mark })
    const name = instance.kind === 'lan' ? 'lan_ingress' : `overlay_${point}`
    const code = `${name} ${toHex(constants)}`
    const known = this.#loaded.get(code)
    if (known) return known.program
    const refused = this.#refused.get(code)
    if (refused) throw refused
    try {
      return this.#load(name, code, constants)
    } catch (error) {
      this.#refused.set(code, error as Error)
      throw error
    }
  }

  #load(name: string, code: string, constants: Uint8Array): LoadedProgram {
    const shared = Object.fromEntries(sharedMaps.map(map => [map, this.#maps.map(map)]))
    const object = openObject({ name, code: this.#code, programs: [name], constants, entries: {}, shared })
    const fd = object.program(name)
    const program = { code, fd, id: programId(fd) }
    this.#loaded.set(code, { program, object })
    return program
  }

  /** By the kernel's number; undefined for those of an earlier process, or of others. */
  find(id: number): LoadedProgram | undefined {
    for (const { program } of this.#loaded.values()) if (program.id === id) return program
    return undefined
  }

  /** Tries again what was refused. */
  forget(): void {
    this.#refused.clear()
  }

  /** Closes all but these. Those that stand on a link go on there until another takes their place. */
  keep(ids: ReadonlySet<number>): void {
    for (const [code, { program, object }] of this.#loaded) {
      if (ids.has(program.id)) continue
      object[Symbol.dispose]()
      this.#loaded.delete(code)
    }
  }

  /** The tables as the programs write them: count.h. */
  get reasons(): ArrayBuffer {
    return this.#reasons.bytes
  }

  get traffic(): ArrayBuffer {
    return this.#traffic.bytes
  }

  /** Those of the sites, mapped while they are read: all of their pages would count as our memory. */
  withSites<T>(read: (tables: SiteTables) => T): T {
    using incoming = this.#mapSites('in')
    using outgoing = this.#mapSites('out')
    using dropped = this.#mapSites('drop')
    return read({ in: incoming.bytes, out: outgoing.bytes, drop: dropped.bytes })
  }

  #mapSites(table: (typeof siteTables)[number]): MappedMap {
    return new MappedMap(this.#maps.map(`sites_${table}`), this.#siteOctets)
  }

  get members(): ArrayBuffer {
    return this.#members.bytes
  }

  /** Hosts that were heard just now, by the 48 host bits of their address: hosts.h. */
  addHeard(hosts: readonly number[]): void {
    const minute = (process.hrtime.bigint() >> minuteShift) & 0xffffn
    const slots = Uint32Array.from(hosts, host => Number(BigInt.asUintN(64, BigInt(host) * golden) >> 48n))
    const values = BigUint64Array.from(hosts, host => (BigInt(host) << 16n) | minute)
    updateMapBatch(this.#maps.map('heard'), new Uint8Array(slots.buffer), new Uint8Array(values.buffer), hosts.length)
  }

  /** Hosts of other sites that have an entry in the kernel's neighbour table: remote.h. Of those in one set some may be left out. */
  addRemote(addresses: readonly Ip6[]): void {
    const minute = process.hrtime.bigint() >> minuteShift
    const hosts = addresses.map(address => ({ owner: (address >> 48n) & nodeMask, host: address & hostMask }))
    const rows = Uint32Array.from(hosts, ({ owner, host }, i) => {
      const set = Number(BigInt.asUintN(64, (BigInt.asUintN(64, owner * golden) ^ host) * golden) >> 50n)
      return set * remoteWays + (i % remoteWays)
    })
    const values = BigUint64Array.from(
      hosts.flatMap(({ owner, host }) => [(owner << 16n) | ((minute + minutesAllowed) & 0xffffn), host | answered]),
    )
    updateMapBatch(this.#maps.map('remote'), new Uint8Array(rows.buffer), new Uint8Array(values.buffer), hosts.length)
  }

  /**
   * Hosts of LANs may look for so many hosts of other sites within this minute: with whom they talked before, nobody has told the
   * programs. remote.h
   */
  allowRemotes(count: number): void {
    const budgets = Uint32Array.from({ length: 1 + askers }, (_, i) =>
      i === 0 ? budgetUnanswered : budgetAskers + i - 1,
    )
    const window = process.hrtime.bigint() >> minuteShift
    const spent = (limit: number) => BigInt.asUintN(64, BigInt(limit - count)) // less than nothing
    const values = BigUint64Array.from([...budgets].flatMap((_, i) => [window, spent(i === 0 ? unanswered : perAsker)]))
    updateMapBatch(
      this.#maps.map('budgets'),
      new Uint8Array(budgets.buffer),
      new Uint8Array(values.buffer),
      budgets.length,
    )
  }

  /** Hosts with a lease, by the 48 host bits of their address. Throws a KernelError where there are too many. */
  addLeases(hosts: readonly number[]): void {
    const keys = new Uint32Array(hosts.length * 2)
    for (const [i, host] of hosts.entries()) {
      keys[i * 2] = host % 2 ** 32
      keys[i * 2 + 1] = host / 2 ** 32
    }
    updateMapBatch(this.#maps.map('leases'), new Uint8Array(keys.buffer), new Uint8Array(hosts.length), hosts.length)
  }

  removeLease(host: number): void {
    removeFromMap(this.#maps.map('leases'), new Uint8Array(BigUint64Array.of(BigInt(host)).buffer))
  }

  [Symbol.dispose](): void {
    this.#reasons[Symbol.dispose]()
    this.#traffic[Symbol.dispose]()
    this.#members[Symbol.dispose]()
    this.keep(new Set())
    this.#maps[Symbol.dispose]()
  }
}

function openObject(options: ObjectOptions): BpfObject {
  let object: BpfObject | undefined
  try {
    object = new BpfObject(options)
    for (const map of sharedMaps) object.map(map)
    return object
  } catch (error) {
    object?.[Symbol.dispose]()
    if (!(error instanceof MismatchError)) throw error
    const advice = 'install siteplane again, or run `make setup` in a checkout'
    throw new OperatorError(`fastpath.bpf.o is of another build than siteplane: ${advice}`, { cause: error })
  }
}

/** Programs straight on links, where this kernel takes them. */
export function directHook(): DirectHook | undefined {
  return hasTcx() ? { list: tcxList, attach: tcxAttach, detach: tcxDetach } : undefined
}

interface DirectHook {
  readonly list: typeof tcxList
  readonly attach: typeof tcxAttach
  readonly detach: typeof tcxDetach
}

/** What loading a program takes, told by name: the kernel would only say EPERM. */
function requireCapabilities(): void {
  const held = effectiveCapabilities()
  if (held.has('CAP_SYS_ADMIN')) return
  const missing = ['CAP_BPF', 'CAP_NET_ADMIN'].filter(name => !held.has(name))
  if (missing.length > 0) throw new KernelError('use', `BPF without ${missing.join(' and ')}`, 'EPERM')
}

const siteTables = ['in', 'out', 'drop'] as const
const sharedMaps = [
  'reasons',
  'traffic',
  ...siteTables.map(table => `sites_${table}`),
  'members',
  'heard',
  'remote',
  'leases',
  'budgets',
]
