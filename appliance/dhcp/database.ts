/** The lease file: SQLite, every commit fsynced. It only loads and writes; who may have what is decided elsewhere. */
import { closeSync, openSync, renameSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { messageOf, OperatorError } from '../base/errors.ts'
import { formatIp6, parseIp6 } from '../base/ip6.ts'
import { parseMac } from '../base/mac.ts'
import type { Binding, Change, Quarantine } from './binding.ts'
import { parseDuid } from './duid.ts'

/** Each row takes the file from one version to the next. A row that was released is never changed. */
const migrations = [
  `CREATE TABLE binding (
     lan INTEGER NOT NULL, -- number of the further LAN, -1 for the first
     duid TEXT NOT NULL,
     ia TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     clone TEXT NOT NULL, -- MAC of a copied host; empty for the first holder of the key
     host INTEGER NOT NULL, -- offset of the address in the LAN's prefix
     mac TEXT,
     hostname TEXT,
     state TEXT NOT NULL,
     granted_at INTEGER NOT NULL, -- milliseconds since 1970, as all instants
     preferred_until INTEGER NOT NULL,
     valid_until INTEGER NOT NULL,
     PRIMARY KEY (lan, duid, ia, iaid, clone)
   ) STRICT, WITHOUT ROWID;
   CREATE UNIQUE INDEX binding_host ON binding (lan, host);
   CREATE TABLE quarantine (
     lan INTEGER NOT NULL,
     host INTEGER NOT NULL,
     duid TEXT NOT NULL,
     iaid INTEGER NOT NULL,
     mac TEXT,
     until INTEGER NOT NULL,
     PRIMARY KEY (lan, host)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE heartbeat (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;`,
  // host is the offset in the site's prefix where length is not null: a delegated prefix.
  `ALTER TABLE binding ADD COLUMN length INTEGER;
   ALTER TABLE binding ADD COLUMN via TEXT;`,
]

/** What the file holds when it is opened. */
export interface Stored {
  readonly bindings: readonly Binding[]
  readonly quarantine: readonly Quarantine[]
}

type Row = Record<string, string | number | null>

export class LeaseDatabase implements Disposable {
  readonly #db: DatabaseSync
  readonly #put: StatementSync
  readonly #remove: StatementSync
  readonly #quarantine: StatementSync

  /** Throws SQLite's error where the file is no database of ours, or can't be opened. */
  constructor(path: string) {
    closeSync(openSync(path, 'a', 0o600)) // who was where and when is nobody else's business
    this.#db = new DatabaseSync(path)
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 100')
      const check = this.#db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
      if (check !== 'ok') throw Object.assign(new Error(String(check)), { errcode: corrupt })
      this.#migrate(path)
      this.#put = this.#db.prepare(
        'INSERT INTO binding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (lan, duid, ia, iaid, clone) ' +
          'DO UPDATE SET host = excluded.host, mac = excluded.mac, hostname = excluded.hostname, state = excluded.state, ' +
          'granted_at = excluded.granted_at, preferred_until = excluded.preferred_until, valid_until = excluded.valid_until, ' +
          'length = excluded.length, via = excluded.via',
      )
      this.#remove = this.#db.prepare(
        'DELETE FROM binding WHERE lan = ? AND duid = ? AND ia = ? AND iaid = ? AND clone = ?',
      )
      this.#quarantine = this.#db.prepare('INSERT OR REPLACE INTO quarantine VALUES (?, ?, ?, ?, ?, ?)')
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  load(): Stored {
    return {
      bindings: this.#db
        .prepare('SELECT * FROM binding')
        .all()
        .map(row => bindingOf(row as Row)),
      quarantine: this.#db
        .prepare('SELECT * FROM quarantine ORDER BY until')
        .all()
        .map(row => quarantineOf(row as Row)),
    }
  }

  /** All of the changes or none, on disk when it returns. Throws SQLite's error. */
  write(changes: readonly Change[]): void {
    this.#transaction(() => {
      for (const change of changes) this.#apply(change)
    })
  }

  /** Moves every instant: the wall clock was set. */
  shift(milliseconds: number): void {
    this.#transaction(() => {
      this.#db
        .prepare(
          'UPDATE binding SET granted_at = granted_at + ?1, preferred_until = preferred_until + ?1, valid_until = valid_until + ?1',
        )
        .run(milliseconds)
      this.#db.prepare('UPDATE quarantine SET until = until + ?').run(milliseconds)
    })
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

  [Symbol.dispose](): void {
    this.#db.close()
  }

  #migrate(path: string): void {
    const version = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
    if (version > migrations.length)
      throw new OperatorError(`${path} was written by a newer siteplane: install that one, or move the file away`)
    for (let i = version; i < migrations.length; i++)
      this.#transaction(() => this.#db.exec(`${migrations[i]}; PRAGMA user_version = ${i + 1}`))
  }

  #apply(change: Change): void {
    if (change.kind === 'quarantine') {
      const { subnet, host, duid, iaid, mac, until } = change.quarantine
      this.#quarantine.run(subnet ?? firstLan, host, duid, iaid, mac ?? null, until)
      return
    }
    const { subnet, duid, iaType, iaid, clone, ...rest } = change.binding
    const key = [subnet ?? firstLan, duid, iaType, iaid, clone ?? ''] as const
    if (change.kind === 'remove') {
      this.#remove.run(...key)
      return
    }
    const { host, mac, hostname, state, grantedAt, preferredUntil, validUntil, delegated } = rest
    const instants = [grantedAt, preferredUntil, validUntil] as const
    const via = delegated ? formatIp6(delegated.via) : null
    this.#put.run(...key, host, mac ?? null, hostname ?? null, state, ...instants, delegated?.length ?? null, via)
  }

  #transaction(body: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      body()
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

const firstLan = -1
const corrupt = 11 // SQLITE_CORRUPT
const notADatabase = 26 // SQLITE_NOTADB

/** Whether the error says that the file itself is damaged, not that the disk is full or the like. */
export function isCorrupt(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return (code & 0xff) === corrupt || (code & 0xff) === notADatabase
}

/** Opens the file, and where it is damaged sets it aside as `….corrupt` and begins a new one. Throws an OperatorError. */
export function openDatabase(path: string): { readonly database: LeaseDatabase; readonly damage: string | undefined } {
  try {
    const database = new LeaseDatabase(path)
    try {
      database.load()
      return { database, damage: undefined }
    } catch (error) {
      database[Symbol.dispose]()
      throw error
    }
  } catch (error) {
    if (error instanceof OperatorError) throw error
    if (!isCorrupt(error)) throw new OperatorError(`can't open ${path}: ${messageOf(error)}`, { cause: error })
    setAside(path)
    return { database: new LeaseDatabase(path), damage: messageOf(error) }
  }
}

/** One damaged file is kept for whoever wants to look at it. */
function setAside(path: string): void {
  renameSync(path, `${path}.corrupt`)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
}

function bindingOf(row: Row): Binding {
  const text = (name: string) => (row[name] === null || row[name] === '' ? undefined : String(row[name]))
  const clone = text('clone')
  const mac = text('mac')
  const via = text('via')
  return {
    ...(via !== undefined && { delegated: { length: Number(row['length']), via: parseIp6(via) } }),
    subnet: row['lan'] === firstLan ? undefined : Number(row['lan']),
    duid: parseDuid(String(row['duid'])),
    iaType: row['ia'] === 'pd' ? 'pd' : 'na',
    iaid: Number(row['iaid']),
    clone: clone === undefined ? undefined : parseMac(clone),
    host: Number(row['host']),
    mac: mac === undefined ? undefined : parseMac(mac),
    hostname: text('hostname'),
    state: row['state'] === 'released' ? 'released' : 'bound',
    grantedAt: Number(row['granted_at']),
    preferredUntil: Number(row['preferred_until']),
    validUntil: Number(row['valid_until']),
  }
}

function quarantineOf(row: Row): Quarantine {
  const mac = row['mac']
  return {
    subnet: row['lan'] === firstLan ? undefined : Number(row['lan']),
    host: Number(row['host']),
    duid: parseDuid(String(row['duid'])),
    iaid: Number(row['iaid']),
    mac: typeof mac === 'string' ? parseMac(mac) : undefined,
    until: Number(row['until']),
  }
}
