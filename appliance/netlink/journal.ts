/**
 * What we changed in the kernel that can't carry our mark, on disk before the first change is made: `kernel.json` in the state
 * directory. A crash leaves it behind, and the next start undoes what it lists and no longer wants.
 */
import { mkdir, readFile, readlink, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { formatIp6, type Ip6, parseIp6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { replaceFile } from '../base/whole-file.ts'
import type { Point } from './kernel.ts'

/** A sysctl of which we know what it held before us. */
export interface SysctlRecord {
  readonly path: string
  readonly link: number | undefined // index; undefined for `all` and `default`
  readonly original: string
  readonly written: string // only while it holds this, or what we overwrote, is it ours to restore
  readonly overwrote?: string // an earlier value of ours, which a crash before the write leaves in place
  readonly collateral: boolean // not written by us: the kernel copies all.forwarding to every interface
}

export interface AddressRecord {
  readonly link: number
  readonly address: Ip6
  readonly length: number
}

/** A program that stands directly on a link, which carries no mark. */
export interface ProgramRecord {
  readonly link: number
  readonly point: Point
  readonly id: number // the kernel's number, not used again before a reboot
}

export interface NeighbourRecord {
  readonly link: number
  readonly address: Ip6
}

/** Everything of ours that carries no mark, by link index. */
export interface Changes {
  readonly sysctls: readonly SysctlRecord[] // in the order of writing
  readonly addresses: readonly AddressRecord[]
  readonly neighbours: readonly NeighbourRecord[]
  readonly allMulticast: readonly number[] // links that had it off
  readonly hooks: readonly number[] // links that had no clsact discipline
  readonly programs: readonly ProgramRecord[]
}

export const noChanges: Changes = {
  sysctls: [],
  addresses: [],
  neighbours: [],
  allMulticast: [],
  hooks: [],
  programs: [],
}

/** Where the changes are kept. The real one is a file; tests keep them in memory. */
export interface Journal {
  readonly changes: Changes
  /** Resolves when they are on disk; does nothing where they already are. */
  save(changes: Changes): Promise<void>
  /** After a stop for good: nothing of ours is left. */
  remove(): Promise<void>
}

/** A journal that ends with the process. */
export class MemoryJournal implements Journal {
  changes: Changes

  constructor(changes = noChanges) {
    this.changes = changes
  }

  async save(changes: Changes): Promise<void> {
    this.changes = changes
  }

  async remove(): Promise<void> {
    this.changes = noChanges
  }
}

const version = 1

async function load(file: string, here: string, log: Log): Promise<Changes> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return noChanges
    throw error
  }

  try {
    const { place, changes } = decodeJournal(text)
    if (place === here) return changes
    log.info({ file }, 'the journal of kernel changes is from another boot or network namespace and is ignored')
  } catch (error) {
    log.warn({ file, aside: `${file}.bad`, err: error }, 'the journal of kernel changes is damaged and is set aside')
    await rename(file, `${file}.bad`)
  }
  return noChanges
}

/** `kernel.json` in the state directory. */
export class FileJournal implements Journal {
  readonly #directory: string
  readonly #place: string
  #changes: Changes
  #stored: string

  private constructor(directory: string, place: string, changes: Changes) {
    this.#directory = directory
    this.#place = place
    this.#changes = changes
    this.#stored = encodeJournal(changes, place)
  }

  /**
   * Reads the journal; a missing one is empty. One of another boot or network namespace describes a kernel that is gone, and is
   * ignored. One that can't be understood is set aside as `kernel.json.bad`, with a warning. Rejects where the file can't be read.
   */
  static async open(directory: string, log: Log, place?: string): Promise<FileJournal> {
    const here = place ?? (await placeOfThisKernel())
    return new FileJournal(directory, here, await load(join(directory, fileName), here, log))
  }

  get changes(): Changes {
    return this.#changes
  }

  async save(changes: Changes): Promise<void> {
    const text = encodeJournal(changes, this.#place)
    if (text !== this.#stored) {
      await mkdir(this.#directory, { recursive: true, mode: 0o750 })
      await replaceFile(join(this.#directory, fileName), text, 0o640)
      this.#stored = text
    }
    this.#changes = changes
  }

  async remove(): Promise<void> {
    await unlink(join(this.#directory, fileName)).catch(error => {
      if (error.code !== 'ENOENT') throw error
    })
    this.#changes = noChanges
    this.#stored = encodeJournal(noChanges, this.#place)
  }
}

const fileName = 'kernel.json'

/** Names the kernel whose state the journal describes: a reboot, or another namespace, has none of our changes. */
async function placeOfThisKernel(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/net').catch(() => '')
  return `${boot.trim()} ${namespace}`
}

/** The journal as JSON text: addresses in RFC 5952 form, links by index. */
export function encodeJournal(changes: Changes, place: string): string {
  const file = {
    version,
    place,
    sysctls: changes.sysctls,
    addresses: changes.addresses.map(a => ({ ...a, address: formatIp6(a.address) })),
    neighbours: changes.neighbours.map(n => ({ ...n, address: formatIp6(n.address) })),
    allMulticast: changes.allMulticast,
    hooks: changes.hooks,
    programs: changes.programs,
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** Throws an Error that says what is wrong with the text. */
export function decodeJournal(text: string): { readonly place: string; readonly changes: Changes } {
  const file = fieldsOf(JSON.parse(text), 'the journal')
  if (file['version'] !== version) throw new Error(`version ${String(file['version'])} of the journal is unknown`)
  const rows = (name: string) => listOf(file[name], name).map(row => fieldsOf(row, name))
  const changes: Changes = {
    sysctls: rows('sysctls').map(row => ({
      path: sysctlPath(row['path']),
      link: row['link'] === undefined ? undefined : indexOf(row['link']),
      original: textOf(row['original'], 'original'),
      written: textOf(row['written'], 'written'),
      ...(row['overwrote'] !== undefined && { overwrote: textOf(row['overwrote'], 'overwrote') }),
      collateral: row['collateral'] === true,
    })),
    addresses: rows('addresses').map(row => ({
      link: indexOf(row['link']),
      address: parseIp6(textOf(row['address'], 'address')),
      length: indexOf(row['length']),
    })),
    neighbours: rows('neighbours').map(row => ({
      link: indexOf(row['link']),
      address: parseIp6(textOf(row['address'], 'address')),
    })),
    allMulticast: listOf(file['allMulticast'], 'allMulticast').map(indexOf),
    hooks: listOf(file['hooks'] ?? [], 'hooks').map(indexOf), // these two are absent from journals of older versions
    programs: (file['programs'] === undefined ? [] : rows('programs')).map(row => ({
      link: indexOf(row['link']),
      point: pointOf(row['point']),
      id: indexOf(row['id']),
    })),
  }
  return { place: textOf(file['place'], 'place'), changes }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is not an object`)
  return value as Record<string, unknown>
}

function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`)
  return value
}

function textOf(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new Error(`${what} is not a text`)
  return value
}

function pointOf(value: unknown): Point {
  if (value !== 'ingress' && value !== 'egress') throw new Error(`${String(value)} is not a point of a link`)
  return value
}

function indexOf(value: unknown): number {
  if (!Number.isInteger(value) || (value as number) < 0) throw new Error(`${String(value)} is not a number`)
  return value as number
}

/** A damaged file must not make us write anywhere else in /proc. */
function sysctlPath(value: unknown): string {
  const path = textOf(value, 'path')
  if (!/^ipv6\/(conf|neigh)\/[^/]+\/\w+$/.test(path) || path.includes('/../'))
    throw new Error(`${path} is not a sysctl of ours`)
  return path
}
