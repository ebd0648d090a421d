import type { Command } from 'commander'
import type { SiteRow, Sites } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import type { CommonOptions } from './program.ts'
import { duration, json, octets, type Terminal, table } from './terminal.ts'

const most = 50 // lines, unless all are asked for

export function sitesCommand(command: Command, terminal: Terminal): void {
  command
    .option('--json', 'as the API says it')
    .option('--all', `more than the ${most} heard last`)
    .action(async (options: CommonOptions & { all?: true }) => {
      const { sites } = await ask<Sites>(socketOf(options), '/v1/sites')
      terminal.out(options.json ? json({ sites }) : showSites(sites, terminal.now(), options.all ? Infinity : most))
    })
}

/** A table, those heard last first, and a sentence where there is nothing to show. */
export function showSites(sites: readonly SiteRow[], now: number, limit: number): string {
  if (sites.length === 0)
    return 'no packet has been exchanged with another site, or the fast path does not count them\n'
  const rows = sites
    .slice(0, limit)
    .map(site => [
      site.node,
      site.sitePrefix,
      traffic(site.inPackets, site.inBytes),
      traffic(site.outPackets, site.outBytes),
      site.drops === 0 ? '' : String(site.drops),
      site.lastSeen === null ? 'never' : `${duration((now - Date.parse(site.lastSeen)) / 1000)} ago`,
    ])
  const more = sites.length - rows.length
  const rest = more > 0 ? `${more} more (--all shows them)\n` : ''
  return table([['NODE', 'PREFIX', 'IN', 'OUT', 'DROPPED', 'LAST SEEN'], ...rows]) + rest
}

const traffic = (packets: number, bytes: number) => `${packets} (${octets(bytes)})`
