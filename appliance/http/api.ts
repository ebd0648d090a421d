/**
 * The words of the API: what `/v1/…` says, as JSON. Whoever reads it finds every key every time: what is not known is null. Times
 * are ISO 8601 in UTC; DUIDs and MACs lower-case hex with colons; durations seconds.
 */
import type { OverlayState } from '../overlay/overlay.ts'

/** `GET /v1/status`. */
export interface Status {
  readonly version: string
  /** `waiting`: something we need is not there yet. `degraded`: serving, but not all that is configured. */
  readonly state: 'serving' | 'waiting' | 'degraded'
  /** Sentences: why the state is not `serving`, and what is worth knowing although it is. */
  readonly reasons: readonly string[]
  readonly startedAt: string
  /** The first of `overlays`, as `fastPath` is its. */
  readonly overlay: OverlayStatus
  readonly overlays: readonly (OverlayStatus & { readonly fastPath: FastPathStatus })[]
  readonly lan: readonly LanStatus[]
  readonly fastPath: FastPathStatus
  readonly parts: readonly PartStatus[]
}

export interface OverlayStatus {
  readonly name: string | null
  readonly kind: 'zerotier' | 'static'
  readonly network: string
  readonly node: string | null
  readonly interface: string | null
  readonly state: OverlayState
  readonly reason: string | null
  readonly networkPrefix: string
  readonly sitePrefix: string | null
  readonly rfc4193Address: string | null // of the router itself, where the network has that mode too
}

export interface LanStatus {
  readonly interface: string
  readonly network: string // the first of `networks`, as `prefix` and `routerAddress` are its
  readonly networks: readonly LanNetworkStatus[] // of the overlays that it is in
  readonly state: 'serving' | 'waiting' | 'off' // off: routed alone, advertisements and DHCPv6 are others'
  readonly reason: string | null
  readonly advertise: 'on' | 'off'
  readonly dhcpv6: 'on' | 'off'
  readonly prefix: string | null
  readonly routerAddress: string | null
  readonly activeLeases: number
  readonly ipv4: Ipv4Status | null // null: off
  readonly slaac: SlaacStatus | null // null: off
  readonly segments: readonly SegmentStatus[]
  readonly otherRouters: readonly OtherRouter[]
  readonly otherServers: readonly OtherServer[]
  readonly counters: Readonly<Record<string, number>>
}

/** A LAN's part of a network. */
export interface LanNetworkStatus {
  readonly network: string
  readonly prefix: string | null // null: not known yet, the overlay says why
  readonly routerAddress: string | null
}

/** DHCPv4 on a LAN. */
export interface Ipv4Status {
  readonly state: 'serving' | 'waiting' | 'yielding' // yielding: another server is there, and hosts get no new address from us
  readonly reason: string | null
  readonly address: string // our own, with the length of the network
  readonly pool: string // first-last
  readonly activeLeases: number
  readonly otherServers: readonly { readonly address: string; readonly linkLayerAddress: string }[]
}

/** Hosts without DHCPv6 on a LAN. */
export interface SlaacStatus {
  readonly state: 'serving' | 'waiting'
  readonly prefix: string | null // that they make addresses of; null while it isn't told
  readonly translated: number // hosts
}

/** A LAN behind a relay on this one. */
export interface SegmentStatus {
  readonly subnet: number
  readonly prefix: string
  readonly routerAddress: string // that its router shall have there
  readonly relay: string // its router's address on this LAN
  readonly heardAt: string | null // when the relay last sent something; null: not since the start
  readonly activeLeases: number
}

/** Another router of the LAN, and in what its advertisements contradict ours. RFC 4861 section 6.2.7. */
export interface OtherRouter {
  readonly address: string
  readonly linkLayerAddress: string | null
  readonly managed: boolean // it sends hosts to DHCPv6
  readonly conflicts: readonly string[] // sentences
  readonly seenAt: string
}

/** Another DHCPv6 server on the LAN. */
export interface OtherServer {
  readonly duid: string
  readonly address: string
  readonly linkLayerAddress: string
  readonly preference: number
  readonly offers: readonly string[] // such as `DNS server fd00::1`
  readonly conflict: string // a sentence: what hosts lose
}

export interface FastPathStatus {
  readonly mode: 'stateless' | 'emulate' | 'netlink' | 'off'
  readonly reason: string | null // how it works, and why nothing better runs
  readonly turbo: boolean
  /** Between the sites, of the last few seconds; null where nothing counts them. */
  readonly rates: {
    readonly inPacketsPerSecond: number
    readonly inBytesPerSecond: number
    readonly outPacketsPerSecond: number
    readonly outBytesPerSecond: number
  } | null
  readonly drops: Readonly<Record<string, number>> // by reason
  readonly counters: Readonly<Record<string, number>>
}

/** One row of `GET /v1/sites`, which says `{sites: […]}`: a site that this one has exchanged packets with. */
export interface SiteRow {
  readonly node: string
  readonly sitePrefix: string
  readonly inPackets: number
  readonly inBytes: number
  readonly outPackets: number
  readonly outBytes: number
  readonly drops: number // of what it sent
  readonly lastSeen: string | null // null where nothing came from there yet
}

export interface Sites {
  readonly sites: readonly SiteRow[]
}

export interface PartStatus {
  readonly name: string
  readonly state: 'starting' | 'running' | 'restarting' | 'stopped'
  readonly reason: string | null
}

/** One row of `GET /v1/leases`, which says `{leases: […], leftOut: 0}`. */
export interface LeaseRow {
  readonly duid: string | null // null of IPv4 and SLAAC
  readonly iaid: number | null // the same
  readonly clientId: string | null // of IPv4, where the host says one
  readonly type: 'IA_NA' | 'IA_PD' | 'IPv4' | 'SLAAC'
  readonly address: string // the first one of a delegated prefix; a host in several networks has a row for each
  readonly network: string | null // that the address is of; null of IPv4
  readonly prefixLength: number // 128 of an address, 32 of one of IPv4
  readonly translatedFrom: readonly string[] // of SLAAC: the host's own addresses; what is sent to it goes to the first
  readonly interface: string
  readonly subnet: number | null // of the LAN; null is the first one
  readonly relay: LeaseRelay | null // null: the host is on our own link
  readonly linkLayerAddress: string | null
  readonly hostname: string | null
  readonly preferredUntil: string
  readonly validUntil: string
  readonly state: 'bound' | 'expired' | 'released' | 'declined' | 'registered' | 'translated'
  readonly changedAt: string // when it last was bound or renewed, or what the state says
}

/** What speaks for a host behind a relay, and where that says it is plugged in: text as it is, other octets in hex. */
export interface LeaseRelay {
  readonly address: string // of the relay nearest to us
  readonly interfaceId: string | null
  readonly remoteId: string | null // with its enterprise number before a colon
  readonly subscriberId: string | null
}

export interface Leases {
  readonly leases: readonly LeaseRow[]
  readonly leftOut: number // leases that there are besides: of very many, some are shown
}

/** One row of `GET /v1/prefixes`, which says `{prefixes: […]}`; also the answer to what allocates or releases it. */
export interface PrefixRow {
  readonly name: string
  readonly prefix: string
  readonly network: string // of the overlay that it is in
  readonly routerAddress: string | null // ::1 of it, for the bridge or host that it is routed to; null where it is too long
  readonly via: string | null // the next hop; null where it is on-link on its interface
  readonly interface: string | null
  readonly state: 'routed' | 'waiting' | 'kept' // kept: nobody else gets it, and routes to it are the operator's
  readonly reason: string | null // what it waits for, as a clause
  readonly allocatedAt: string
}

export interface Prefixes {
  readonly prefixes: readonly PrefixRow[]
}

/** The body of `POST /v1/prefixes`: `via` or `interface` or both; with neither it is kept and not routed. */
export interface PrefixRequest {
  readonly name: string
  readonly length?: number | undefined
  readonly via?: string | undefined
  readonly interface?: string | undefined
  readonly overlay?: string | undefined // name or network of the one that it is of, where there are several: else the first
}

/** What came of a request to change something. `created`: it was not there before. */
export type Changed<What> =
  | { readonly kind: 'done'; readonly what: What; readonly created: boolean }
  | { readonly kind: 'refused'; readonly status: 400 | 404 | 409 | 503; readonly error: string }

/** Any answer that is not 200 or a probe's. */
export interface Problem {
  readonly error: string // a sentence
}

/** What the daemon shows. Called for every request, so it must be cheap. */
export interface View {
  status(): Status
  leases(): Leases
  sites(): readonly SiteRow[]
  prefixes(): readonly PrefixRow[]
  allocatePrefix(request: PrefixRequest): Promise<Changed<PrefixRow>>
  releasePrefix(name: string): Promise<Changed<PrefixRow>>
  alive(): boolean
  serving(): boolean
}
