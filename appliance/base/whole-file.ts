/**
 * Files that are written whole. After a crash, a power cut or with a full disk such a file holds its old content or the new one,
 * never a part: a draft beside it is written and synced, takes its name, and the folder is synced, so that the new one is on disk
 * when the call returns. Whoever calls has promised somebody what is in there. All throw what the file system throws.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Whose a file is and who may read it, as `stat` says. */
interface Rights {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** `rights` is the mode of a file that is ours, or those of a file that is somebody else's. */
export function replaceFileSync(file: string, content: string, rights: number | Rights): void {
  writeSync(file, content, rights, draft => renameSync(draft, file))
}

/** As `replaceFileSync`, for whoever has no time to wait for the disk. Two at once for the same file are the caller's fault. */
export async function replaceFile(file: string, content: string, mode: number): Promise<void> {
  const draft = draftOf(file)
  try {
    await rm(draft, { force: true })
    {
      await using handle = await open(draft, 'wx', mode)
      await handle.writeFile(content)
      await handle.sync()
    }
    await rename(draft, file)
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {})
    throw error
  }
  await using folder = await open(dirname(file))
  await folder.sync()
}

/** Unlike the others it never replaces a file that somebody else has just made: it throws EEXIST. */
export function createFileSync(file: string, content: string, mode: number): void {
  writeSync(file, content, mode, draft => {
    linkSync(draft, file)
    rmSync(draft)
  })
}

const draftOf = (file: string): string => `${file}.new`

function writeSync(file: string, content: string, rights: number | Rights, place: (draft: string) => void): void {
  const draft = draftOf(file)
  try {
    rmSync(draft, { force: true }) // of a crash, maybe with other rights
    const handle = openSync(draft, 'wx', typeof rights === 'number' ? rights : 0o600)
    try {
      writeFileSync(handle, content) // writeSync would write what the disk has room for, and say nothing
      if (typeof rights !== 'number') {
        fchownSync(handle, rights.uid, rights.gid)
        fchmodSync(handle, rights.mode)
      }
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    place(draft)
  } catch (error) {
    rmSync(draft, { force: true }) // it would fill the disk further
    throw error
  }
  syncFolder(dirname(file))
}

/** What is new in a folder, or has another name there, is on disk after it. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
