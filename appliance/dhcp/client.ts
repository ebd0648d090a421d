/** Who sent a message: what it is known by, what is reserved for it, and what it is called. */

import { ldhName } from '../base/domain-name.ts'
import type { Mac } from '../base/mac.ts'
import { type Binding, isLive } from './binding.ts'
import type { Offer } from './configuration.ts'
import type { Context } from './context.ts'
import { type Duid, macOfDuid } from './duid.ts'
import { findOption, type Option } from './options.ts'
import type { Reservation } from './reservations.ts'

export class Client {
  readonly duid: Duid | undefined
  readonly #context: Context
  readonly #given: string | undefined
  readonly #iaid: number | undefined // of its first IA

  constructor(options: readonly Option[], context: Context) {
    this.duid = findOption(options, 'client-id')?.duid
    this.#context = context
    const fqdn = findOption(options, 'client-fqdn')
    this.#given = fqdn && ldhName(fqdn.name)
    this.#iaid = (findOption(options, 'ia-na') ?? findOption(options, 'ia-pd'))?.iaid
  }

  /** Of its card; else the one in its DUID. */
  get mac(): Mac | undefined {
    return this.#context.mac ?? (this.duid && macOfDuid(this.duid))
  }

  /** What is reserved for it, for one of its IAs or as such. A name counts only for the one who had it first. */
  reservation(iaid = this.#iaid, binding?: Binding): Reservation | undefined {
    const { reservations } = this.#context.scope
    if (reservations.isEmpty) return undefined
    const name = this.#given ?? binding?.hostname
    const owned = name !== undefined && !this.#isTaken(name) ? name : undefined
    return reservations.find({ duid: this.duid, mac: this.mac, name: owned }, iaid)
  }

  /** What it is told besides its leases. */
  get offers(): readonly Offer[] {
    const { offers } = this.#context.scope
    const own = this.reservation()?.offers ?? []
    if (own.length === 0) return offers
    const codes = new Set(own.map(({ code }) => code))
    return [...own, ...offers.filter(({ code }) => !codes.has(code))]
  }

  /** The name that it goes by: the reserved one, else its own if that is nobody else's; of its binding if it doesn't say. */
  hostname(iaid = this.#iaid, binding?: Binding): string | undefined {
    const reserved = this.reservation(iaid, binding)?.hostname
    if (reserved !== undefined) return reserved
    const { reservations } = this.#context.scope
    const isFree = (name: string | undefined) =>
      name !== undefined && reservations.ofName(name) === undefined && !this.#isTaken(name)
    return [this.#given, binding?.hostname].find(isFree)
  }

  /** The first owner keeps a name, by its DUID. RFC 4703 section 5. */
  #isTaken(name: string): boolean {
    const { bindings, now } = this.#context
    for (const each of bindings.named(name)) if (each.duid !== this.duid && isLive(each, now)) return true
    return false
  }
}
