/**
 * The programs in the kernel: loaded with the constants of one link, and handed out by what they are made of, so that a link that
 * comes again gets the same program. All share one set of maps. Putting them on a link is netlink's work.
 */
import { readFileSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { KernelError } from '../base/errors.ts'
import { BpfObject, MappedMap, possibleCpus, programId, removeFromMap, updateMapBatch } from '../system/libbpf.ts'
import { encodeInstance, type Instance } from './instance.ts'
import { reasonsPerCpu, siteSetSize } from './sites.ts'

export { VerifierError } from '../system/libbpf.ts'

/** Where a program stands on a link. */
export type Point = 'ingress' | 'egress'

/** A program that is loaded. */
export interface LoadedProgram {
  readonly code: string // what it is made of: the same for the same program and constants
  readonly fd: number
  readonly id: number // the kernel's number for it
}

const objectFile = new URL('./fastpath.bpf.o', import.meta.url)
const mostTables = 128 << 20 // octets; machines with hundreds of possible CPUs get smaller tables each

/** How many sets of sites one CPU has: a power of two, 131,072 rows unless there are very many CPUs. */
export function setsFor(cpus: number): number {
  let sets = 16_384
  while (sets > 256 && sets * siteSetSize * cpus > mostTables) sets /= 2
  return sets
}

export class Programs implements Disposable {
  readonly cpus: number
  readonly siteSets: number
  readonly #code: Uint8Array
  readonly #maps: BpfObject
  readonly #objects = new Map<string, BpfObject>() // by code
  readonly #loaded = new Map<string, LoadedProgram>()
  readonly #reasons: MappedMap
  readonly #sites: MappedMap

  /** Makes the maps. Throws a KernelError where BPF can't be had, with the reason. */
  constructor() {
    try {
      this.#code = readFileSync(objectFile)
    } catch (error) {
      throw new KernelError('read', 'fastpath.bpf.o, which `make setup` builds', 'ENOENT', { cause: error })
    }
    this.cpus = possibleCpus()
    this.siteSets = setsFor(this.cpus)
    const entries = { reasons: this.cpus * reasonsPerCpu, sites: this.cpus * this.siteSets }
    this.#maps = new BpfObject({
      name: 'the maps of fastpath.bpf.o',
      code: this.#code,
      programs: [],
      constants: undefined,
      entries,
      shared: {},
    })
    this.#reasons = new MappedMap(this.#maps.map('reasons'), entries.reasons * 8)
    this.#sites = new MappedMap(this.#maps.map('sites'), entries.sites * siteSetSize)
  }

  /** The program for one point of a link. Throws a KernelError, a VerifierError where the kernel refuses it. */
  load(instance: Instance, point: Point): LoadedProgram {
    const constants = encodeInstance(instance, this.siteSets)
    const name = instance.kind === 'lan' ? 'lan_ingress' : `overlay_${point}`
    const code = `${name} ${toHex(constants)}`
    const known = this.#loaded.get(code)
    if (known) return known
    const shared = Object.fromEntries(sharedMaps.map(map => [map, this.#maps.map(map)]))
    const object = new BpfObject({ name, code: this.#code, programs: [name], constants, entries: {}, shared })
    const fd = object.program(name)
    const program = { code, fd, id: programId(fd) }
    this.#objects.set(code, object)
    this.#loaded.set(code, program)
    return program
  }

  find(code: string): LoadedProgram | undefined {
    return this.#loaded.get(code)
  }

  /** What a program is made of, by the kernel's number: undefined for those of an earlier process, or of others. */
  codeOf(id: number): string | undefined {
    for (const program of this.#loaded.values()) if (program.id === id) return program.code
    return undefined
  }

  /** Closes all but these. Those that stand on a link go on there until another takes their place. */
  keep(codes: ReadonlySet<string>): void {
    for (const [code, object] of this.#objects) {
      if (codes.has(code)) continue
      object[Symbol.dispose]()
      this.#objects.delete(code)
      this.#loaded.delete(code)
    }
  }

  /** The tables as the programs write them: count.h. */
  get reasons(): ArrayBuffer {
    return this.#reasons.bytes
  }

  get sites(): ArrayBuffer {
    return this.#sites.bytes
  }

  /** Hosts with a lease, by the 48 host bits of their address. Throws a KernelError where there are too many. */
  addLeases(hosts: readonly number[]): void {
    const keys = BigUint64Array.from(hosts, BigInt)
    updateMapBatch(this.#maps.map('leases'), new Uint8Array(keys.buffer), new Uint8Array(hosts.length), hosts.length)
  }

  removeLease(host: number): void {
    removeFromMap(this.#maps.map('leases'), new Uint8Array(BigUint64Array.of(BigInt(host)).buffer))
  }

  [Symbol.dispose](): void {
    this.#reasons[Symbol.dispose]()
    this.#sites[Symbol.dispose]()
    this.keep(new Set())
    this.#maps[Symbol.dispose]()
  }
}

const sharedMaps = ['reasons', 'sites', 'heard', 'leases', 'budgets']
