/** What the status says of the fast path. */
import type { Clock } from '../base/clock.ts'
import { formatPrefix } from '../base/ip6.ts'
import type { FastPathStatus, SiteRow } from '../http/api.ts'
import { formatNodeAddress, type NetworkId, sitePrefix } from '../plane/sixplane.ts'
import type { FastPath } from './fast-path.ts'
import { numbers, wallTime } from './figures.ts'
import type { Snapshot } from './snapshot.ts'

const how = {
  stateless: "the next hop is computed from each packet's address",
  emulate: 'the kernel asks, a program answers',
  netlink: 'the kernel asks, siteplane computes the answer',
  off: 'switched off in the configuration',
} as const

const memberShown = 600_000 // milliseconds since its last packet

export function fastPathStatus(snapshot: Snapshot): FastPathStatus {
  const { config, fastPath, fastPlan, report, resolverCounters, resolverFailure, clock } = snapshot
  const none = { turbo: false, rates: null, drops: {}, counters: {} }
  if (config.fastPath.mode === 'off') return { mode: 'off', reason: how.off, ...none }
  if (!fastPlan || report.interface === undefined)
    return { mode: 'off', reason: `waits for the overlay: ${report.reason ?? report.state}`, ...none }
  const { mode, reasons } = fastPlan
  if (mode === 'netlink' && !resolverCounters)
    return {
      mode: 'off',
      reason: resolverFailure ?? `waits for the overlay: ${report.reason ?? report.state}`,
      ...none,
    }
  if (mode === 'off') return { mode, reason: reasons.join('; '), ...none }
  const reason = [how[mode], ...reasons.map(each => `not ${each}`)].join('; ')
  if (mode === 'netlink') return { mode, reason, ...none, counters: numbers(resolverCounters) }
  const counts = Object.entries({ ...fastPath.traffic(), ...fastPath.reasons() })
  const isDrop = (name: string) => name.includes('drop.')
  return {
    mode,
    reason,
    turbo: fastPlan.turbo,
    rates: fastPath.rates(clock.monotonic()) ?? null,
    drops: Object.fromEntries(
      counts.filter(([name]) => isDrop(name)).map(([name, n]) => [name.replace('drop.', ''), n]),
    ),
    counters: Object.fromEntries(counts.filter(([name]) => !isDrop(name))),
  }
}

/** Why a better fast path does not run, for the reasons of the whole. */
export function fallbacks({ fastPlan }: Snapshot): string[] {
  return (fastPlan?.reasons ?? []).map(reason => `fast path: not ${reason}`)
}

/** Hosts of the LAN that are members of the network themselves, and are dropped. */
export function membersOf({ fastPath, kernel, clock }: Snapshot): string[] {
  const recent = fastPath.members().filter(({ seenAt }) => clock.monotonic() - seenAt < memberShown)
  return recent.map(({ mac, node, link }) => {
    const name = kernel.links.find(({ index }) => index === link)?.name ?? `link ${link}`
    return `host ${mac} on ${name} is itself member ${formatNodeAddress(node)}: it sends from its own /80 by this LAN, where such packets are dropped; take it off the network, or off this LAN's addresses and routes`
  })
}

/** The sites that this one has exchanged packets with, those heard last first. */
export function sitesOf(fastPath: FastPath, network: NetworkId, clock: Clock): SiteRow[] {
  const sites = fastPath.sites().sort((a, b) => (b.heardAt ?? 0) - (a.heardAt ?? 0) || (a.node < b.node ? -1 : 1))
  return sites.map(({ node, heardAt, ...counts }) => ({
    node: formatNodeAddress(node),
    sitePrefix: formatPrefix(sitePrefix(network, node)),
    ...counts,
    lastSeen: heardAt === undefined ? null : wallTime(heardAt, clock),
  }))
}
