/** What the operator has promised to hosts by name: addresses, prefixes, host names, options. */
import type { Mac } from '../base/mac.ts'
import type { Offer } from './configuration.ts'
import type { Duid } from './duid.ts'

/** A host is known by one of: DUID, DUID and IAID, MAC, or the name that it gives itself. */
export type Identity =
  | { readonly kind: 'duid'; readonly duid: Duid; readonly iaid: number | undefined }
  | { readonly kind: 'mac'; readonly mac: Mac }
  | { readonly kind: 'name'; readonly name: string }

export interface Reservation {
  readonly identity: Identity
  readonly hosts: readonly number[] // offsets of its addresses in the LAN's prefix
  readonly prefixes: readonly { readonly host: number; readonly length: number }[] // offsets in the site's prefix
  readonly hostname: string | undefined
  readonly offers: readonly Offer[] // in the place of the LAN's with the same codes
}

/** What is known of a client. */
export interface Known {
  readonly duid: Duid | undefined
  readonly mac: Mac | undefined
  readonly name: string | undefined // that it gives itself, and nobody else has
}

/** Who has what is reserved on other LANs, as far as this one knows. */
const nobodyHere: Reservation = {
  identity: { kind: 'name', name: '' },
  hosts: [],
  prefixes: [],
  hostname: undefined,
  offers: [],
}

export class Reservations {
  readonly #byIdentity = new Map<string, Reservation>()
  readonly #byHost = new Map<number, Reservation>()
  readonly #byName = new Map<string, Reservation>()
  readonly #prefixes: { readonly first: number; readonly last: number; readonly reservation: Reservation }[] = [] // sorted

  /** `elsewhere`: prefixes that are reserved on other LANs of the site. No two of all prefixes share an address. */
  constructor(reservations: readonly Reservation[] = [], elsewhere: Reservation['prefixes'] = []) {
    this.#keep(elsewhere, nobodyHere)
    for (const reservation of reservations) {
      this.#byIdentity.set(textOf(reservation.identity), reservation)
      for (const host of reservation.hosts) this.#byHost.set(host, reservation)
      this.#keep(reservation.prefixes, reservation)
      if (reservation.hostname !== undefined) this.#byName.set(reservation.hostname, reservation)
    }
    this.#prefixes.sort((a, b) => a.first - b.first)
  }

  get all(): Iterable<Reservation> {
    return this.#byIdentity.values()
  }

  get isEmpty(): boolean {
    return this.#byIdentity.size === 0
  }

  /** What is reserved for a client and this IAID, or for all its IAIDs: the most exact one. */
  find({ duid, mac, name }: Known, iaid: number | undefined): Reservation | undefined {
    const find = (identity: Identity) => this.#byIdentity.get(textOf(identity))
    return (
      (duid && iaid !== undefined ? find({ kind: 'duid', duid, iaid }) : undefined) ??
      (duid && find({ kind: 'duid', duid, iaid: undefined })) ??
      (mac && find({ kind: 'mac', mac })) ??
      (name === undefined ? undefined : this.#named(name))
    )
  }

  /** For whom an address is. */
  ofHost(host: number): Reservation | undefined {
    return this.#byHost.get(host)
  }

  /** For whom a prefix is that has an address from `first` to `last`: each of them. */
  within(first: number, last: number): Reservation[] {
    // A crowded pool asks this a thousand times for one message, and there may be thousands of prefixes.
    let low = 0
    let high = this.#prefixes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#prefixes[middle]!.last < first) low = middle + 1
      else high = middle
    }
    const found: Reservation[] = []
    for (let each = this.#prefixes[low]; each && each.first <= last; each = this.#prefixes[++low])
      found.push(each.reservation)
    return found
  }

  /** For whom a host name is. */
  ofName(name: string): Reservation | undefined {
    return this.#byName.get(name)
  }

  #keep(prefixes: Reservation['prefixes'], reservation: Reservation): void {
    for (const { host, length } of prefixes)
      this.#prefixes.push({ first: host, last: host + 2 ** (128 - length) - 1, reservation })
  }

  /** `printer` and `printer.site.example` are `printer` to the operator, unless he wrote the whole of it. */
  #named(name: string): Reservation | undefined {
    const find = (each: string) => this.#byIdentity.get(textOf({ kind: 'name', name: each }))
    return find(name) ?? find(name.replace(/\..*/, ''))
  }
}

function textOf(identity: Identity): string {
  switch (identity.kind) {
    case 'duid':
      return `duid ${identity.duid} ${identity.iaid ?? ''}`
    case 'mac':
      return `mac ${identity.mac}`
    case 'name':
      return `name ${identity.name}`
    default:
      return identity satisfies never
  }
}
