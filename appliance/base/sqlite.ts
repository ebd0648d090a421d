/** What every file of ours in SQLite needs: all or nothing, and what to do with a damaged one. */
import { renameSync, rmSync } from 'node:fs'
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
