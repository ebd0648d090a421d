/** The file of the IPv4 leases: SQLite with a write-ahead log. What is written is on disk after the next sync. */
import { closeSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { OperatorError } from '../base/errors.ts'
import { formatIp4, parseIp4 } from '../base/ip4.ts'
import { parseMac } from '../base/mac.ts'
import { checkWhole, transaction, WriteAheadLog } from '../base/sqlite.ts'
import { syncFolder } from '../base/whole-file.ts'
import type { Change4, Lease4 } from './lease.ts'

const version = 1
const schema = `
  CREATE TABLE lease (
    address TEXT PRIMARY KEY, client TEXT NOT NULL, client_id TEXT, mac TEXT NOT NULL, hostname TEXT,
    state TEXT NOT NULL, granted_at INTEGER NOT NULL, valid_until INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${version}`

type Row = Record<string, string | number | null>

export class LeaseFile implements Disposable {
  readonly #path: string
  readonly #db: DatabaseSync
  readonly #inode: bigint
  readonly log: WriteAheadLog
  readonly #put: StatementSync
  readonly #remove: StatementSync

  /** Throws SQLite's error, or an OperatorError where the file is of a newer version. */
  constructor(path: string) {
    this.#path = path
    closeSync(openSync(path, 'a', 0o600)) // who was where and when is nobody else's business
    this.#db = new DatabaseSync(path)
    try {
      this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 100')
      checkWhole(this.#db)
      const found = Number(this.#db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
      if (found > version)
        throw new OperatorError(`${path} was written by a newer siteplane: install that one, or move the file away`)
      if (found === 0) transaction(this.#db, () => this.#db.exec(schema))
      this.#put = this.#db.prepare('INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
      this.#remove = this.#db.prepare('DELETE FROM lease WHERE address = ?')
      this.#inode = statSync(path, { bigint: true }).ino
      this.log = new WriteAheadLog(path, this.#db)
      syncFolder(dirname(path)) // it may be new there
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

  /** All of the changes or none. Throws SQLite's error. */
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
    if (!this.#db.isOpen) return
    this.#db.close()
    this.log[Symbol.dispose]()
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
