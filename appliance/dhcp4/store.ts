/**
 * The IPv4 leases of all LANs: decided on in memory, kept in a file of their own. All that came in one turn is one transaction. What
 * is staged may be answered only after `commit` has said that it is stored.
 */
import type { Clock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import type { Ip4 } from '../base/ip4.ts'
import { type Log, Throttle } from '../base/log.ts'
import { isCorrupt, setAside } from '../base/sqlite.ts'
import { SyncQueue } from '../base/sync-queue.ts'
import { WallClock } from '../base/wall-clock.ts'
import { type Change4, isLive, type Lease4, type Leases4, Table4 } from './lease.ts'
import { LeaseFile } from './lease-file.ts'

const kept = 7 * 86_400_000 // ms that a lease is remembered after its end; the host gets the same address anyhow

/** What one commit has written. */
interface Batch {
  readonly undo: readonly Change4[]
  readonly done: (stored: boolean) => void
}

export class Store4 implements Disposable {
  readonly #path: string
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #table = new Table4()
  #file: LeaseFile
  #staged: Change4[] = []
  #undo: Change4[] = []
  readonly #syncsAtOnce: boolean
  readonly #syncs = new SyncQueue<Batch>(
    done => this.#file.log.sync(done),
    (batches, error) => this.#settle(batches, error),
  )
  #mending = false // a sync failed
  readonly #unsaved = new Set<Ip4>() // of which the file may not hold what it should
  #failure: string | undefined
  #damage: string | undefined
  readonly #wall: WallClock

  /**
   * A damaged file is set aside. With `syncsAtOnce` a commit waits for the disk; otherwise the disk works beside us. Throws an
   * OperatorError where the file can't be used.
   */
  constructor(path: string, log: Log, clock: Clock, syncsAtOnce = false) {
    this.#path = path
    this.#syncsAtOnce = syncsAtOnce
    this.#log = log
    this.#throttle = new Throttle(clock)
    this.#wall = new WallClock(clock, milliseconds => this.#shift(milliseconds))
    try {
      this.#file = new LeaseFile(path)
      this.#table.apply(this.#file.leases().map(lease => ({ address: lease.address, lease: this.#sane(lease) })))
    } catch (error) {
      if (error instanceof OperatorError) throw error
      if (!isCorrupt(error)) throw new OperatorError(`can't open the lease file ${path}: ${messageOf(error)}`)
      this.#damage = messageOf(error)
      this.#log.error({ path, reason: this.#damage }, 'the IPv4 lease file was damaged: it was set aside and made anew')
      setAside(path)
      this.#file = new LeaseFile(path)
    }
  }

  get leases(): Leases4 {
    return this.#table
  }

  get all(): Iterable<Lease4> {
    return this.#table.all
  }

  /** How many leases in that range are live. */
  live(first: Ip4, last: Ip4): number {
    const now = this.now()
    let count = 0
    for (const lease of this.#table.all)
      if (lease.address >= first && lease.address <= last && lease.state === 'bound' && isLive(lease, now)) count++
    return count
  }

  /** Wall time in milliseconds by which leases are counted. Where it was set they move along: a promise was a number of seconds. */
  now(): number {
    return this.#wall.now()
  }

  /** Makes changes that later decisions see. They are gone again if `commit` fails. */
  stage(changes: readonly Change4[]): void {
    this.#undo.unshift(...this.#table.apply(changes))
    this.#staged.push(...changes)
  }

  /**
   * Stores what was staged, and calls back with true when it is on disk: at once or later. False takes it back, and nothing of it may
   * be promised to a client.
   */
  commit(done: (stored: boolean) => void): void {
    const staged = this.#staged
    const batch = { undo: this.#undo, done }
    this.#staged = []
    this.#undo = []
    if (staged.length === 0) {
      done(true)
      return
    }
    try {
      if (this.#mending) this.#file.log.mend()
      this.#mending = false
      const addresses = new Set([...this.#unsaved, ...staged.map(({ address }) => address)])
      this.#file.write([...addresses].map(address => ({ address, lease: this.#table.at(address) })))
      this.#unsaved.clear()
      if (this.#syncsAtOnce) this.#file.log.syncNow()
    } catch (error) {
      this.#takeBack([batch])
      this.#failed(error)
      done(false)
      return
    }
    if (this.#syncsAtOnce) this.#settle([batch], undefined)
    else this.#syncs.push(batch)
  }

  /** To be called now and then: looks after the file, and forgets the leases that ended long ago. */
  tend(): void {
    const now = this.now()
    try {
      if (!this.#file.isThere()) this.#makeAnew()
    } catch (error) {
      this.#failed(error)
      return
    }
    const old = [...this.#table.all].filter(({ validUntil }) => validUntil < now - kept)
    this.stage(old.map(({ address }) => ({ address, lease: undefined })))
    this.commit(() => {})
  }

  /** What is wrong, as clauses for the status. */
  reasons(): string[] {
    const reasons = []
    if (this.#failure !== undefined) reasons.push(`IPv4 leases can't be stored in ${this.#path}: ${this.#failure}`)
    if (this.#damage !== undefined)
      reasons.push(`the IPv4 lease file was damaged (${this.#damage}) and was made anew as ${this.#path}`)
    return reasons
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }

  /** What became of batches: with an error they are not on disk. */
  #settle(batches: readonly Batch[], error: Error | undefined): void {
    if (!error) {
      if (this.#failure !== undefined) this.#log.info({ path: this.#path }, 'IPv4 leases can be stored again')
      this.#failure = undefined
      for (const { done } of batches) done(true)
      return
    }
    this.#mending = true
    this.#takeBack(batches)
    this.#failed(error)
    for (const { done } of batches) done(false)
  }

  /** Whatever became of the transactions, the next one sets it right. */
  #takeBack(batches: readonly Batch[]): void {
    const undo = batches.toReversed().flatMap(each => each.undo)
    this.#table.apply(undo)
    for (const { address } of undo) this.#unsaved.add(address)
  }

  #makeAnew(): void {
    this.#file[Symbol.dispose]()
    this.#file = new LeaseFile(this.#path)
    this.#file.write([...this.#table.all].map(lease => ({ address: lease.address, lease })))
    this.#file.log.syncNow()
    this.#mending = false
    this.#unsaved.clear()
    this.#damage = 'it was deleted while in use'
    this.#log.error({ path: this.#path }, 'the IPv4 lease file was deleted while in use: it was made anew')
  }

  #shift(milliseconds: number): void {
    this.#log.warn({ milliseconds }, 'the clock was set: the IPv4 leases move along')
    // Stored with what comes next: what is staged now may not be taken for stored.
    this.stage([...this.#table.all].map(lease => ({ address: lease.address, lease: moved(lease, milliseconds) })))
  }

  /** Granted in the future, it was granted before the clock was set back: its remaining time counts from now. */
  #sane(lease: Lease4): Lease4 {
    const ahead = lease.grantedAt - this.#wall.last
    return ahead > 0 ? moved(lease, -ahead) : lease
  }

  #failed(error: unknown): void {
    this.#failure = messageOf(error)
    const pass = this.#throttle.pass('store')
    if (pass) this.#log.error({ err: error, path: this.#path, ...pass }, 'an IPv4 lease could not be stored')
  }
}

const moved = (lease: Lease4, milliseconds: number): Lease4 => ({
  ...lease,
  grantedAt: lease.grantedAt + milliseconds,
  validUntil: lease.validUntil + milliseconds,
})
