/**
 * The IPv4 leases of all LANs: decided on in memory, kept in a file of their own. All that came in one turn is one transaction, which
 * is on disk when `commit` returns true.
 */
import { closeSync, openSync, statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { Clock } from '../base/clock.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { formatIp4, type Ip4, parseIp4 } from '../base/ip4.ts'
import { type Log, Throttle } from '../base/log.ts'
import { parseMac } from '../base/mac.ts'
import { checkWhole, isCorrupt, setAside, transaction } from '../base/sqlite.ts'
import { WallClock } from '../base/wall-clock.ts'
import { type Change4, isLive, type Lease4, type Leases4, Table4 } from './lease.ts'

const version = 1
const schema = `
  CREATE TABLE lease (
    address TEXT PRIMARY KEY, client TEXT NOT NULL, client_id TEXT, mac TEXT NOT NULL, hostname TEXT,
    state TEXT NOT NULL, granted_at INTEGER NOT NULL, valid_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${version}`

const kept = 7 * 86_400_000 // ms that a lease is remembered after its end; the host gets the same address anyhow

export class Store4 implements Disposable {
  readonly #path: string
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #table = new Table4()
  #file: LeaseFile
  #staged: Change4[] = []
  #undo: Change4[] = []
  #failure: string | undefined
  #damage: string | undefined
  readonly #wall: WallClock

  /** Throws an OperatorError where the file can't be used; a damaged one is set aside. */
  constructor(path: string, log: Log, clock: Clock) {
    this.#path = path
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

  /** Stores what was staged. False takes it back, and nothing of it may be promised to a client. */
  commit(): boolean {
    const staged = this.#staged
    const undo = this.#undo
    this.#staged = []
    this.#undo = []
    if (staged.length === 0) return true
    try {
      this.#file.write(staged)
    } catch (error) {
      this.#table.apply(undo)
      this.#failed(error)
      return false
    }
    if (this.#failure !== undefined) this.#log.info({ path: this.#path }, 'IPv4 leases can be stored again')
    this.#failure = undefined
    return true
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
    this.commit()
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

  #makeAnew(): void {
    this.#file[Symbol.dispose]()
    this.#file = new LeaseFile(this.#path)
    this.#file.write([...this.#table.all].map(lease => ({ address: lease.address, lease })))
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

type Row = Record<string, string | number | null>

/** The file: SQLite with a write-ahead log, synced at each commit. */
class LeaseFile implements Disposable {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #inode: bigint
  readonly #put: StatementSync
  readonly #remove: StatementSync

  /** Throws SQLite's error, or an OperatorError where the file is of a newer version. */
  constructor(path: string) {
    this.#path = path
    closeSync(openSync(path, 'a', 0o600)) // who was where and when is nobody else's business
    this.#db = new DatabaseSync(path)
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 100')
      checkWhole(this.#db)
      const found = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
      if (found > version)
        throw new OperatorError(`${path} was written by a newer siteplane: install that one, or move the file away`)
      if (found === 0) transaction(this.#db, () => this.#db.exec(schema))
      this.#put = this.#db.prepare('INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      this.#remove = this.#db.prepare('DELETE FROM lease WHERE address = ?')
      this.#inode = statSync(path, { bigint: true }).ino
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  leases(): Lease4[] {
    return this.#db
      .prepare('SELECT * FROM lease')
      .all()
      .map(row => leaseOf(row as Row))
  }

  /** All of the changes or none, and on disk. Throws SQLite's error. */
  write(changes: readonly Change4[]): void {
    transaction(this.#db, () => {
      for (const { address, lease } of changes) {
        if (!lease) this.#remove.run(formatIp4(address))
        else this.#put.run(...columns(lease))
      }
    })
  }

  /** SQLite would go on writing to a file that somebody has deleted or replaced. */
  isThere(): boolean {
    return statSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode
  }

  [Symbol.dispose](): void {
    if (this.#db.isOpen) this.#db.close()
  }
}

function columns({ address, client, clientId, mac, hostname, state, grantedAt, validUntil }: Lease4) {
  return [formatIp4(address), client, clientId ?? null, mac, hostname ?? null, state, grantedAt, validUntil] as const
}

function leaseOf(row: Row): Lease4 {
  const text = (key: string) => (row[key] === null ? undefined : String(row[key]))
  return {
    address: parseIp4(String(row['address'])),
    client: String(row['client']),
    clientId: text('client_id'),
    mac: parseMac(String(row['mac'])),
    hostname: text('hostname'),
    state: row['state'] as Lease4['state'],
    grantedAt: Number(row['granted_at']),
    validUntil: Number(row['valid_until']),
  }
}
