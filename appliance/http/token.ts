import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The token of the API, from `http.token` in the state directory (mode 0600), where it is made at first use. */
export function loadToken(stateDirectory: string): string {
  const file = join(stateDirectory, 'http.token')
  mkdirSync(stateDirectory, { recursive: true })
  try {
    writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    chmodSync(file, 0o600)
  }
  const token = readFileSync(file, 'utf8').trim()
  if (token.length < 16) throw new Error(`${file} holds no token: remove it, and a new one will be made`)
  return token
}
