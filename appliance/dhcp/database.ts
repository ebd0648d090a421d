/**
 * The lease file: SQLite with a write-ahead log. A transaction is written by SQLite and synced by us, beside our other work: what
 * `synchronous = FULL` would do in its midst. It only loads and writes; who may have what is decided elsewhere.
 */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { messageOf, OperatorError } from '../base/errors.ts'
import { formatIp6, parseIp6 } from '../base/ip6.ts'
import { parseMac } from '../base/mac.ts'
import { checkWhole, isCorrupt, setAside, transaction, WriteAheadLog } from '../base/sqlite.ts'
import { syncFolder } from '../base/whole-file.ts'
import type { Binding, Quarantine } from './binding.ts'
import { type Duid, parseDuid, writeDuid } from './duid.ts'
import { migrations } from './migrations.ts'
import { macNumber, macText } from './slots.ts'

/** A lease with the number of its row. */
export interface Stored {
  readonly slot: number
  readonly binding: Binding
}

/** What one slot holds from now on; undefined empties it. */
export interface SlotChange {
  readonly slot: number
  readonly binding: Binding | undefined
}

type Row = Record<string, string | number | null>
type LeaseColumns = readonly [
  slot: number,
  lan: number,
  duid: string,
  isDelegated: 0 | 1,
  iaid: number,
  clone: number | null,
  host: number,
  mac: number | null,
  hostname: string | null,
  isReleased: 0 | 1,
  grantedAt: number,
  preferredUntil: number,
  validUntil: number,
  length: number | null,
  via: string | null,
]

export class LeaseDatabase implements Disposable {
  readonly #db: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #quarantine: StatementSync
  readonly #duid = new Uint8Array(130)
  readonly #path: string
  readonly #inode: bigint
  readonly log: WriteAheadLog
  #shift: number

  /** Throws SQLite's error where the file is no database of ours, or can't be opened. */
  constructor(path: string) {
    const file = openSync(path, 'a', 0o600) // who was where and when is nobody else's business
    this.#path = path
    this.#inode = fstatSync(file, { bigint: true }).ino
    closeSync(file)
    this.#db = new DatabaseSync(path)
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 100')
      this.#db.exec('PRAGMA cache_size = -1024') // KB: the pages of one transaction; what we read is in memory
      checkWhole(this.#db)
      this.#migrate(path)
      const row = Array(15).fill('?').join(', ')
      this.#put = this.#db.prepare(`INSERT OR REPLACE INTO lease VALUES (${row})`)
      this.#remove = this.#db.prepare('DELETE FROM lease WHERE slot = ?')
      this.#quarantine = this.#db.prepare('INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?)')
      this.log = new WriteAheadLog(path, this.#db)
      syncFolder(dirname(path)) // it may be new there
      this.#shift = Number(this.#db.prepare('SELECT shift FROM clock').get()?.['shift'] ?? 0)
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  /** Every lease in the order of slots, each read when its turn comes. */
  *leases(): Generator<Stored> {
    // Hex text, for an array of octets takes far longer to come; and many at a time, for the same reason.
    const rows = this.#db.prepare(
      "SELECT slot, lan, hex(duid), ia = 'pd', iaid, clone, host, mac, hostname, state = 'released', granted_at, " +
        'preferred_until, valid_until, length, via FROM lease WHERE slot >= ? ORDER BY slot LIMIT 200',
    )
    rows.setReturnArrays(true)
    for (let next = 0; ; ) {
      const some = rows.all(next) as unknown as LeaseColumns[]
      for (const row of some) yield storedOf(row, this.#shift)
      if (some.length === 0) return
      next = some.at(-1)![0] + 1
    }
  }

  /** All slots have numbers below this. */
  room(): number {
    return Number(this.#db.prepare('SELECT max(slot) + 1 AS room FROM lease').get()?.['room'] ?? 0)
  }

  /** The one that began first comes first. */
  quarantine(): Quarantine[] {
    const rows = this.#db.prepare('SELECT * FROM quarantine ORDER BY until').all()
    return rows.map(row => quarantineOf(row as Row))
  }

  /** All of the changes or none; on disk after the next sync. Throws SQLite's error. */
  write(changes: Iterable<SlotChange>, quarantine: readonly Quarantine[] = []): void {
    transaction(this.#db, () => {
      for (const change of changes) this.#apply(change)
      for (const each of quarantine) this.#keep(each)
    })
  }

  /** The same in the place of all that is there, and synced. */
  rewrite(all: Iterable<SlotChange>, quarantine: readonly Quarantine[]): void {
    transaction(this.#db, () => {
      this.#db.exec('DELETE FROM lease; DELETE FROM quarantine')
      for (const change of all) this.#apply(change)
      for (const each of quarantine) this.#keep(each)
    })
    this.log.syncNow()
  }

  #keep({ subnet, host, duid, iaid, mac, registeredAt, until }: Quarantine): void {
    this.#quarantine.run(subnet ?? firstLan, host, duid, iaid, mac ?? null, until, registeredAt ?? null)
  }

  /** Moves every instant: the wall clock was set. */
  shift(milliseconds: number): void {
    transaction(this.#db, () => {
      this.#db.prepare('INSERT OR REPLACE INTO clock VALUES (1, ?)').run(this.#shift + milliseconds)
      this.#db.prepare('UPDATE quarantine SET until = until + ?1, registered_at = registered_at + ?1').run(milliseconds)
    })
    this.#shift += milliseconds
    this.log.syncNow()
  }

  /** Forgets quarantine that has ended, and the oldest beyond `most`. */
  prune(now: number, most: number): void {
    this.#db.prepare('DELETE FROM quarantine WHERE until <= ?').run(now)
    this.#db
      .prepare(
        'DELETE FROM quarantine WHERE until < (SELECT until FROM quarantine ORDER BY until DESC LIMIT 1 OFFSET ?)',
      )
      .run(most - 1)
  }

  /** A commit that changes no lease: is the disk fit again? Throws SQLite's error where it isn't. */
  touch(now: number): void {
    this.#db.prepare('INSERT OR REPLACE INTO heartbeat VALUES (1, ?)').run(now)
  }

  /** Whether the file is still where it was: SQLite would go on writing to one that somebody has deleted or replaced. */
  isThere(): boolean {
    return this.#db.isOpen && statSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode
  }

  [Symbol.dispose](): void {
    if (!this.#db.isOpen) return
    this.#db.close()
    this.log[Symbol.dispose]()
  }

  #migrate(path: string): void {
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (version > migrations.length)
      throw new OperatorError(`${path} was written by a newer siteplane: install that one, or move the file away`)
    this.#db.function('mac_number', mac => (mac === null ? null : macNumber(parseMac(String(mac)))))
    for (let i = version; i < migrations.length; i++)
      transaction(this.#db, () => this.#db.exec(`${migrations[i]}; PRAGMA user_version = ${i + 1}`))
  }

  #apply({ slot, binding }: SlotChange): void {
    if (!binding) {
      this.#remove.run(slot)
      return
    }
    const { subnet, duid, iaType, iaid, clone, host, delegated, mac, hostname, state } = binding
    this.#put.run(
      slot,
      subnet ?? firstLan,
      this.#duid.subarray(0, writeDuid(duid, this.#duid)),
      iaType,
      iaid,
      clone === undefined ? null : macNumber(clone),
      host,
      mac === undefined ? null : macNumber(mac),
      hostname ?? null,
      state,
      binding.grantedAt - this.#shift,
      binding.preferredUntil - this.#shift,
      binding.validUntil - this.#shift,
      delegated?.length ?? null,
      delegated ? formatIp6(delegated.via) : null,
    )
  }
}

const firstLan = -1
/**
 * Opens the file and gives all that it holds to `load`, after it told `begin` how many slots that is at most; where the file is
 * damaged, sets it aside as `….corrupt` and begins a new one, with none. Throws an OperatorError.
 */
export function openDatabase(
  path: string,
  load: (stored: Stored) => void,
  begin: (room: number) => void = () => {},
): { readonly database: LeaseDatabase; readonly damage: string | undefined } {
  try {
    const database = new LeaseDatabase(path)
    try {
      begin(database.room())
      for (const stored of database.leases()) load(stored)
      return { database, damage: undefined }
    } catch (error) {
      database[Symbol.dispose]()
      throw error
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    if (!isCorrupt(error)) throw new OperatorError(`can't open ${path}: ${messageOf(error)}`, { cause: error })
    setAside(path)
    begin(0)
    return { database: new LeaseDatabase(path), damage: messageOf(error) }
  }
}

function storedOf(row: LeaseColumns, shift: number): Stored {
  const [
    slot,
    lan,
    duid,
    isDelegated,
    iaid,
    clone,
    host,
    mac,
    hostname,
    isReleased,
    granted,
    preferred,
    valid,
    length,
    via,
  ] = row
  return {
    slot,
    binding: {
      delegated: via === null ? undefined : { length: length ?? 128, via: parseIp6(via) },
      subnet: lan === firstLan ? undefined : lan,
      duid: duidFromHex(duid),
      iaType: isDelegated ? 'pd' : 'na',
      iaid,
      clone: clone === null ? undefined : macText(clone),
      host,
      mac: mac === null ? undefined : macText(mac),
      hostname: hostname ?? undefined,
      state: isReleased ? 'released' : 'bound',
      grantedAt: granted + shift,
      preferredUntil: preferred + shift,
      validUntil: valid + shift,
    },
  }
}

const line = Buffer.alloc(3 * 130)

/** From upper-case hex without colons, as SQLite writes it. */
function duidFromHex(hex: string): Duid {
  let length = 0
  for (let i = 0; i < hex.length; i++) {
    if (i > 0 && i % 2 === 0) line[length++] = 0x3a
    const code = hex.charCodeAt(i)
    line[length++] = code < 0x3a ? code : code | 0x20
  }
  return line.toString('latin1', 0, length) as Duid
}

function quarantineOf(row: Row): Quarantine {
  const mac = row['mac']
  return {
    subnet: row['lan'] === firstLan ? undefined : Number(row['lan']),
    host: Number(row['host']),
    duid: parseDuid(String(row['duid'])),
    iaid: Number(row['iaid']),
    mac: typeof mac === 'string' ? parseMac(mac) : undefined,
    registeredAt: row['registered_at'] === null ? undefined : Number(row['registered_at']),
    until: Number(row['until']),
  }
}
