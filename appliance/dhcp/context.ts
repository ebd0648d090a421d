/** What a decision sees besides the message. */
import type { Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { Bindings } from './binding.ts'
import type { Duid } from './duid.ts'
import type { Scope } from './scope.ts'

/** A question to the LAN: does the host with this MAC still answer for this address? Without one: does any? */
export interface Probe {
  readonly address: Ip6
  readonly mac: Mac | undefined
}

/** Who answered. */
export type Probed = Mac | 'silent'

/** Everything that a decision depends on besides the message. */
export interface Context {
  readonly scope: Scope
  readonly identity: { readonly duid: Duid; readonly secret: Uint8Array }
  readonly bindings: Bindings
  readonly mac: Mac | undefined // of the sender, where it is known
  readonly from: Ip6 // the sender's own address, also where a relay speaks for it
  readonly linkLocal: Ip6 | undefined // of the sender; undefined where a relay stands between
  readonly now: number // milliseconds since 1970
  readonly rivals: boolean // other DHCPv6 servers are on the LAN
  /** Whether a search for other servers has found none, and no router sends hosts to another one. */
  alone(): boolean
  /** What a probe has found; undefined where none was made. */
  probed(probe: Probe): Probed | undefined
}
