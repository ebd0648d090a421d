import type {
  Changed,
  LeaseRow,
  Leases,
  PrefixRequest,
  PrefixRow,
  SiteRow,
  Status,
  View,
} from '../../../appliance/http/api.ts'

/** With its one overlay in the list as well. */
export function listed(status: Omit<Status, 'overlays'>): Status {
  return { ...status, overlays: [{ ...status.overlay, fastPath: status.fastPath }] }
}

/** A site that serves, as the API says it. */
export const servingStatus = listed({
  version: '0.1.0',
  state: 'serving',
  reasons: [],
  startedAt: '2026-11-24T03:00:00.000Z',
  overlay: {
    kind: 'zerotier',
    name: null,
    network: '8056c2e21c000001',
    node: '89e92ceee5',
    interface: 'ztzq4zeuwv',
    state: 'ok',
    reason: null,
    networkPrefix: 'fc9c:56c2:e300::/40',
    sitePrefix: 'fc9c:56c2:e389:e92c:eee5::/80',
    rfc4193Address: null,
  },
  lan: [
    {
      interface: 'eth1',
      network: '8056c2e21c000001',
      networks: [
        {
          network: '8056c2e21c000001',
          prefix: 'fc9c:56c2:e389:e92c:eee5::/80',
          routerAddress: 'fc9c:56c2:e389:e92c:eee5::1',
        },
      ],
      state: 'serving',
      reason: null,
      advertise: 'on',
      dhcpv6: 'on',
      ipv4: null,
      slaac: null,
      prefix: 'fc9c:56c2:e389:e92c:eee5::/80',
      routerAddress: 'fc9c:56c2:e389:e92c:eee5::1',
      activeLeases: 2,
      segments: [],
      otherRouters: [],
      otherServers: [],
      counters: { 'ra.sent': 4, 'ra.invalid': 0 },
    },
  ],
  fastPath: {
    mode: 'stateless',
    reason: "the next hop is computed from each packet's address",
    turbo: false,
    rates: { inPacketsPerSecond: 12, inBytesPerSecond: 9_000, outPacketsPerSecond: 10, outBytesPerSecond: 1_200 },
    drops: { forgedSource: 3, foreignSource: 0 },
    counters: { rewritten: 40, emulated: 0 },
  },
  parts: [{ name: 'overlay', state: 'running', reason: null }],
})

/** A site whose ZeroTier does not run, with a second DHCPv6 server and a rogue router on its LAN. */
export const waitingStatus = listed({
  ...servingStatus,
  state: 'waiting',
  reasons: ['overlay: ZeroTier does not run', 'LAN eth1: waits for the link to come up'],
  overlay: {
    ...servingStatus.overlay,
    node: null,
    interface: null,
    state: 'no-service',
    reason: 'ZeroTier does not run',
    sitePrefix: null,
    rfc4193Address: null,
  },
  lan: [
    {
      ...servingStatus.lan[0]!,
      state: 'waiting',
      reason: 'waits for the link to come up',
      prefix: null,
      routerAddress: null,
      activeLeases: 0,
      otherRouters: [
        {
          address: 'fe80::1',
          linkLayerAddress: '02:00:00:00:00:01',
          managed: false,
          conflicts: ['its prefix fc9c::/64 is ours\u001b[31m'],
          seenAt: '2026-11-24T03:00:00.000Z',
        },
      ],
      otherServers: [
        {
          duid: '00:01',
          address: 'fe80::2',
          linkLayerAddress: '02:00:00:00:00:02',
          preference: 0,
          offers: [],
          conflict: 'hosts that choose it have no address of the site',
        },
      ],
    },
  ],
})

export const leaseRows: readonly LeaseRow[] = [
  {
    duid: '00:01:00:01:2d:5f:00:01:02:00:00:00:00:11',
    iaid: 17,
    clientId: null,
    network: '8056c2e21c000001',
    translatedFrom: [],
    type: 'IA_NA',
    prefixLength: 128,
    address: 'fc9c:56c2:e389:e92c:eee5:1234:5678:9abc',
    interface: 'eth1',
    subnet: null,
    relay: null,
    linkLayerAddress: '02:00:00:00:00:11',
    hostname: 'laptop',
    preferredUntil: '2026-11-24T04:00:00.000Z',
    validUntil: '2026-11-25T03:00:00.000Z',
    state: 'bound',
    changedAt: '2026-11-24T03:00:00.000Z',
  },
  {
    duid: '00:04:aa',
    iaid: 4294967295,
    clientId: null,
    network: '8056c2e21c000001',
    translatedFrom: [],
    type: 'IA_NA',
    prefixLength: 128,
    address: 'fc9c:56c2:e389:e92c:eee5::1:2',
    interface: 'eth1',
    subnet: null,
    relay: null,
    linkLayerAddress: '02:00:00:00:00:12',
    hostname: null,
    preferredUntil: '2026-11-24T02:00:00.000Z',
    validUntil: '2026-11-24T02:30:00.000Z',
    state: 'expired',
    changedAt: '2026-11-24T02:30:00.000Z',
  },
]

export const siteRows: readonly SiteRow[] = [
  {
    node: 'ec776d499a',
    sitePrefix: 'fc9c:56c2:e3ec:776d:499a::/80',
    inPackets: 1200,
    inBytes: 1_500_000,
    outPackets: 800,
    outBytes: 64_000,
    drops: 3,
    lastSeen: '2026-11-24T02:59:55.000Z',
  },
  {
    node: '1122334455',
    sitePrefix: 'fc9c:56c2:e311:2233:4455::/80',
    inPackets: 0,
    inBytes: 0,
    outPackets: 2,
    outBytes: 236,
    drops: 0,
    lastSeen: null,
  },
]

export const prefixRows: readonly PrefixRow[] = [
  {
    name: 'docker1',
    prefix: 'fc9c:56c2:e389:e92c:eee5:c0de:1:0/112',
    network: '8056c2e21c000001',
    routerAddress: 'fc9c:56c2:e389:e92c:eee5:c0de:1:1',
    via: 'fc9c:56c2:e389:e92c:eee5::5',
    interface: 'eth1',
    state: 'routed',
    reason: null,
    allocatedAt: '2026-11-24T03:00:00.000Z',
  },
  {
    name: 'vm1',
    prefix: 'fc9c:56c2:e389:e92c:eee5:c123::/96',
    network: '8056c2e21c000001',
    routerAddress: 'fc9c:56c2:e389:e92c:eee5:c123:0:1',
    via: null,
    interface: 'tap0',
    state: 'waiting',
    reason: 'waits for interface tap0, which does not exist',
    allocatedAt: '2026-11-24T03:00:00.000Z',
  },
]

export class FakeView implements View {
  current: Status = servingStatus
  rows: readonly LeaseRow[] = leaseRows
  leftOut = 0
  siteRows: readonly SiteRow[] = siteRows
  living = true
  prefixRows: readonly PrefixRow[] = prefixRows
  changed: Changed<PrefixRow> = { kind: 'done', what: prefixRows[0]!, created: true }
  readonly asked: (PrefixRequest | string)[] = [] // what was to be allocated or released

  status(): Status {
    return this.current
  }
  leases(): Leases {
    return { leases: this.rows, leftOut: this.leftOut }
  }
  sites(): readonly SiteRow[] {
    return this.siteRows
  }
  prefixes(): readonly PrefixRow[] {
    return this.prefixRows
  }
  async allocatePrefix(request: PrefixRequest): Promise<Changed<PrefixRow>> {
    this.asked.push(request)
    return this.changed
  }
  async releasePrefix(name: string): Promise<Changed<PrefixRow>> {
    this.asked.push(name)
    return this.changed
  }
  alive(): boolean {
    return this.living
  }
  serving(): boolean {
    return this.current.state === 'serving'
  }
}
