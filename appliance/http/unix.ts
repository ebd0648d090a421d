import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { OperatorError } from '../base/errors.ts'

const mode = 0o660 // for root and the group siteplane

/**
 * Listens on a Unix socket that only its user and group can open. A socket that a dead process left there is removed; one that
 * answers, or a file of another kind, is an OperatorError.
 */
export async function listenUnix(server: Server, path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  await clear(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    const before = process.umask(0o777 & ~mode) // bind happens inside listen: never is there a wider mode
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
  chmodSync(path, mode)
  const group = groupId('siteplane')
  if (group === undefined) return
  try {
    chownSync(path, process.getuid?.() ?? -1, group)
  } catch (error) {
    // Not root and not of the group: the socket stays our own.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  }
}

async function clear(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) throw new OperatorError(`${path} is there and is not a socket: move it, or set http.socket`)
  if (await answers(path)) throw new OperatorError(`another program answers on ${path}: stop it, or set http.socket`)
  rmSync(path, { force: true })
}

function answers(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const client = connect({ path })
    client.on('connect', () => {
      client.destroy()
      resolve(true)
    })
    // Anything but "nobody listens" (no right to ask, a full queue) means that somebody may: leave it alone.
    client.on('error', (error: NodeJS.ErrnoException) =>
      resolve(!['ECONNREFUSED', 'ENOENT'].includes(error.code ?? '')),
    )
  })
}

/** The number of a group in /etc/group, which Node has no call for. */
export function groupId(name: string, file = '/etc/group'): number | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
  const fields = text.split('\n').map(line => line.split(':'))
  const id = Number(fields.find(([group]) => group === name)?.[2] || Number.NaN)
  return Number.isInteger(id) ? id : undefined
}
