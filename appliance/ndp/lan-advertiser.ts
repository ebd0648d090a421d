/**
 * Router advertisements on one LAN: the socket, the timer and the log around the decisions of advertiser.ts, advertisement.ts,
 * withdrawals.ts, multicast-router.ts, other-routers.ts and router-search.ts.
 */
import { DecodeError, equalBytes, toHex } from '../base/bytes.ts'
import { Alarm, type Clock, sleep } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { allNodes, allRouters, formatIp6, type Ip6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import {
  type AdvertisementPlan,
  advertisement,
  finalAdvertisement,
  networksOf,
  split,
  withReachable,
} from './advertisement.ts'
import { Advertiser } from './advertiser.ts'
import { decodeMessage, encodeMessage, type RouterAdvertisement } from './message.ts'
import {
  allSnoopers,
  checkMulticastRouterSolicitation,
  encodeMulticastRouterAdvertisement,
  encodeMulticastRouterTermination,
  MulticastRouterSchedule,
  multicastRouterType,
} from './multicast-router.ts'
import { type OtherRouter, OtherRouters } from './other-routers.ts'
import { RouterSearch } from './router-search.ts'
import { type Endpoint, type IcmpIn, type IcmpOut, type LinkRef, openRouterSocket } from './socket.ts'
import { Withdrawals } from './withdrawals.ts'

export interface LanAdvertiserOptions {
  /** `linkLocal` must not be tentative. A change of any of these asks for a new LanAdvertiser. */
  readonly link: LinkRef & { readonly mac: Mac; readonly linkLocal: Ip6 }
  readonly plan: AdvertisementPlan
  /** What an earlier run may have told the hosts: what is true no longer is withdrawn. */
  readonly previous?: AdvertisementPlan
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly open?: (link: LinkRef) => Endpoint<IcmpIn, IcmpOut>
}

/** Since the start. */
export interface AdvertiserCounters {
  readonly multicastSent: number
  readonly unicastSent: number
  readonly sendErrors: number
  readonly solicitations: number // valid ones
  readonly invalid: number // messages dropped by the rules of validity
  readonly foreignAdvertisements: number // of other routers
  readonly contradicting: number // of those, the ones that contradict us
  readonly bugs: number // packets that found one
}

const largestMessage = 1280 - 40 // octets of ICMPv6 in the smallest MTU that IPv6 allows
const finalGap = 200 // milliseconds between the two last advertisements: our own, against the loss of one
const bugPrefix = 512 // octets of a packet that go to the log

export class LanAdvertiser {
  readonly #options: LanAdvertiserOptions
  readonly #clock: Clock
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #advertiser: Advertiser
  readonly #snoopers: MulticastRouterSchedule
  readonly #withdrawals = new Withdrawals()
  readonly #others = new OtherRouters()
  readonly #search = new RouterSearch()
  readonly #alarm: Alarm
  readonly #counters = {
    multicastSent: 0,
    unicastSent: 0,
    sendErrors: 0,
    solicitations: 0,
    invalid: 0,
    foreignAdvertisements: 0,
    contradicting: 0,
    bugs: 0,
  }
  #plan: AdvertisementPlan
  #said: RouterAdvertisement
  #endpoint: Endpoint<IcmpIn, IcmpOut> | undefined

  constructor(options: LanAdvertiserOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#log = options.log
    this.#throttle = new Throttle(options.clock)
    this.#advertiser = new Advertiser(options.plan.interval, options.random)
    this.#snoopers = new MulticastRouterSchedule(options.random)
    this.#alarm = new Alarm(options.clock, () => this.#send())
    this.#plan = options.plan
    this.#said = wordOf(options.plan)
  }

  /** Opens the socket and advertises at once. Throws a KernelError. */
  start(): void {
    const endpoint = (this.#options.open ?? openRouterSocket)(this.#options.link)
    this.#endpoint = endpoint
    endpoint.listen(
      batch => this.#receive(batch),
      error => this.#complain('socket', { err: error }, 'the socket for router advertisements failed to read'),
    )
    const now = this.#clock.monotonic()
    const { previous } = this.#options
    if (!this.#plan.silent) {
      if (previous) this.#withdrawals.replace(advertisement(previous).options, this.#said.options, now)
      this.#advertiser.announce(now)
    }
    this.#followPlan(now)
    this.#send()
  }

  /** A changed content is advertised at once and twice more; what is said no longer is withdrawn. An unchanged one isn't news. */
  update(plan: AdvertisementPlan): void {
    const now = this.#clock.monotonic()
    const next = wordOf(plan)
    const begins = this.#plan.silent === true && !plan.silent
    const changed = !plan.silent && !equalBytes(encodeMessage(next), encodeMessage(this.#said))
    const news = begins || changed
    // What was never said needs no withdrawal.
    if (changed && !begins && this.#endpoint) this.#withdrawals.replace(this.#said.options, next.options, now)
    this.#plan = plan
    this.#said = next
    if (!this.#endpoint) return
    this.#advertiser.pace(plan.interval, now)
    if (news) this.#advertiser.announce(now)
    this.#followPlan(now)
    this.#send()
  }

  /** `final`: hosts are told, twice, that the /40 is gone. Otherwise, as for a hand-over, nothing is said. */
  async stop({ final }: { readonly final: boolean }): Promise<void> {
    const endpoint = this.#endpoint
    this.#endpoint = undefined
    this.#alarm.cancel()
    if (!endpoint) return
    try {
      if (!final) return
      const now = this.#clock.monotonic()
      const last = this.#plan.silent ? [] : this.#messages(finalAdvertisement(this.#plan), allNodes, now)
      if (this.#snoopers.running) last.push(toSnoopers(encodeMulticastRouterTermination()))
      this.#transmit(endpoint, last)
      await sleep(finalGap)
      this.#transmit(endpoint, last)
    } finally {
      endpoint.close()
    }
  }

  /** Other routers heard of lately. */
  otherRouters(): OtherRouter[] {
    return this.#others.list(this.#clock.monotonic())
  }

  /** Whether other routers had time to answer our solicitations, where they advertise in our place. */
  get searched(): boolean {
    return this.#search.over
  }

  counters(): AdvertiserCounters {
    return { ...this.#counters }
  }

  /** What runs beside the advertisements. Solicitations must reach us only where we answer them for others. */
  #followPlan(now: number): void {
    if (this.#plan.silent) {
      this.#advertiser.silence()
      this.#search.start(now)
    } else this.#search.stop()
    if (this.#plan.networkOnLink === this.#snoopers.running) return
    if (this.#plan.networkOnLink) this.#snoopers.start(now)
    else this.#snoopers.stop()
  }

  /** Sends what is due and sets the alarm for what comes next. */
  #send(): void {
    const endpoint = this.#endpoint
    if (!endpoint) return
    const now = this.#clock.monotonic()
    const batch = this.#advertiser.due(now).flatMap(destination => {
      if (destination === allNodes) this.#counters.multicastSent++
      else this.#counters.unicastSent++
      return this.#messages(this.#said, destination, now)
    })
    if (this.#snoopers.due(now)) batch.push(toSnoopers(encodeMulticastRouterAdvertisement()))
    if (this.#search.due(now)) batch.push(this.#solicitation())
    this.#transmit(endpoint, batch)
    this.#alarm.set(Math.min(this.#advertiser.wakeAt, this.#snoopers.wakeAt, this.#search.wakeAt))
  }

  /** From our link-local address always, whatever address the solicitation came from. RFC 4861 section 6.1.2. */
  #messages(content: RouterAdvertisement, destination: Ip6, now: number): IcmpOut[] {
    const source = this.#options.link.linkLocal
    const options = [...content.options, ...this.#withdrawals.options(now)]
    return split({ ...content, options }, largestMessage).map(part => ({
      bytes: encodeMessage(part),
      source,
      destination,
    }))
  }

  #solicitation(): IcmpOut {
    const { mac, linkLocal: source } = this.#options.link
    const options = [{ kind: 'source-link-layer-address', mac }] as const
    return { bytes: encodeMessage({ kind: 'router-solicitation', options }), source, destination: allRouters }
  }

  #transmit(endpoint: Endpoint<IcmpIn, IcmpOut>, batch: readonly IcmpOut[]): void {
    if (batch.length === 0) return
    try {
      const [first, ...rest] = endpoint.send(batch)
      if (!first) return
      this.#counters.sendErrors += 1 + rest.length
      // The link is going down, or its address changes: whoever watches them stops us or starts us anew.
      this.#complain('send', { errno: first.errno }, 'could not send a router advertisement')
    } catch (error) {
      this.#counters.sendErrors += batch.length
      this.#complain('send', { err: error }, 'could not send a router advertisement')
    }
  }

  #receive(batch: readonly IcmpIn[]): void {
    for (const packet of batch) {
      try {
        this.#take(packet)
      } catch (error) {
        const from = formatIp6(packet.source)
        if (error instanceof DecodeError) {
          this.#counters.invalid++
          this.#log.debug({ from, reason: messageOf(error) }, 'dropped an invalid neighbour discovery message')
          continue
        }
        // Our bug costs the packet that found it, not the daemon: otherwise any host of the LAN could keep us restarting.
        this.#counters.bugs++
        const held = this.#throttle.pass('bug')
        const bytes = toHex(packet.bytes.subarray(0, bugPrefix))
        if (held)
          this.#log.error({ from, err: error, packet: bytes, ...held }, 'a router discovery message found a bug')
      }
    }
    this.#send()
  }

  #take({ bytes, source, destination, hopLimit }: IcmpIn): void {
    const now = this.#clock.monotonic()
    if (bytes[0] === multicastRouterType.solicitation) {
      checkMulticastRouterSolicitation(bytes, source, hopLimit)
      this.#snoopers.solicited(now)
      return
    }
    const message = decodeMessage(bytes, { source, destination, hopLimit })
    if (message.kind === 'router-solicitation') {
      this.#counters.solicitations++
      if (!this.#plan.silent) this.#advertiser.solicited(source, now)
    } else if (message.kind === 'router-advertisement' && source !== this.#options.link.linkLocal) {
      this.#compare(source, message, now)
    }
  }

  #compare(source: Ip6, theirs: RouterAdvertisement, now: number): void {
    this.#counters.foreignAdvertisements++
    const { silent = false } = this.#plan
    const networkPrefixes = networksOf(this.#plan).map(({ site }) => site.networkPrefix)
    const ours = { advertisement: this.#said, networkPrefixes, silent }
    const heard = this.#others.heard(source, theirs, ours, now)
    const { mac, contradictions, differences } = heard.router
    if (contradictions.length > 0) this.#counters.contradicting++
    // One line a minute of each kind, for all routers together; what is held back stays news until its next advertisement.
    const kind = contradictions.length > 0 ? 'contradiction' : 'difference'
    if (this.#plan.silent && kind === 'difference') return // the flags are theirs to set
    const held = heard.news ? this.#throttle.pass(kind) : undefined
    if (!held) return
    this.#others.told(source)
    const fields = { router: formatIp6(source), mac, contradictions, differences, ...held }
    if (contradictions.length > 0) this.#log.warn(fields, 'another router contradicts what we advertise')
    else this.#log.info(fields, 'another router advertises other values than we do')
  }

  #complain(key: string, fields: object, text: string): void {
    const held = this.#throttle.pass(key)
    if (held) this.#log.warn({ ...fields, ...held }, text)
  }
}

/** What we say, or what another router shall say in our place: that one can't know when the network is away. */
function wordOf(plan: AdvertisementPlan): RouterAdvertisement {
  return advertisement(plan.silent ? withReachable(plan, true) : plan)
}

/** Hop limit 1 and a router alert, so that every switch that snoops looks at it. RFC 4286 section 3.2. */
function toSnoopers(bytes: Uint8Array): IcmpOut {
  return { bytes, destination: allSnoopers, hopLimit: 1, routerAlert: true }
}
