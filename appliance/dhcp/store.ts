/**
 * The leases of all LANs: decided on in memory, kept on disk. What is staged may be answered only after `commit` has said that
 * it is stored.
 */
import { type Clock, systemClock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { type Log, Throttle } from '../base/log.ts'
import { isCorrupt } from '../base/sqlite.ts'
import { SyncQueue } from '../base/sync-queue.ts'
import { WallClock } from '../base/wall-clock.ts'
import type { Binding, Bindings, Change, Quarantine } from './binding.ts'
import { type LeaseDatabase, openDatabase, type SlotChange } from './database.ts'
import { type LeaseRows, leaseRows, type ServedLan } from './leases.ts'
import { mostQuarantined, Table } from './table.ts'

const kept = 7 * 86_400_000 // our own: how long a lease is remembered after its end; the host gets the same address anyhow
const mostForgotten = 256 // at a time
const retry = 1_000 // a disk that failed is tried again this often at most

/** What one commit has written. */
interface Batch {
  readonly written: boolean // there was something
  readonly touched: ReadonlySet<number>
  readonly undo: readonly (readonly Change[])[]
  readonly changes: readonly Change[]
  readonly done: (stored: boolean) => void
}

export class Store implements Disposable {
  readonly #path: string
  readonly #log: Log
  readonly #clock: Clock
  readonly #throttle: Throttle
  #table = new Table()
  #database: LeaseDatabase
  #quarantined: Quarantine[] = [] // staged
  #undo: Change[][] = []
  #staged: Change[] = []
  readonly #syncsAtOnce: boolean
  readonly #syncs = new SyncQueue<Batch>(
    done => this.#database.log.sync(done),
    (batches, error) => this.#settle(batches, error),
  )
  #mending = false // a sync failed
  #unsaved = new Set<number>() // slots of which the file may not hold what it should, since a write failed
  #failure: string | undefined
  #damage: string | undefined
  #tried = 0
  readonly #wall: WallClock
  #listener: (changes: readonly Change[]) => void = () => {}

  constructor(path: string, log: Log, clock: Clock, syncsAtOnce: boolean) {
    this.#syncsAtOnce = syncsAtOnce
    this.#path = path
    this.#log = log
    this.#clock = clock
    this.#throttle = new Throttle(clock)
    this.#wall = new WallClock(clock, milliseconds => this.#shift(milliseconds))
    const wall = this.#wall.last
    const { database, damage } = openDatabase(
      path,
      ({ slot, binding }) => this.#table.load(slot, sane(binding, wall)),
      room => {
        this.#table = new Table()
        this.#table.reserve(room + (room >> 3)) // and some that come
      },
    )
    this.#database = database
    this.#damaged(damage)
    for (const quarantine of database.quarantine()) this.#table.apply([{ kind: 'quarantine', quarantine }])
    this.#table.takeTouched()
    database.prune(wall, mostQuarantined)
  }

  get bindings(): Bindings {
    return this.#table
  }

  /** Every binding, live or not. */
  all(): Iterable<Binding> {
    return this.#table.bindings
  }

  /** All slots have numbers below this. */
  get room(): number {
    return this.#table.high
  }

  /** The addresses that are leased, live or not, in the slots from `first` to before `end`. */
  leasedHosts(first: number, end: number, visit: (subnet: number | undefined, host: number) => void): void {
    this.#table.leasedHosts(first, end, visit)
  }

  /** The one listener hears what was stored. */
  onChange(listener: (changes: readonly Change[]) => void): void {
    this.#listener = listener
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
  leases(lans: readonly ServedLan[]): LeaseRows {
    return leaseRows(this.#table.bindings, this.#table.quarantined, lans, this.now())
  }

  /**
   * The wall time, in milliseconds since 1970, by which leases are counted. Where it was set, the leases move along: what was
   * promised to a host was a number of seconds.
   */
  now(): number {
    return this.#wall.now()
  }

  /** Makes changes that later decisions see. They are gone again if `commit` fails. */
  stage(changes: readonly Change[]): void {
    this.#undo.push(this.#table.apply(changes))
    this.#staged.push(...changes)
    for (const change of changes) if (change.kind === 'quarantine') this.#quarantined.push(change.quarantine)
  }

  /**
   * Stores what was staged, and calls back with true when it is on disk: at once or later. False takes it back, and nothing of it
   * may be promised to a client.
   */
  commit(done: (stored: boolean) => void): void {
    const batch = this.#writeStaged(done)
    if (!batch) done(false)
    else if (!batch.written) done(true)
    else if (this.#syncsAtOnce) this.#settle([batch], this.#syncNow())
    else this.#syncs.push(batch)
  }

  /** To be called now and then: looks after the file, and forgets a few of the leases that ended long ago. */
  tend(): void {
    try {
      if (!this.#database.isThere()) {
        this.#makeAnew()
        this.#recovered()
      }
    } catch (error) {
      this.#failed(error)
    }
    if (this.#failure !== undefined) return
    // Who was where is nobody's business for ever.
    const old = this.#table.endedBefore(this.now() - kept, mostForgotten)
    if (old.length === 0) return
    this.stage(old.map(binding => ({ kind: 'remove', binding })))
    this.commit(() => {})
  }

  /** Whether leases can be stored. After a failure it tries the disk itself, so that no client is drawn here in vain. */
  usable(): boolean {
    if (this.#failure === undefined) return true
    const monotonic = this.#clock.monotonic()
    if (monotonic - this.#tried < retry) return false
    this.#tried = monotonic
    try {
      this.#attempt(() => {
        if (this.#mending) this.#database.log.mend()
        this.#database.touch(this.#clock.now())
        if (this.#unsaved.size > 0) this.#database.write(this.#changes(this.#unsaved))
        this.#database.log.syncNow()
      })
      this.#mending = false
      this.#unsaved.clear()
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
    if (this.#damage === deleted)
      reasons.push(`the lease file ${this.#path} was deleted while in use, and was made anew`)
    else if (this.#damage !== undefined)
      reasons.push(`the lease file was damaged (${this.#damage}), was set aside as ${this.#path}.corrupt and made anew`)
    return reasons
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]()
  }

  /** Writes what was staged; undefined where that fails, and then it is taken back. */
  #writeStaged(done: Batch['done']): Batch | undefined {
    const quarantined = this.#quarantined
    const touched = this.#table.takeTouched()
    const written = touched.size > 0 || quarantined.length > 0
    const batch = { written, touched, undo: this.#undo, changes: this.#staged, done }
    this.#quarantined = []
    this.#undo = []
    this.#staged = []
    if (!written) return batch
    const slots = this.#unsaved.size === 0 ? touched : new Set([...this.#unsaved, ...touched])
    try {
      this.#attempt(() => {
        if (this.#mending) this.#database.log.mend()
        this.#database.write(this.#changes(slots), quarantined)
      })
      this.#mending = false
      this.#unsaved.clear()
      if (quarantined.length > 0) this.#database.prune(this.#clock.now(), mostQuarantined)
      return batch
    } catch (error) {
      this.#takeBack([batch])
      this.#failed(error)
      return undefined
    }
  }

  #syncNow(): Error | undefined {
    try {
      this.#database.log.syncNow()
      return undefined
    } catch (error) {
      return error as Error
    }
  }

  /** What became of batches: with an error they are not on disk. */
  #settle(batches: readonly Batch[], error: Error | undefined): void {
    if (!error) {
      this.#recovered()
      for (const { changes, done } of batches) {
        this.#listener(changes)
        done(true)
      }
      return
    }
    this.#mending = true
    this.#takeBack(batches)
    this.#failed(error)
    for (const { done } of batches) done(false)
  }

  #takeBack(batches: readonly Batch[]): void {
    for (const { undo } of batches.toReversed()) for (const changes of undo.toReversed()) this.#table.apply(changes)
    // Whatever became of the transactions, the next one sets it right.
    for (const { touched } of batches) for (const slot of touched) this.#unsaved.add(slot)
    for (const slot of this.#table.takeTouched()) this.#unsaved.add(slot)
  }

  *#changes(slots: Iterable<number>): Generator<SlotChange> {
    for (const slot of slots) yield { slot, binding: this.#table.at(slot) }
  }

  /** A file that turns out damaged is written anew from memory, which holds all of it. */
  #attempt(write: () => void): void {
    try {
      write()
    } catch (error) {
      if (!isCorrupt(error)) throw error
      this.#makeAnew(messageOf(error))
    }
  }

  /** Without a damage: it was deleted or replaced while in use. */
  #makeAnew(damage?: string): void {
    this.#database[Symbol.dispose]()
    const opened = openDatabase(this.#path, () => {})
    this.#database = opened.database
    this.#damaged(opened.damage ?? damage ?? deleted)
    this.#database.rewrite(this.#changes(this.#table.slots()), [...this.#table.quarantined])
    this.#unsaved.clear()
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
    this.#log.error({ path: this.#path, reason: damage }, damage === deleted ? lost : spoiled)
  }
}

const deleted = 'deleted'
const lost = 'the lease file was deleted while in use: it was made anew'
const spoiled = 'the lease file was damaged: it was set aside and made anew'

/**
 * Opens or makes the lease file. A damaged one is set aside. With `syncsAtOnce` a commit waits for the disk; otherwise the disk
 * works beside us. Throws an OperatorError where the file can't be used.
 */
export function openStore(path: string, log: Log, clock: Clock = systemClock, syncsAtOnce = false): Store {
  try {
    return new Store(path, log, clock, syncsAtOnce)
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
