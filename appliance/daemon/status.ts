/** The status page's facts, put together from the parts. Nothing here decides; each sentence comes from the part that knows. */

import { contains, formatIp6, formatPrefix, type Ip6 } from '../base/ip6.ts'
import type { PartState } from '../base/part.ts'
import { titleOf } from '../config/overlay.ts'
import type { ClientStore } from '../dhcp/client-store.ts'
import type { Clone, LanServer } from '../dhcp/lan-server.ts'
import { relayInfoOf } from '../dhcp/relay-message.ts'
import type { Route } from '../dhcp/route.ts'
import { plansOf } from '../dhcp/scope.ts'
import type { Store } from '../dhcp/store.ts'
import type {
  LanStatus,
  LeaseRow,
  Leases,
  OtherRouter,
  OverlayStatus,
  PartStatus,
  SegmentStatus,
  Status,
} from '../http/api.ts'
import type { OtherRouter as OtherRouterSeen } from '../ndp/other-routers.ts'
import type { Site } from '../plane/site.ts'
import { formatNetworkId, formatNodeAddress, type NetworkId, networkPrefix } from '../plane/sixplane.ts'
import { fallbacks, fastPathStatus, membersOf } from './fast-path-status.ts'
import { numbers, sumOf, wallTime } from './figures.ts'
import { flagsOf, sentToUsByOthers } from './flags.ts'
import type { Ipv4 } from './ipv4.ts'
import type { LanRunner } from './lan.ts'
import { managedNotices } from './managed.ts'
import type { Slaac } from './slaac.ts'
import type { Snapshot } from './snapshot.ts'
import { unadvertised } from './unadvertised.ts'

export function statusOf(every: Snapshot): Status {
  const { network } = every.config.overlay
  // A LAN in several networks is told of once, with its first.
  const snapshot = { ...every, lans: every.lans.filter(({ config }) => config.networks[0] === network) }
  const lan = snapshot.lans.map(runner => lanStatus(runner, snapshot))
  const overlay = overlayStatus(snapshot)
  const faults = faultsOf(snapshot, lan)
  const { config, site, kernel } = snapshot
  const fastPath = fastPathStatus(snapshot)
  // A host of the overlay without LANs serves when others reach it.
  const serving = config.lan.length === 0 ? site !== undefined && kernel.converged : every.lans.some(serves(network))
  return {
    version: snapshot.version,
    state: faults.length === 0 && serving ? 'serving' : serving ? 'degraded' : 'waiting',
    reasons: [...faults, ...noticesOf(snapshot, lan)],
    startedAt: new Date(snapshot.startedAt).toISOString(),
    overlay,
    overlays: [{ ...overlay, fastPath }],
    lan,
    fastPath,
    parts: snapshot.parts.map(partStatus),
  }
}

const serves =
  (network: NetworkId) =>
  ({ services, failure, placed }: LanRunner): boolean =>
    services !== undefined && failure === undefined && placed.some(each => each.network === network)

/** What keeps hosts from what they should have, the nearest cause first. */
function faultsOf(snapshot: Snapshot, lan: readonly LanStatus[]): string[] {
  const { report, kernel, parts, refusedConfig } = snapshot
  const failed = parts.filter(({ state }) => state.kind === 'restarting')
  const each = (find: (runner: LanRunner) => readonly string[]) =>
    snapshot.lans.flatMap(runner => find(runner).map(reason => `LAN ${runner.config.interface}: ${reason}`))
  return [
    ...(report.state === 'ok' ? [] : [`${titled(snapshot)}: ${report.reason ?? report.state}`]),
    ...lan.flatMap(({ interface: name, reason }) => (reason === null ? [] : [`LAN ${name}: ${reason}`])),
    ...each(runner => rivals(runner, true)),
    ...each(runner => (runner.services?.advertiser.otherRouters() ?? []).flatMap(contradictionsOf)),
    ...each(unheard),
    ...each(runner => runner.services?.server.reasons() ?? []),
    ...each(runner => runner.delegationFaults),
    ...snapshot.storeReasons,
    ...snapshot.ipv4.reasons(),
    ...snapshot.slaac.reasons(),
    ...kernel.reasons.map(reason => `kernel: ${reason}`),
    ...(snapshot.resolverFailure === undefined ? [] : [`fast path: ${snapshot.resolverFailure}`]),
    ...(snapshot.config.fastPath.mode === 'auto' ? [] : fallbacks(snapshot)),
    ...(snapshot.fastPlan?.turboRefused === undefined ? [] : [`fast path: ${snapshot.fastPlan.turboRefused}`]),
    ...failed.map(({ name, state }) => `${name}: ${state.kind === 'restarting' ? state.reason : ''}`),
    ...snapshot.httpReasons,
    ...(refusedConfig === undefined ? [] : [refusedConfig]),
  ]
}

/** What an operator should know although all is served. */
function noticesOf(snapshot: Snapshot, lan: readonly LanStatus[]): string[] {
  const { kernel, lans } = snapshot
  const all = [
    'forwarding is on for the whole machine, since this kernel has it no finer (6.17 and newer have)',
    'what comes in by other interfaces than LANs and overlay is refused by the rules of priority 1078',
    'where this machine shall route for those too, set net.ipv6.conf.all.forwarding=1 before siteplane starts',
  ].join('; ')
  return [
    ...snapshot.report.notices.map(notice => `${titled(snapshot)}: ${notice}`),
    ...lans.flatMap(runner => rivals(runner, false)),
    ...lans.flatMap(runner => (runner.services?.server.clones() ?? []).map(cloneNotice)),
    ...lans.flatMap(runner => runner.services?.server.notices() ?? []),
    ...snapshot.ipv4.notices(),
    ...lans.flatMap(managed),
    ...lans.flatMap(runner => runner.reservationNotices),
    ...snapshot.prefixConflicts,
    ...snapshot.prefixes.flatMap(({ name, reason }) => (reason === null ? [] : [`prefix ${name} ${reason}`])),
    ...membersOf(snapshot),
    ...(snapshot.config.fastPath.mode === 'auto' ? fallbacks(snapshot) : []),
    ...(kernel.forwarding === 'all' && lan.length > 0 ? [all] : []),
  ]
}

/** Other DHCPv6 servers of a LAN: those that may win hosts over from us, or those that don't. */
function rivals({ services }: LanRunner, winning: boolean): string[] {
  const servers = services?.server.otherServers() ?? []
  return servers.filter(({ mayWin }) => mayWin === winning).map(({ consequence }) => consequence)
}

function managed({ config, services }: LanRunner): string[] {
  if (!services || sentToUsByOthers(config)) return []
  const ours = config.dhcpv6 === 'off' ? 'off' : 'on'
  const { advertiser, server } = services
  return managedNotices(config.interface, advertiser.otherRouters(), server.otherServers(), ours)
}

/** What hosts don't hear where another router advertises in our place. */
function unheard({ config, services, placed }: LanRunner): string[] {
  if (config.advertise !== 'off' || !services?.advertiser.searched || placed.length === 0) return []
  const prefixes = placed.flatMap(({ plan, site }) => [plan.prefix, site.networkPrefix])
  return unadvertised(services.advertiser.otherRouters(), { prefixes, ownServer: flagsOf(config).managed })
}

function contradictionsOf({ linkLocal, contradictions }: OtherRouterSeen): string[] {
  if (contradictions.length === 0) return []
  return [`router ${formatIp6(linkLocal)} contradicts us: ${contradictions.join('; ')}`]
}

function cloneNotice({ mac, address, original }: Clone): string {
  const first = original ? `${original.mac ?? 'another host'} (${formatIp6(original.address)})` : 'another host'
  return `host ${mac} is a copy of ${first}, with the same DUID and IAID: it has ${formatIp6(address)} of its own; give it a machine-id of its own`
}

const titled = ({ several, config }: Snapshot): string => (several ? `overlay ${titleOf(config.overlay)}` : 'overlay')

/** One status of all that there is, from those of the networks. */
export function together(all: readonly Status[]): Status {
  const first = all[0]!
  if (all.length === 1) return first
  return {
    ...first,
    state: all.every(({ state }) => state === first.state) ? first.state : 'degraded',
    reasons: [...new Set(all.flatMap(({ reasons }) => reasons))],
    overlays: all.flatMap(({ overlays }) => overlays),
    lan: all.flatMap(({ lan }) => lan),
  }
}

function overlayStatus({ report, site, config }: Snapshot): OverlayStatus {
  const shown = report.site ?? site
  const node = report.node ?? shown?.node
  return {
    kind: report.kind,
    name: config.overlay.name ?? null,
    network: formatNetworkId(config.overlay.network),
    node: node === undefined ? null : formatNodeAddress(node),
    interface: report.interface ?? null,
    state: report.state,
    reason: report.reason ?? null,
    networkPrefix: formatPrefix(networkPrefix(config.overlay.network)),
    sitePrefix: shown ? formatPrefix(shown.sitePrefix) : null,
    rfc4193Address: report.rfc4193Address === undefined ? null : formatIp6(report.rfc4193Address),
  }
}

function lanStatus(runner: LanRunner, snapshot: Snapshot): LanStatus {
  const { services, config } = runner
  const networks = config.networks.map(each => lanNetwork(each, runner))
  const reason = runner.waiting === undefined ? runner.failure : `waits ${runner.waiting}`
  const advertiser = services?.advertiser
  const advertise = runner.config.advertise === 'off' ? 'off' : 'on'
  const dhcpv6 = runner.config.dhcpv6 === 'off' ? 'off' : 'on'
  const served = advertise === 'off' && dhcpv6 === 'off' ? 'off' : 'serving'
  return {
    interface: runner.config.interface,
    network: networks[0]!.network,
    networks,
    state: services && reason === undefined ? served : 'waiting',
    reason: reason ?? null,
    advertise,
    dhcpv6,
    prefix: networks[0]!.prefix,
    routerAddress: networks[0]!.routerAddress,
    activeLeases: services?.server.activeLeases() ?? 0,
    ipv4: snapshot.ipv4.status(runner.config.interface),
    slaac: snapshot.slaac.status(runner.config.interface, runner.config.slaac),
    segments: (services?.server.segments() ?? []).map(segmentStatus),
    otherRouters: (advertiser?.otherRouters() ?? []).map(router => ({
      address: formatIp6(router.linkLocal),
      linkLayerAddress: router.mac ?? null,
      managed: router.managed,
      conflicts: router.contradictions,
      seenAt: wallTime(router.lastSeen, snapshot.clock),
    })) satisfies OtherRouter[],
    otherServers: (services?.server.otherServers() ?? []).map(server => ({
      duid: server.serverDuid,
      address: formatIp6(server.linkLocal),
      linkLayerAddress: server.mac,
      preference: server.preference,
      offers: server.offers,
      conflict: server.consequence,
    })),
    counters: {
      ...numbers(advertiser?.counters(), 'ra.'),
      ...sumOf([...(services?.responders.values() ?? [])].map(each => numbers(each.counters(), 'neighbour.'))),
      ...numbers(services?.server.counters(), 'dhcpv6.'),
      ...numbers(snapshot.ipv4.counters(runner.config.interface), 'dhcpv4.'),
    },
  }
}

function lanNetwork(network: NetworkId, { placed }: LanRunner): LanStatus['networks'][number] {
  const plan = placed.find(each => each.network === network)?.plan
  return {
    network: formatNetworkId(network),
    prefix: plan ? formatPrefix(plan.prefix) : null,
    routerAddress: plan ? formatIp6(plan.router) : null,
  }
}

function segmentStatus({ scope: { plan }, via, heardAt, activeLeases }: ReturnType<LanServer['segments']>[number]) {
  return {
    subnet: plan.subnet!, // a LAN behind a relay is never the first
    prefix: formatPrefix(plan.prefix),
    routerAddress: formatIp6(plan.router),
    relay: formatIp6(via),
    heardAt: heardAt === undefined ? null : new Date(heardAt).toISOString(),
    activeLeases,
  } satisfies SegmentStatus
}

function partStatus({ name, state }: { readonly name: string; readonly state: PartState }): PartStatus {
  return { name, state: state.kind, reason: state.kind === 'restarting' ? state.reason : null }
}

/** The leases of the LANs as the API shows them. */
export function leasesOf(
  store: Store,
  clients: ClientStore,
  lans: readonly LanRunner[],
  { ipv4, slaac }: { readonly ipv4: Ipv4; readonly slaac: Slaac },
): Leases {
  const served = lans.flatMap(({ placed, config, segments }) =>
    [placed.map(({ plan }) => plan), ...segments.map(({ scope }) => plansOf(scope))].flatMap(plans =>
      plans.length === 0
        ? []
        : { interface: config.interface, subnet: plans[0]!.subnet, prefixes: plans.map(({ prefix }) => prefix) },
    ),
  )
  const sites = lans.flatMap(({ placed }) => placed.map(({ site }) => site))
  const subnets = lans.flatMap(({ segments }) => segments.map(({ scope }) => scope.plan.subnet))
  const routes = new Map(subnets.map(subnet => [subnet, clients.routes(subnet)]))
  const { rows, leftOut } = store.leases(served)
  const leases = rows.map(lease => ({
    ...lease,
    clientId: null,
    translatedFrom: [],
    relay: relayOf(routes.get(lease.subnet)?.get(lease.duid)),
    address: formatIp6(lease.address),
    network: networkOf(lease.address, sites),
    subnet: lease.subnet ?? null,
    linkLayerAddress: lease.linkLayerAddress ?? null,
    hostname: lease.hostname ?? null,
    preferredUntil: new Date(lease.preferredUntil).toISOString(),
    validUntil: new Date(lease.validUntil).toISOString(),
    changedAt: new Date(lease.changedAt).toISOString(),
  }))
  return { leases: [...leases, ...slaac.leases(), ...ipv4.leases()], leftOut }
}

function networkOf(address: Ip6, sites: readonly Site[]): string | null {
  const site = sites.find(({ networkPrefix: all }) => contains(all, { address, length: 128 }))
  return site ? formatNetworkId(site.network) : null
}

function relayOf(route: Route | undefined): LeaseRow['relay'] {
  if (!route) return null
  const { interfaceId, remoteId, subscriberId } = relayInfoOf(route.hops)
  return {
    address: formatIp6(route.relay),
    interfaceId: interfaceId ?? null,
    remoteId: remoteId ?? null,
    subscriberId: subscriberId ?? null,
  }
}
