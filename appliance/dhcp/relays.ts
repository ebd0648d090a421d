/** Which relays of a LAN are heard, and which segment they speak for. Pure: it is told the time. */
import { contains, formatIp6, type Ip6, unspecified } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { isAssignable } from '../plane/plan.ts'
import type { Reason } from './counters.ts'
import { macOfInterfaceId } from './neighbours.ts'
import { clientMacOf, decodeRelayForward, linkOf } from './relay-message.ts'
import type { Route } from './route.ts'
import { plansOf, type Scope } from './scope.ts'

/** A LAN of the address plan that lies behind a router on this one, whose relay speaks for its hosts. */
export interface Segment {
  readonly scope: Scope
  readonly via: Ip6 // of the router on our LAN, in its first network
  readonly sources: readonly Ip6[] // addresses that its Relay-forwards may come from, besides `via` and the segment's ::1
  readonly linkAddresses: readonly Ip6[] // what its relay may call the segment, besides the addresses of the segment itself
}

/** What became of a Relay-forward. */
export type Opened =
  | {
      readonly kind: 'client'
      readonly scope: Scope
      readonly route: Route
      readonly client: Ip6 // its link-local address on its own link
      readonly mac: Mac | undefined
      readonly message: Uint8Array
    }
  | { readonly kind: 'ignore'; readonly reason: Reason }

const told = 900_000 // milliseconds that a relay whose messages we drop is spoken of, our own

export class Relays {
  readonly #link: string
  #segments: readonly Segment[] = []
  readonly #heard = new Map<number | undefined, number>() // by subnet; milliseconds since 1970
  #refused: { readonly sentence: string; readonly at: number } | undefined

  constructor(link: string) {
    this.#link = link
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  replace(segments: readonly Segment[]): void {
    this.#segments = segments
  }

  /** When a segment's relay last sent us something, in milliseconds since 1970. */
  heardAt(subnet: number | undefined): number | undefined {
    return this.#heard.get(subnet)
  }

  /** What to know of relays that we don't listen to, as sentences. */
  notices(now: number): string[] {
    return this.#refused && now - this.#refused.at < told ? [this.#refused.sentence] : []
  }

  /** Unwraps a Relay-forward to the LAN of `own`. Throws a DecodeError. */
  open(bytes: Uint8Array, relay: Ip6, port: number, own: Scope, now: number): Opened {
    if (this.#segments.length === 0) return this.#refuse('noRelays', relay, now)
    const mine = this.#segments.filter(segment => speaksFor(segment, relay))
    if (mine.length === 0) return this.#refuse('unknownRelay', relay, now)
    const relayed = decodeRelayForward(bytes)
    if (relayed === 'too-deep') return { kind: 'ignore', reason: 'tooManyRelays' }
    const { hops, message } = relayed
    const link = linkOf(hops)
    const scope = mine.find(segment => isOn(segment, link))?.scope ?? (isOwn(own, link) ? own : undefined)
    if (!scope) return this.#refuse('unknownLink', relay, now, link)
    this.#heard.set(scope.plan.subnet, now)
    const client = hops.at(-1)!.peerAddress
    const mac = clientMacOf(hops) ?? macOfInterfaceId(client)
    return { kind: 'client', scope, route: { relay, port, hops }, client, mac, message }
  }

  #refuse(reason: Reason & keyof typeof refusals, relay: Ip6, now: number, link = unspecified): Opened {
    const sentence = refusals[reason](formatIp6(relay), formatIp6(link))
    this.#refused = { sentence: `DHCPv6 on ${this.#link}: ${sentence}`, at: now }
    return { kind: 'ignore', reason }
  }
}

const refusals = {
  noRelays: (relay: string) =>
    `messages of the relay ${relay} are dropped, since no LAN with a relay is configured for this interface`,
  unknownRelay: (relay: string) =>
    `messages of the relay ${relay} are dropped: it is neither relay.address nor in relay.sources of a LAN`,
  unknownLink: (relay: string, link: string) =>
    `messages of the relay ${relay} for the link ${link} are dropped: that is no address of a LAN behind it, and not in relay.linkAddresses`,
} as const

const speaksFor = ({ via, sources, scope }: Segment, relay: Ip6): boolean =>
  relay === via || plansOf(scope).some(({ router }) => relay === router) || sources.includes(relay)

const isOn = ({ scope, linkAddresses }: Segment, link: Ip6): boolean =>
  plansOf(scope).some(({ prefix }) => contains(prefix, link)) || linkAddresses.includes(link)

/** A relay that doesn't say which link, or says ours, stands on our own. RFC 9915 section 13.1. */
const isOwn = (scope: Scope, link: Ip6): boolean =>
  link === unspecified || plansOf(scope).some(plan => link === plan.router || isAssignable(plan, link))
