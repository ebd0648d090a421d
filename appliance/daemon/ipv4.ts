/**
 * DHCPv4 on the LANs that ask for it, beside everything else: it needs the LAN's card and the router's own IPv4 address there, and
 * nothing of the overlay. Where no LAN asks for it, none of its code is loaded and its lease file isn't made.
 */
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import {
  formatInterfaceAddress4,
  formatIp4,
  type InterfaceAddress4,
  isHostOf,
  lastOf4,
  mask4,
  network4,
  parseIp4,
} from '../base/ip4.ts'
import type { Log } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import type { Config, LanConfig } from '../config/schema.ts'
import type { LanServer4 } from '../dhcp4/lan-server.ts'
import type { Lease4 } from '../dhcp4/lease.ts'
import type { Store4 } from '../dhcp4/store.ts'
import type { LanStatus, LeaseRow } from '../http/api.ts'
import type { Link } from '../netlink/kernel.ts'

interface Ipv4Options {
  readonly stateDirectory: string
  readonly secret: Uint8Array
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
}

type Ipv4Config = NonNullable<LanConfig['ipv4']>
type ReadyLink = Link & { readonly mac: Mac }

interface Lan4 {
  config: Ipv4Config
  server: LanServer4 | undefined
  key: string // of what the server was started with
  waiting: string | undefined
}

const every = 2_000 // ms; the kernel's events that we hear are those of IPv6

export class Ipv4 {
  readonly #options: Ipv4Options
  readonly #lans = new Map<string, Lan4>()
  #links: readonly Link[] = []
  #store: Store4 | undefined
  #code: Awaited<ReturnType<typeof load>> | undefined
  #loading: Promise<void> | undefined
  #failure: string | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: Ipv4Options) {
    this.#options = options
  }

  /** The configuration or the links that may be LANs have changed. */
  follow(config: Config, links: readonly Link[]): void {
    this.#links = links
    const wanted = new Map(config.lan.flatMap(lan => (lan.ipv4 ? [[lan.interface, lan.ipv4] as const] : [])))
    for (const [name, lan] of this.#lans) {
      if (wanted.has(name)) continue
      lan.server?.stop()
      this.#lans.delete(name)
    }
    for (const [name, own] of wanted) {
      const known = this.#lans.get(name)
      if (known) known.config = own
      else this.#lans.set(name, { config: own, server: undefined, key: '', waiting: undefined })
    }
    this.#look()
  }

  stop(): void {
    this.#stopped = true
    for (const { server } of this.#lans.values()) server?.stop()
    this.#close()
  }

  /** Of one LAN; null where it is off. */
  status(name: string): LanStatus['ipv4'] {
    const lan = this.#lans.get(name)
    if (!lan) return null
    const { subnet, pool, besideOthers } = lan.config
    const others = lan.server?.otherServers() ?? []
    const waits = lan.waiting === undefined ? undefined : `waits ${lan.waiting}`
    const reason = this.#failure ?? waits ?? lan.server?.failure
    const yields = others.length > 0 && !besideOthers
    return {
      state: reason !== undefined || !lan.server ? 'waiting' : yields ? 'yielding' : 'serving',
      reason: reason ?? null,
      address: formatInterfaceAddress4(subnet),
      pool: `${formatIp4(pool.first)}-${formatIp4(pool.last)}`,
      activeLeases: this.#store?.live(network4(subnet), lastOf4(subnet)) ?? 0,
      otherServers: others.map(({ address, mac }) => ({ address: formatIp4(address), linkLayerAddress: mac })),
    }
  }

  counters(name: string): Readonly<Record<string, number>> {
    return this.#lans.get(name)?.server?.counters() ?? {}
  }

  /** What keeps hosts from their addresses, as sentences. */
  reasons(): string[] {
    const lans = [...this.#lans].flatMap(([name, { server, waiting }]) => [
      ...(waiting === undefined ? [] : [`LAN ${name}: DHCPv4 waits ${waiting}`]),
      ...(server?.reasons() ?? []).map(reason => `LAN ${name}: ${reason}`),
    ])
    return [...(this.#failure === undefined ? [] : [this.#failure]), ...lans, ...(this.#store?.reasons() ?? [])]
  }

  /** What else to know, as sentences. */
  notices(): string[] {
    return [...this.#lans.values()].flatMap(({ server }) => server?.notices() ?? [])
  }

  /** The leases of the LANs that have it now, by address. */
  leases(): LeaseRow[] {
    const store = this.#store
    if (!store) return []
    const now = store.now()
    const lans = [...this.#lans]
    return [...store.all]
      .sort((a, b) => a.address - b.address)
      .flatMap(lease => {
        const name = lans.find(([, { config }]) => isHostOf(config.subnet, lease.address))?.[0]
        const { state, validUntil } = lease
        const shown = state !== 'released' && validUntil <= now ? 'expired' : state
        return name === undefined ? [] : [rowOf(lease, name, shown)]
      })
  }

  /** Looks again at what there is, as long as a LAN wants it. */
  #look(): void {
    if (this.#stopped) return
    if (this.#lans.size === 0) {
      this.#close()
      return
    }
    this.#timer ??= setInterval(() => this.#look(), every).unref()
    if (!this.#code) {
      this.#loading ??= this.#load()
      return
    }
    try {
      const { stateDirectory, log, clock } = this.#options
      this.#store ??= new this.#code.Store4(join(stateDirectory, 'leases4.db'), log, clock)
      this.#failure = undefined
    } catch (error) {
      if (this.#failure === undefined) this.#options.log.error({ err: error }, 'DHCPv4 can not be served; trying again')
      this.#failure = `DHCPv4: ${messageOf(error)}`
      return
    }
    this.#store.tend()
    for (const [name, lan] of this.#lans) this.#serve(name, lan, this.#code.LanServer4, this.#store)
  }

  #serve(name: string, lan: Lan4, Server: typeof LanServer4, store: Store4): void {
    const ready = readiness(name, lan.config.subnet, this.#links)
    const log = this.#options.log.child({ interface: name })
    const waiting = typeof ready === 'string' ? ready : undefined
    if (waiting !== lan.waiting && waiting !== undefined) log.warn({ reason: waiting }, 'DHCPv4 waits')
    lan.waiting = waiting
    const key = typeof ready === 'string' ? '' : `${ready.index} ${ready.mac} ${lan.config.subnet.address}`
    if (lan.server && key === lan.key) {
      lan.server.update(lan.config)
      return
    }
    lan.server?.stop()
    lan.server = undefined
    lan.key = key
    if (typeof ready === 'string') return
    const { secret, clock, random } = this.#options
    lan.server = new Server({ link: ready, scope: lan.config, store, secret, clock, random, log })
    lan.server.start()
    log.info({ address: formatInterfaceAddress4(lan.config.subnet) }, 'DHCPv4 is served')
  }

  async #load(): Promise<void> {
    try {
      this.#code = await load()
      this.#look()
    } catch (error) {
      this.#failure = `DHCPv4 can't be loaded: ${messageOf(error)}`
      this.#options.log.error({ err: error }, 'DHCPv4 can not be loaded')
    }
  }

  #close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#store?.[Symbol.dispose]()
    this.#store = undefined
  }
}

async function load() {
  const [{ LanServer4 }, { Store4 }] = await Promise.all([
    import('../dhcp4/lan-server.ts'),
    import('../dhcp4/store.ts'),
  ])
  return { LanServer4, Store4 }
}

/** The link to serve on, or the clause that says what is missing. */
function readiness(name: string, wanted: InterfaceAddress4, links: readonly Link[]): ReadyLink | string {
  const link = links.find(each => each.name === name)
  if (!link) return `for interface ${name}, which does not exist`
  const { mac } = link
  if (mac === undefined) return `for an Ethernet interface: ${name} has no link-layer address`
  if (!link.up || !link.carrier) return `for ${name} to be up, with a cable`
  const all = (networkInterfaces()[name] ?? []).filter(({ family }) => family === 'IPv4')
  const netmask = formatIp4(mask4(wanted.length))
  if (all.some(each => parseIp4(each.address) === wanted.address && each.netmask === netmask)) return { ...link, mac }
  const has = all.length === 0 ? 'none' : all.map(({ cidr }) => cidr).join(', ')
  const text = formatInterfaceAddress4(wanted)
  return `for the address ${text} on ${name}, which has ${has}: ip address add ${text} dev ${name}`
}

function rowOf(
  { address, clientId, mac, hostname, grantedAt, validUntil }: Lease4,
  name: string,
  state: LeaseRow['state'],
): LeaseRow {
  const until = new Date(validUntil).toISOString()
  return {
    type: 'IPv4',
    duid: null,
    iaid: null,
    clientId: clientId ?? null,
    network: null,
    address: formatIp4(address),
    prefixLength: 32,
    translatedFrom: [],
    interface: name,
    subnet: null,
    relay: null,
    linkLayerAddress: mac,
    hostname: hostname ?? null,
    preferredUntil: until,
    validUntil: until,
    state,
    changedAt: new Date(grantedAt).toISOString(),
  }
}
