/** Who this server is to its clients, and the secret behind the addresses it chooses: made once, kept for ever. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DecodeError, fromHex, toHex } from '../base/bytes.ts'
import { messageOf, OperatorError } from '../base/errors.ts'
import { createFileSync } from '../base/whole-file.ts'
import { type Duid, duidUuid, parseDuid } from './duid.ts'

export interface Identity {
  readonly duid: Duid // a DUID-UUID
  readonly secret: Uint8Array // 32 octets
}

const secretLength = 32

/**
 * Reads `duid` and `secret` from the state directory, and makes those that were never there. Throws an OperatorError where one
 * can't be read or is damaged: a new DUID would make every host lose its server, a new secret every host its address.
 */
export function loadIdentity(stateDirectory: string): Identity {
  const duid = load(join(stateDirectory, 'duid'), () => duidUuid(randomUuid()), parseDuid)
  const secret = load(join(stateDirectory, 'secret'), () => toHex(randomBytes(secretLength)), parseSecret)
  return { duid, secret }
}

function parseSecret(text: string): Uint8Array {
  const secret = fromHex(text)
  if (secret.length !== secretLength) throw new DecodeError(`a secret of ${secret.length} octets`)
  return secret
}

/** Version 4, random. RFC 9562 section 5.4. */
function randomUuid(): Uint8Array {
  const uuid = new Uint8Array(randomBytes(16))
  uuid[6] = (uuid[6]! & 0x0f) | 0x40
  uuid[8] = (uuid[8]! & 0x3f) | 0x80
  return uuid
}

function load<T>(path: string, make: () => string, parse: (text: string) => T): T {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new OperatorError(`can't read ${path}: ${messageOf(error)}`, { cause: error })
    text = make()
    create(path, `${text}\n`)
  }
  try {
    return parse(text)
  } catch (error) {
    const advice = 'restore it from a backup, or remove it and accept that hosts get other addresses'
    throw new OperatorError(`${path} is damaged (${messageOf(error)}): ${advice}`, { cause: error })
  }
}

function create(path: string, text: string): void {
  try {
    createFileSync(path, text, 0o600)
  } catch (error) {
    throw new OperatorError(`can't create ${path}: ${messageOf(error)}`, { cause: error })
  }
}
