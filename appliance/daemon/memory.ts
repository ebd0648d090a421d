/**
 * The last site this router was, and the one before, kept so that LANs are served at once when siteplane starts before the overlay
 * does, or while the overlay is down: a host's lease doesn't depend on ZeroTier running.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Site, siteOf } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, parseNetworkId, parseNodeAddress } from '../plane/sixplane.ts'

const fileName = 'site.json'

export interface Memory {
  readonly site: Site
  readonly former?: Former | undefined
}

/** A site that this router was. */
export interface Former {
  readonly site: Site
  readonly until: number // milliseconds since 1970
}

interface Said {
  readonly network: string
  readonly node: string
}

/** What is remembered, or undefined: nothing, or an unreadable file. */
export function recall(stateDirectory: string): Memory | undefined {
  try {
    const said = JSON.parse(readFileSync(join(stateDirectory, fileName), 'utf8')) as Said & {
      former?: Said & { until: number }
    }
    const { former } = said
    if (former === undefined) return { site: read(said) }
    return { site: read(said), former: { site: read(former), until: Number(former.until) } }
  } catch {
    return undefined // only a convenience: the overlay will say it again
  }
}

export function remember(stateDirectory: string, { site, former }: Memory): void {
  const path = join(stateDirectory, fileName)
  const said = { ...write(site), ...(former && { former: { ...write(former.site), until: former.until } }) }
  writeFileSync(`${path}.new`, `${JSON.stringify(said)}\n`)
  renameSync(`${path}.new`, path)
}

const read = ({ network, node }: Said): Site => siteOf(parseNetworkId(network), parseNodeAddress(node))

const write = ({ network, node }: Site): Said => ({ network: formatNetworkId(network), node: formatNodeAddress(node) })
