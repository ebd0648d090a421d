/**
 * Which overlay there is and what it says: a Site, or the reason there is none. ZeroTier is asked through its local API; a
 * static overlay is what the configuration says, if the interface agrees.
 */
import type { Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { Part } from '../base/part.ts'
import type { Site } from '../plane/site.ts'
import type { NetworkId, NodeAddress } from '../plane/sixplane.ts'

export type OverlayState =
  | 'ok'
  | 'no-service' // nothing answers as ZeroTier's local API
  | 'bad-token' // its token can't be read, or is refused
  | 'not-joined'
  | 'unauthorised' // no configuration of the network has come yet, or it wants a login first
  | 'denied' // the network's controller says no
  | 'not-found'
  | 'no-6plane'
  | 'no-interface'
  | 'down' // the interface is there and can't carry packets of ours

export interface OverlayReport {
  readonly kind: 'zerotier' | 'static'
  readonly state: OverlayState
  readonly network: NetworkId
  readonly node?: NodeAddress // as soon as it is known, whatever the state
  readonly interface?: string
  readonly reason?: string // a sentence that says what to do; absent where the state is ok
  readonly site?: Site // as soon as the node is known, whatever the state
  readonly rfc4193Address?: Ip6 // what this node has where the network has that mode too
  readonly carries: boolean // packets pass: the state is ok, or it only can't be asked for
  readonly notices: readonly string[] // sentences: what to know although packets pass
}

/** What an overlay needs to know of a link. */
export interface LinkView {
  readonly name: string
  readonly index: number
  readonly mac: Mac | undefined
  readonly up: boolean
  readonly carrier: boolean
  readonly mtu: number
  readonly ipv6?: boolean // false where it is switched off
  readonly addresses?: readonly Ip6[]
}

export interface Overlay extends Part {
  /** The newest report. */
  report(): OverlayReport
  /** Since when the state is what it is, on the monotonic clock, in milliseconds. */
  since(): number
  /** Called after every change of the report, until the result is disposed of. */
  onChange(listener: (report: OverlayReport) => void): Disposable
  /** Asks anew without waiting for the next round. */
  refresh(): void
  /** The links as they are now. Before the first call nothing is said about links. */
  update(links: readonly LinkView[]): void
}
