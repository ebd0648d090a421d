/** What every file of ours in SQLite needs: all or nothing, and what to do with a damaged one. */
import { closeSync, fdatasync, fdatasyncSync, openSync, renameSync, rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

const corrupt = 11 // SQLITE_CORRUPT
const notADatabase = 26 // SQLITE_NOTADB

/** Does all of `body` or nothing of it. Throws what it throws, or SQLite's error. */
export function transaction(db: DatabaseSync, body: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    body()
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

/** Reads the whole file. Throws an error of which `isCorrupt` holds where it is damaged. */
export function checkWhole(db: DatabaseSync): void {
  const check = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check']
  if (check !== 'ok') throw Object.assign(new Error(String(check)), { errcode: corrupt })
}

/**
 * The log of a database in WAL mode whose commits SQLite doesn't sync (synchronous = NORMAL): what was written is on disk after the
 * next sync, which need not keep anybody waiting.
 */
export class WriteAheadLog implements Disposable {
  readonly #db: DatabaseSync
  readonly #file: number
  #syncs = 0 // under way
  #open = true

  /** `path` is that of the database, which has been written to. */
  constructor(path: string, db: DatabaseSync) {
    this.#db = db
    this.#file = openSync(`${path}-wal`, 'r')
  }

  /** Calls back when all that was written before is on disk, or with the reason why not. */
  sync(done: (error: Error | undefined) => void): void {
    this.#syncs++
    fdatasync(this.#file, error => {
      if (--this.#syncs === 0 && !this.#open) closeSync(this.#file)
      done(error ?? undefined)
    })
  }

  /** The same, at once. Throws. */
  syncNow(): void {
    fdatasyncSync(this.#file)
  }

  /**
   * After a sync that failed: nobody knows which parts of the log are on disk, and what comes behind a hole is never read again. So
   * all of it goes to the database, and the log begins anew. Throws.
   */
  mend(): void {
    const { busy } = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }
    if (busy !== 0) throw new Error('the lease file is in use by another program')
  }

  [Symbol.dispose](): void {
    if (this.#open && this.#syncs === 0) closeSync(this.#file)
    this.#open = false
  }
}

/** Whether the error says that the file itself is damaged, not that the disk is full or the like. */
export function isCorrupt(error: unknown): boolean {
  const code = (error as { errcode?: number }).errcode ?? 0
  return (code & 0xff) === corrupt || (code & 0xff) === notADatabase
}

/** One damaged file is kept as `….corrupt` for whoever wants to look at it. */
export function setAside(path: string): void {
  renameSync(path, `${path}.corrupt`)
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
}
