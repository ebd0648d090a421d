/** `prefixes.json` in the state directory: the prefixes that have names. It is on disk before anybody hears of a change. */
import { readFileSync, renameSync } from 'node:fs'
import { messageOf, OperatorError } from '../base/errors.ts'
import { formatIp6, parseIp6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { replaceFileSync } from '../base/whole-file.ts'
import { formatNetworkId, parseNetworkId } from '../plane/sixplane.ts'
import type { NamedPrefix } from './named-prefix.ts'

/** What the file holds; nothing where there is none. A damaged one is set aside: each name gets the same prefix again. */
export function loadPrefixes(file: string, log: Log): NamedPrefix[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new OperatorError(`can't read ${file}: ${messageOf(error)}`, { cause: error })
  }
  try {
    const { prefixes } = JSON.parse(text) as { prefixes: Row[] }
    return prefixes.map(prefixOfRow)
  } catch (error) {
    log.error(
      { file, aside: `${file}.bad`, err: error },
      'the prefixes with names are damaged and set aside: allocate them again',
    )
    renameSync(file, `${file}.bad`)
    return []
  }
}

/** Throws what the file system throws: then nothing is changed. */
export function savePrefixes(file: string, prefixes: readonly NamedPrefix[]): void {
  replaceFileSync(file, `${JSON.stringify({ prefixes: prefixes.map(rowOf) }, null, 2)}\n`, 0o640)
}

/** Addresses without the site's bits, as in `::c0de:0:0`. */
interface Row {
  readonly name: string
  readonly first: string
  readonly length: number
  readonly via?: string | undefined
  readonly interface?: string | undefined
  readonly allocatedAt: string
  readonly network?: string | undefined
}

const rowOf = ({ name, host, length, via, interface: link, allocatedAt, network }: NamedPrefix): Row => ({
  name,
  first: formatIp6(BigInt(host) as NamedPrefix['via'] & bigint),
  length,
  via: via === undefined ? undefined : formatIp6(via),
  interface: link,
  allocatedAt: new Date(allocatedAt).toISOString(),
  network: network === undefined ? undefined : formatNetworkId(network),
})

function prefixOfRow(row: Row): NamedPrefix {
  const host = Number(parseIp6(row.first))
  const allocatedAt = Date.parse(row.allocatedAt)
  const { name, length, interface: link } = row
  const isSound =
    typeof name === 'string' &&
    (link === undefined || typeof link === 'string') &&
    Number.isInteger(length) &&
    length >= 80 &&
    length <= 128 &&
    host < 2 ** 48
  if (!isSound || Number.isNaN(allocatedAt)) throw new Error(`${JSON.stringify(row)} is no prefix with a name`)
  const via = row.via === undefined ? undefined : parseIp6(row.via)
  const network = row.network === undefined ? undefined : parseNetworkId(row.network)
  return { name, host, length, via, interface: link, allocatedAt, network }
}
