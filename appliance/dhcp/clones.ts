import type { Ip6, Prefix } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { addressOf, type Binding, type Bindings, isLive } from './binding.ts'
import type { Duid } from './duid.ts'

/** A host that has the DUID and the IAID of another one which is there too, and so got an address of its own. */
export interface Clone {
  readonly duid: Duid
  readonly iaid: number
  readonly mac: Mac
  readonly address: Ip6
  readonly original: { readonly mac: Mac | undefined; readonly address: Ip6 } | undefined
}

const most = 16 // a stranger can pretend to be any number of copies

/** The copies among the bindings that have a lease now: a few of them, since each asks for the same. */
export function clonesOf(copies: Iterable<Binding>, bindings: Bindings, prefix: Prefix, now: number): Clone[] {
  const clones: Clone[] = []
  for (const { clone, ...binding } of copies) {
    if (clones.length === most) break
    if (clone === undefined || !isLive({ clone, ...binding }, now)) continue
    const first = bindings.find({ ...binding, clone: undefined })
    const original = first && { mac: first.mac, address: addressOf(prefix, first.host) }
    const { duid, iaid, host } = binding
    clones.push({ duid, iaid, mac: clone, address: addressOf(prefix, host), original })
  }
  return clones
}
