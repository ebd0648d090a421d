/**
 * The last site this router was, and the one before, kept so that LANs are served at once when siteplane starts before the overlay
 * does, or while the overlay is down: a host's lease doesn't depend on ZeroTier running.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFileSync } from '../base/whole-file.ts'
import type { Config } from '../config/schema.ts'
import { type Site, siteOf } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, parseNetworkId, parseNodeAddress } from '../plane/sixplane.ts'

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

/** Where: one router may be in several networks, and is a site in each. */
export function memoryFiles({ stateDirectory, overlays }: Config): string[] {
  if (overlays.length === 1) return [join(stateDirectory, 'site.json')]
  return overlays.map(({ network }) => join(stateDirectory, `site-${formatNetworkId(network)}.json`))
}

/** What is remembered, or undefined: nothing, or an unreadable file. */
export function recall(file: string): Memory | undefined {
  try {
    const said = JSON.parse(readFileSync(file, 'utf8')) as Said & {
      former?: Said & { until: number }
    }
    const { former } = said
    if (former === undefined) return { site: read(said) }
    return { site: read(said), former: { site: read(former), until: Number(former.until) } }
  } catch {
    return undefined // only a convenience: the overlay will say it again
  }
}

export function remember(file: string, { site, former }: Memory): void {
  const said = { ...write(site), ...(former && { former: { ...write(former.site), until: former.until } }) }
  replaceFileSync(file, `${JSON.stringify(said)}\n`, 0o644)
}

const read = ({ network, node }: Said): Site => siteOf(parseNetworkId(network), parseNodeAddress(node))

const write = ({ network, node }: Site): Said => ({ network: formatNetworkId(network), node: formatNodeAddress(node) })
