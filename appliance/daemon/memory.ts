/**
 * The last site this router was, kept so that LANs are served at once when siteplane starts before the overlay does, or while
 * the overlay is down: a host's lease doesn't depend on ZeroTier running.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Site, siteOf } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, parseNetworkId, parseNodeAddress } from '../plane/sixplane.ts'

const fileName = 'site.json'

/** The remembered site, or undefined: nothing remembered, or an unreadable file. */
export function recallSite(stateDirectory: string): Site | undefined {
  try {
    const said = JSON.parse(readFileSync(join(stateDirectory, fileName), 'utf8')) as { network: string; node: string }
    return siteOf(parseNetworkId(said.network), parseNodeAddress(said.node))
  } catch {
    return undefined // only a convenience: the overlay will say it again
  }
}

export function rememberSite(stateDirectory: string, site: Site): void {
  const path = join(stateDirectory, fileName)
  const text = JSON.stringify({ network: formatNetworkId(site.network), node: formatNodeAddress(site.node) })
  writeFileSync(`${path}.new`, `${text}\n`)
  renameSync(`${path}.new`, path)
}
