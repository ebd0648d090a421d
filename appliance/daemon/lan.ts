/**
 * One LAN of the router: waits for what it needs (the interface, its cable, its link-local address, the site), then runs the
 * advertiser, the responder and the DHCPv6 server on it, keeps them in step with the configuration, and says what it waits for.
 */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatIp6, formatPrefix, type Ip6, isLinkLocal, type Prefix } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import { advertiseOf, type LanConfig } from '../config/schema.ts'
import type { Binding } from '../dhcp/binding.ts'
import type { ClientStore } from '../dhcp/client-store.ts'
import type { Identity } from '../dhcp/identity.ts'
import { LanServer, type Segment } from '../dhcp/lan-server.ts'
import { LanWatch, type Watched } from '../dhcp/lan-watch.ts'
import type { Reservation } from '../dhcp/reservations.ts'
import type { Scope } from '../dhcp/scope.ts'
import type { Store } from '../dhcp/store.ts'
import type { AdvertisementPlan } from '../ndp/advertisement.ts'
import { introduce } from '../ndp/introduction.ts'
import { LanAdvertiser } from '../ndp/lan-advertiser.ts'
import { LanResponder } from '../ndp/lan-responder.ts'
import type { Address, Link } from '../netlink/kernel.ts'
import { type LanPlan, lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { delegationFaults } from './delegations.ts'
import { reservationNotices } from './reservations.ts'
import { scopeOf } from './scope.ts'
import { segmentsOf } from './segments.ts'

/** What the LAN's services share with those of other LANs. */
export interface LanShared {
  readonly store: Store
  readonly clients: ClientStore
  readonly identity: Identity
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  /** These delegations of the LAN on this interface were stored: whether the kernel's routes to them stand. */
  readonly routed: (name: string, delegations: readonly Binding[]) => Promise<boolean>
  /** The prefixes that were allocated by name, as offsets in the site's prefix; the same list until one comes or goes. */
  readonly named: () => Reservation['prefixes'] | undefined
}

/** The world as a LAN sees it. */
export interface LanWorld {
  readonly site: Site | undefined
  readonly previous: Site | undefined // another site we were: its prefix is withdrawn
  readonly former: Site | undefined // the same, while hosts reach each other by addresses of then
  readonly links: readonly Link[]
  readonly overlay: string | undefined // the name of its interface
  readonly otherOverlays: readonly string[]
  readonly addresses: readonly Address[]
  readonly networkReachable: boolean // false: tell the hosts that the /40 is gone
  readonly autonomous: (name: string) => Prefix | undefined // what hosts of a LAN may make addresses of
  readonly answeredInKernel: ReadonlySet<string> // LANs whose solicitations a program answers
  /** Whether the kernel's addresses and routes stand: hosts are told of them only then. RFC 4191 section 4. */
  readonly inStep: boolean
}

/** A link that everything stands ready on. */
export interface ReadyLink {
  readonly name: string
  readonly index: number
  readonly mac: Mac
  readonly linkLocal: Ip6
}

interface Services {
  readonly link: ReadyLink
  readonly advertiser: LanAdvertiser
  readonly server: LanServer | LanWatch
  readonly introduced: AbortController
  responder: LanResponder | undefined
  advertising: boolean
}

export class LanRunner {
  #config: LanConfig
  #segments: readonly Segment[] = []
  readonly #shared: LanShared
  readonly #log: Log
  #services: Services | undefined
  #waiting: string | undefined
  #failure: string | undefined
  #plan: LanPlan | undefined
  #site: Site | undefined

  constructor(config: LanConfig, shared: LanShared) {
    this.#config = config
    this.#shared = shared
    this.#log = shared.log.child({ interface: config.interface })
  }

  get config(): LanConfig {
    return this.#config
  }

  /** What it waits for, as a clause; undefined while it serves. */
  get waiting(): string | undefined {
    return this.#waiting
  }

  /** Why its services could not be started, the last time that was tried. */
  get failure(): string | undefined {
    return this.#failure
  }

  get plan(): LanPlan | undefined {
    return this.#plan
  }

  get site(): Site | undefined {
    return this.#site
  }

  /** The LANs behind relays on this one. */
  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Why hosts don't have what is reserved for them, as sentences. */
  get reservationNotices(): readonly string[] {
    const { store } = this.#shared
    const scope = this.#plan && this.#scope(this.#plan)
    if (!scope) return []
    return reservationNotices(this.#config, scope.plan, scope.reservations, store.bindings, store.now())
  }

  /** Why new clients get no prefix, as clauses. */
  get delegationFaults(): readonly string[] {
    const { store } = this.#shared
    const scope = this.#plan && this.#scope(this.#plan)
    return scope ? delegationFaults(scope, store.bindings, store.now()) : []
  }

  get services(): Readonly<Services> | undefined {
    return this.#services
  }

  /** Brings the services in step with the world: starts, updates or stops them. `behind` are the LANs behind a relay on this one. */
  async follow(config: LanConfig, behind: readonly LanConfig[], world: LanWorld): Promise<void> {
    this.#config = config
    this.#site = world.site
    this.#plan = world.site && lanPlan(world.site.sitePrefix, config.subnet)
    this.#segments = world.site && this.#plan ? segmentsOf(behind, world.site, this.#plan) : []
    const ready = readiness(config.interface, world, this.#services?.link.linkLocal)
    const waiting = typeof ready === 'string' ? ready : undefined
    if (waiting !== this.#waiting) {
      this.#waiting = waiting
      if (waiting !== undefined) this.#log.warn({ reason: waiting }, 'the LAN waits')
    }
    if (typeof ready === 'string' || !world.site || !this.#plan) {
      await this.stop(false)
      return
    }
    if (this.#services && !(sameLink(this.#services.link, ready) && this.#isServed(this.#services.server)))
      await this.stop(false)
    try {
      if (this.#services) this.#update(this.#services, world.site, this.#plan, world)
      else this.#start(ready, world.site, this.#plan, world)
      this.#failure = undefined
    } catch (error) {
      if (this.#failure === undefined) this.#log.error({ err: error }, 'the LAN can not be served; trying again')
      this.#failure = messageOf(error)
      await this.stop(false)
    }
  }

  /** What the DHCPv6 server must know at once, and can, since it takes no time. */
  rescope(): void {
    const scope = this.#plan && this.#scope(this.#plan)
    const server = this.#services?.server
    if (scope && server instanceof LanServer) server.update(scope, this.#segments)
  }

  #scope(plan: LanPlan): Scope | undefined {
    return scopeOf(this.#config, plan, this.#shared.named())
  }

  /** Whether that is what the configuration says about DHCPv6. */
  #isServed(server: LanServer | LanWatch): boolean {
    return server instanceof LanWatch === (this.#config.dhcpv6 === 'off')
  }

  /** `final`: the hosts are told that the /40 is gone. Else nothing is said, so that a restart goes unnoticed. */
  async stop(final: boolean): Promise<void> {
    const services = this.#services
    this.#services = undefined
    if (!services) return
    services.introduced.abort()
    services.responder?.stop()
    await Promise.all([services.advertiser.stop({ final }), services.server.stop()])
  }

  #start(link: ReadyLink, site: Site, plan: LanPlan, world: LanWorld): void {
    const { clock, random } = this.#shared
    const log = this.#log
    const advertiser = new LanAdvertiser({
      link,
      plan: this.#advertisement(link, site, plan, world),
      ...(world.previous && { previous: this.#previous(link, world.previous, world) }),
      clock,
      random,
      log,
    })
    const server = this.#server(link, plan, advertiser)
    const services: Services = {
      link,
      advertiser,
      server,
      introduced: new AbortController(),
      responder: undefined,
      advertising: false,
    }
    this.#services = services
    server.start() // first: an advertisement with M set sends hosts here, and the leases of an earlier run hold without us
    if (world.inStep) this.#advertise(services, site, plan, world)
  }

  #advertise(services: Services, site: Site, plan: LanPlan, world: LanWorld): void {
    this.#respond(services, site, plan, world)
    services.advertiser.start()
    services.advertising = true
    this.#introduce(services, plan)
    this.#log.info({ prefix: formatPrefix(plan.prefix), address: formatIp6(plan.router) }, 'the LAN is served')
  }

  /** Ours, or the look at others' where ours is off. */
  #server(link: ReadyLink, plan: LanPlan, advertiser: LanAdvertiser): LanServer | LanWatch {
    const { store, clients, identity, clock, random, routed } = this.#shared
    // Another router that advertises in our place sends hosts to our own server too.
    const managedElsewhere = () =>
      !sentToUsByOthers(this.#config) && advertiser.otherRouters().some(({ managed }) => managed)
    const common = { link, linkLocal: link.linkLocal, managedElsewhere, clock, random, log: this.#log }
    const scope = this.#scope(plan)
    if (!scope) return new LanWatch({ ...common, watched: this.#watched(plan), duid: identity.duid })
    return new LanServer({
      ...common,
      scope,
      segments: this.#segments,
      clients,
      routed: delegations => routed(link.name, delegations),
      store,
      identity,
    })
  }

  #watched(plan: LanPlan): Watched {
    return { plans: [plan], managed: flagsOf(this.#config).managed, advertised: this.#config.advertise !== 'off' }
  }

  #update(services: Services, site: Site, plan: LanPlan, world: LanWorld): void {
    services.advertiser.update(this.#advertisement(services.link, site, plan, world))
    const scope = this.#scope(plan)
    if (services.server instanceof LanWatch) services.server.update(this.#watched(plan))
    else if (scope) services.server.update(scope, this.#segments)
    if (services.advertising) this.#respond(services, site, plan, world)
    else if (world.inStep) this.#advertise(services, site, plan, world)
  }

  #introduce({ link, introduced }: Services, { router }: LanPlan): void {
    const { linkLocal } = link
    introduce({ link, linkLocal, addresses: [router, linkLocal] }, introduced.signal).catch(error =>
      this.#log.warn({ err: error }, 'could not tell the hosts which card the router has'),
    )
  }

  #respond(services: Services, site: Site, plan: LanPlan, world: LanWorld): void {
    if (!advertiseOf(this.#config).networkOnLink || world.answeredInKernel.has(this.#config.interface)) {
      services.responder?.stop()
      services.responder = undefined
      return
    }
    const former = world.former && lanPlan(world.former.sitePrefix, plan.subnet)
    const scope = { networkPrefix: site.networkPrefix, plan, former }
    if (services.responder) {
      services.responder.update(scope)
      return
    }
    const { link } = services
    services.responder = new LanResponder({ link, linkLocal: link.linkLocal, ...scope, log: this.#log })
    services.responder.start()
  }

  #advertisement(link: ReadyLink, site: Site, plan: LanPlan, world: LanWorld): AdvertisementPlan {
    const { dns } = this.#config
    const autonomous = world.autonomous(link.name)
    const advertise = advertiseOf(this.#config)
    return {
      site,
      lan: plan,
      mac: link.mac,
      networkReachable: world.networkReachable,
      ...flagsOf(this.#config),
      networkOnLink: advertise.networkOnLink,
      lifetimes: advertise.lifetimes,
      interval: advertise.interval,
      dns,
      ...(advertise.mtu === undefined ? {} : { mtu: advertise.mtu }),
      ...(autonomous && { autonomous }),
      silent: this.#config.advertise === 'off',
    }
  }

  #previous(link: ReadyLink, site: Site, world: LanWorld): AdvertisementPlan {
    return this.#advertisement(link, site, lanPlan(site.sitePrefix, this.#config.subnet), world)
  }
}

/**
 * The link to serve on, or the clause that says what is missing. Of several link-locals the one in use stays, since hosts have
 * routes through it; otherwise the first.
 */
export function readiness(name: string, world: LanWorld, inUse?: Ip6): ReadyLink | string {
  const { site, links } = world
  // Members of the network must not hear our advertisements.
  if (name === world.overlay || world.otherOverlays.includes(name))
    return `for an interface of its own: ${name} is that of the overlay`
  const link = links.find(each => each.name === name)
  if (!link) return `for interface ${name}, which does not exist`
  if (link.mac === undefined) return `for an Ethernet interface: ${name} has no link-layer address`
  if (!link.up) return `for interface ${name} to be set up: ip link set ${name} up`
  if (!link.carrier) return `for a cable on ${name}: it has no carrier`
  const candidates = world.addresses.filter(each => each.link === link.index && isLinkLocal(each.address))
  const usable = candidates.filter(each => !each.tentative && !each.dadFailed)
  const linkLocal = usable.find(each => each.address === inUse) ?? usable[0]
  if (!linkLocal) {
    const why = candidates.some(each => each.dadFailed) ? ': another host uses the one it has' : ''
    return `for a link-local address on ${name}${why}`
  }
  if (!site) return 'for the site: the overlay does not say yet which prefix it has'
  return { name, index: link.index, mac: link.mac, linkLocal: linkLocal.address }
}

/**
 * The flags of advertisements. They say what is true of our own server, and of another one what the operator says: with M set and
 * no server NetworkManager gives the whole connection up, without it hosts of a LAN that another server serves have no address.
 * RFC 4861 section 4.2.
 */
export function flagsOf(lan: LanConfig): {
  readonly managed: boolean
  readonly otherConfig: boolean
} {
  const advertise = advertiseOf(lan)
  const managed = advertise.managed ?? lan.dhcpv6 !== 'off'
  return { managed, otherConfig: advertise.otherConfig ?? managed }
}

/** Whether the managed flag of other routers is meant to send hosts to our server. */
export const sentToUsByOthers = ({ advertise, dhcpv6 }: LanConfig): boolean => advertise === 'off' && dhcpv6 !== 'off'

function sameLink(a: ReadyLink, b: ReadyLink): boolean {
  return a.name === b.name && a.index === b.index && a.mac === b.mac && a.linkLocal === b.linkLocal
}
