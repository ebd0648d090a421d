/**
 * One LAN of the router: waits for what it needs (the interface, its cable, its link-local address, a site), then runs the
 * advertiser, the responders and the DHCPv6 server on it, keeps them in step with the configuration and the networks that it is in,
 * and says what it waits for.
 */
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatIp6, formatPrefix, type Prefix } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import { advertiseOf, type LanConfig } from '../config/schema.ts'
import type { Binding } from '../dhcp/binding.ts'
import type { ClientStore } from '../dhcp/client-store.ts'
import type { Identity } from '../dhcp/identity.ts'
import { LanServer, type Segment } from '../dhcp/lan-server.ts'
import { LanWatch, type Watched } from '../dhcp/lan-watch.ts'
import type { Reservation } from '../dhcp/reservations.ts'
import type { Scope } from '../dhcp/scope.ts'
import type { Store } from '../dhcp/store.ts'
import type { Advertised, AdvertisementPlan } from '../ndp/advertisement.ts'
import { introduce } from '../ndp/introduction.ts'
import { LanAdvertiser } from '../ndp/lan-advertiser.ts'
import { LanResponder } from '../ndp/lan-responder.ts'
import { lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { type NetworkId, networkPrefix } from '../plane/sixplane.ts'
import { delegationFaults } from './delegations.ts'
import { flagsOf, sentToUsByOthers } from './flags.ts'
import { type LanWorld, type PlacedNetwork, placedIn, type ReadyLink, readiness } from './lan-world.ts'
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

interface Services {
  readonly link: ReadyLink
  readonly advertiser: LanAdvertiser
  readonly server: LanServer | LanWatch
  readonly ended: AbortController
  readonly responders: Map<NetworkId, LanResponder>
  readonly introduced: Set<string> // the router's addresses
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
  #placed: readonly PlacedNetwork[] = []

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

  /** The networks that it has a prefix of, in the order of the configuration. */
  get placed(): readonly PlacedNetwork[] {
    return this.#placed
  }

  /** The LANs behind relays on this one. */
  get segments(): readonly Segment[] {
    return this.#segments
  }

  /** Why hosts don't have what is reserved for them, as sentences. */
  get reservationNotices(): readonly string[] {
    const { store } = this.#shared
    const scope = this.#scope()
    if (!scope) return []
    return reservationNotices(this.#config, scope, store.bindings, store.now())
  }

  /** Why new clients get no prefix, as clauses. */
  get delegationFaults(): readonly string[] {
    const { store } = this.#shared
    const scope = this.#scope()
    return scope ? delegationFaults(scope, store.bindings, store.now()) : []
  }

  /** The sites that hosts are told of now. */
  get told(): readonly Site[] {
    return this.#services?.advertising ? this.#placed.flatMap(({ inStep, site }) => (inStep ? site : [])) : []
  }

  get services(): Readonly<Services> | undefined {
    return this.#services
  }

  /** Brings the services in step with the world: starts, updates or stops them. `behind` are the LANs behind a relay on this one. */
  async follow(config: LanConfig, behind: readonly LanConfig[], world: LanWorld): Promise<void> {
    this.#config = config
    this.#placed = placedIn(world, config.subnet)
    this.#segments = segmentsOf(behind, this.#placed, this.#away)
    const ready = readiness(config.interface, world, this.#services?.link.linkLocal)
    const waiting = typeof ready === 'string' ? ready : undefined
    if (waiting !== this.#waiting) {
      this.#waiting = waiting
      if (waiting !== undefined) this.#log.warn({ reason: waiting }, 'the LAN waits')
    }
    if (typeof ready === 'string') {
      await this.stop(false)
      return
    }
    if (this.#services && !(sameLink(this.#services.link, ready) && this.#isServed(this.#services.server)))
      await this.stop(false)
    try {
      if (this.#services) this.#update(this.#services, world)
      else this.#start(ready, world)
      this.#failure = undefined
    } catch (error) {
      if (this.#failure === undefined) this.#log.error({ err: error }, 'the LAN can not be served; trying again')
      this.#failure = messageOf(error)
      await this.stop(false)
    }
  }

  /** What the DHCPv6 server must know at once, and can, since it takes no time. */
  rescope(): void {
    const scope = this.#scope()
    const server = this.#services?.server
    if (scope && server instanceof LanServer) server.update(scope, this.#segments)
  }

  /** The networks that it has no prefix of yet. */
  get #away(): Prefix[] {
    const away = this.#config.networks.filter(each => !this.#placed.some(({ network }) => network === each))
    return away.map(networkPrefix)
  }

  /** Undefined while it has no prefix, or where another server serves. */
  #scope(): Scope | undefined {
    return scopeOf(
      this.#config,
      this.#placed.map(({ plan }) => plan),
      this.#shared.named(),
      this.#away,
    )
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
    services.ended.abort()
    for (const responder of services.responders.values()) responder.stop()
    await Promise.all([services.advertiser.stop({ final }), services.server.stop()])
  }

  #start(link: ReadyLink, world: LanWorld): void {
    const { clock, random } = this.#shared
    const log = this.#log
    const previous = [...world.networks.flatMap(({ previous: site }) => site ?? []), ...world.gone]
    const advertiser = new LanAdvertiser({
      link,
      plan: this.#advertisement(link, this.#placed.map(advertised), world),
      ...(previous.length > 0 && {
        previous: this.#advertisement(
          link,
          previous.map(site => ({ site, lan: lanPlan(site.sitePrefix, this.#config.subnet), networkReachable: true })),
          world,
        ),
      }),
      clock,
      random,
      log,
    })
    const server = this.#server(link, advertiser)
    const services: Services = {
      link,
      advertiser,
      server,
      ended: new AbortController(),
      responders: new Map(),
      introduced: new Set(),
      advertising: false,
    }
    this.#services = services
    server.start() // first: an advertisement with M set sends hosts here, and the leases of an earlier run hold without us
    this.#advertise(services, world)
  }

  /** Says on the link what stands in the kernel. Until something does, and while nothing does any more, it says no more than before. */
  #advertise(services: Services, world: LanWorld): void {
    const standing = this.#placed.filter(({ inStep }) => inStep)
    if (standing.length === 0) return
    this.#respond(services, standing)
    services.advertiser.update(this.#advertisement(services.link, standing.map(advertised), world))
    if (!services.advertising) services.advertiser.start()
    services.advertising = true
    this.#introduce(services, standing)
  }

  /** Ours, or the look at others' where ours is off. */
  #server(link: ReadyLink, advertiser: LanAdvertiser): LanServer | LanWatch {
    const { store, clients, identity, clock, random, routed } = this.#shared
    // Another router that advertises in our place sends hosts to our own server too.
    const managedElsewhere = () =>
      !sentToUsByOthers(this.#config) && advertiser.otherRouters().some(({ managed }) => managed)
    const common = { link, linkLocal: link.linkLocal, managedElsewhere, clock, random, log: this.#log }
    const scope = this.#scope()
    if (!scope) return new LanWatch({ ...common, watched: this.#watched(), duid: identity.duid })
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

  #watched(): Watched {
    const plans = this.#placed.map(({ plan }) => plan)
    return { plans, managed: flagsOf(this.#config).managed, advertised: this.#config.advertise !== 'off' }
  }

  #update(services: Services, world: LanWorld): void {
    const scope = this.#scope()
    if (services.server instanceof LanWatch) services.server.update(this.#watched())
    else if (scope) services.server.update(scope, this.#segments)
    this.#advertise(services, world)
  }

  /** Hosts that know the router by another card, or by none yet, are told of each of its addresses once. */
  #introduce({ link, ended, introduced }: Services, standing: readonly PlacedNetwork[]): void {
    const news = standing.filter(({ plan }) => !introduced.has(formatIp6(plan.router)))
    for (const { plan } of news) {
      const address = formatIp6(plan.router)
      introduced.add(address)
      this.#log.info({ prefix: formatPrefix(plan.prefix), address }, 'the LAN is served')
    }
    if (news.length === 0) return
    const addresses = [...news.map(({ plan }) => plan.router), link.linkLocal]
    introduce({ link, linkLocal: link.linkLocal, addresses }, ended.signal).catch(error =>
      this.#log.warn({ err: error }, 'could not tell the hosts which card the router has'),
    )
  }

  /** One for each network whose solicitations no program answers. */
  #respond({ link, responders }: Services, standing: readonly PlacedNetwork[]): void {
    const { networkOnLink } = advertiseOf(this.#config)
    const wanted = networkOnLink ? standing.filter(({ answeredInKernel }) => !answeredInKernel) : []
    for (const [network, responder] of responders) {
      if (wanted.some(each => each.network === network)) continue
      responder.stop()
      responders.delete(network)
    }
    for (const { network, site, plan, former } of wanted) {
      const then = former && lanPlan(former.sitePrefix, plan.subnet)
      const scope = { networkPrefix: site.networkPrefix, plan, former: then }
      const running = responders.get(network)
      if (running) {
        running.update(scope)
        continue
      }
      const responder = new LanResponder({ link, linkLocal: link.linkLocal, ...scope, log: this.#log })
      responders.set(network, responder)
      responder.start()
    }
  }

  #advertisement(link: ReadyLink, networks: readonly Advertised[], world: LanWorld): AdvertisementPlan {
    const { dns } = this.#config
    const autonomous = world.autonomous(link.name)
    const advertise = advertiseOf(this.#config)
    const [first, ...beside] = networks
    return {
      ...first!,
      beside,
      mac: link.mac,
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
}

const advertised = ({ site, plan, networkReachable }: PlacedNetwork): Advertised => ({
  site,
  lan: plan,
  networkReachable,
})

function sameLink(a: ReadyLink, b: ReadyLink): boolean {
  return a.name === b.name && a.index === b.index && a.mac === b.mac && a.linkLocal === b.linkLocal
}
