/**
 * The leases of all LANs: decided on in memory, kept on disk. What is staged may be answered only after `commit` has said that
 * it is stored.
 */
import { type Clock, systemClock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Binding, Bindings, Change, Quarantine } from './binding.ts'
import { isCorrupt, type LeaseDatabase, openDatabase } from './database.ts'
import { type LeaseRow, leaseRows, type ServedLan } from './leases.ts'
import { mostQuarantined, Table } from './table.ts'

const jump = 5_000 // a wall clock that moved this much against the monotonic one was set, not slewed
const retry = 1_000 // a disk that failed is tried again this often at most

export class Store implements Disposable {
  readonly #path: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #throttle: Throttle
  readonly #table = new Table()
  #database: LeaseDatabase
  #pending: Change[] = []
  #undo: Change[] = []
  #failure: string | undefined
  #damage: string | undefined
  #tried = 0
  #seen: { readonly wall: number; readonly monotonic: number }

  constructor(path: string, log: Log, clock: Clock) {
    this.#path = path
    this.#log = log
    this.#clock = clock
    this.#throttle = new Throttle(clock)
    this.#seen = { wall: clock.now(), monotonic: clock.monotonic() }
    const { database, damage } = openDatabase(path)
    this.#database = database
    this.#damaged(damage)
    const { bindings, quarantine } = database.load()
    const { wall } = this.#seen
    for (const binding of bindings) this.#table.apply([{ kind: 'put', binding: sane(binding, wall) }])
    for (const entry of quarantine) this.#table.apply([{ kind: 'quarantine', quarantine: entry }])
    database.prune(wall, mostQuarantined)
  }

  get bindings(): Bindings {
    return this.#table
  }

  /** Every binding, live or not. */
  all(): Iterable<Binding> {
    return this.#table.bindings
  }

  /** How many leases of a LAN are live. */
  live(subnet: number | undefined): number {
    return this.#table.live(subnet, this.now())
  }

  /** Bindings of copied hosts, live or not. */
  copies(subnet: number | undefined): Iterable<Binding> {
    return this.#table.copies(subnet)
  }

  quarantined(): Iterable<Quarantine> {
    return this.#table.quarantined
  }

  /** The leases of the LANs that are served now, by address. */
  leases(lans: readonly ServedLan[]): LeaseRow[] {
    return leaseRows(this.#table.bindings, this.#table.quarantined, lans, this.now())
  }

  /**
   * The wall time, in milliseconds since 1970, by which leases are counted. Where it was set, the leases move along: what was
   * promised to a host was a number of seconds.
   */
  now(): number {
    const wall = this.#clock.now()
    const monotonic = this.#clock.monotonic()
    const moved = wall - this.#seen.wall - (monotonic - this.#seen.monotonic)
    this.#seen = { wall, monotonic }
    if (Math.abs(moved) >= jump) this.#shift(Math.round(moved))
    return wall
  }

  /** Makes changes that later decisions see. They are gone again if `commit` fails. */
  stage(changes: readonly Change[]): void {
    this.#undo.unshift(...this.#table.apply(changes))
    this.#pending.push(...changes)
  }

  /** Stores what was staged: true when it is on disk. False takes it back, and nothing of it may be promised to a client. */
  commit(): boolean {
    const changes = this.#pending
    const undo = this.#undo
    this.#pending = []
    this.#undo = []
    if (changes.length === 0) return true
    try {
      this.#write(changes)
      this.#recovered()
      return true
    } catch (error) {
      this.#table.apply(undo)
      this.#failed(error)
      return false
    }
  }

  /** Whether leases can be stored. After a failure it tries the disk itself, so that no client is drawn here in vain. */
  usable(): boolean {
    if (this.#failure === undefined) return true
    const monotonic = this.#clock.monotonic()
    if (monotonic - this.#tried < retry) return false
    this.#tried = monotonic
    try {
      this.#attempt(() => this.#database.touch(this.#clock.now()))
      this.#recovered()
      return true
    } catch (error) {
      this.#failed(error)
      return false
    }
  }

  /** What is wrong, as clauses for the status. */
  reasons(): string[] {
    const reasons = []
    if (this.#failure !== undefined) reasons.push(`leases can't be stored in ${this.#path}: ${this.#failure}`)
    if (this.#damage !== undefined)
      reasons.push(`the lease file was damaged (${this.#damage}), was set aside as ${this.#path}.corrupt and made anew`)
    return reasons
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]()
  }

  #write(changes: readonly Change[]): void {
    this.#attempt(() => this.#database.write(changes), changes)
    if (changes.some(({ kind }) => kind === 'quarantine')) this.#database.prune(this.#clock.now(), mostQuarantined)
  }

  /** A file that turns out damaged is written anew from memory, which holds all of it. */
  #attempt(write: () => void, unstored: readonly Change[] = []): void {
    try {
      write()
    } catch (error) {
      if (!isCorrupt(error)) throw error
      this.#database[Symbol.dispose]()
      const { database, damage } = openDatabase(this.#path)
      this.#database = database
      this.#damaged(damage ?? messageOf(error))
      // The staged changes are in the table already, so that the whole of it is what must be stored.
      const all: Change[] = [...this.#table.bindings].map(binding => ({ kind: 'put', binding }))
      for (const quarantine of this.#table.quarantined) all.push({ kind: 'quarantine', quarantine })
      const removed = unstored.filter(({ kind }) => kind === 'remove')
      database.write([...removed, ...all])
    }
  }

  #shift(milliseconds: number): void {
    this.#log.warn({ milliseconds }, 'the clock was set: the leases move along')
    this.#table.shift(milliseconds)
    try {
      this.#attempt(() => this.#database.shift(milliseconds))
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    this.#failure = messageOf(error)
    this.#tried = this.#clock.monotonic()
    const pass = this.#throttle.pass('store')
    if (pass) this.#log.error({ err: error, path: this.#path, ...pass }, 'a lease could not be stored')
  }

  #recovered(): void {
    if (this.#failure === undefined) return
    this.#failure = undefined
    this.#log.info({ path: this.#path }, 'leases can be stored again')
  }

  #damaged(damage: string | undefined): void {
    if (damage === undefined) return
    this.#damage = damage
    this.#log.error({ path: this.#path, reason: damage }, 'the lease file was damaged: it was set aside and made anew')
  }
}

/** Opens or makes the lease file. A damaged one is set aside. Throws an OperatorError where the file can't be used. */
export function openStore(path: string, log: Log, clock: Clock = systemClock): Store {
  try {
    return new Store(path, log, clock)
  } catch (error) {
    if (error instanceof OperatorError) throw error
    throw new OperatorError(`can't open the lease file ${path}: ${messageOf(error)}`, { cause: error })
  }
}

/** A binding granted in the future was granted before the clock was set back: its remaining time counts from now. */
function sane(binding: Binding, now: number): Binding {
  const ahead = binding.grantedAt - now
  if (ahead <= 0) return binding
  return {
    ...binding,
    grantedAt: now,
    preferredUntil: binding.preferredUntil - ahead,
    validUntil: binding.validUntil - ahead,
  }
}
