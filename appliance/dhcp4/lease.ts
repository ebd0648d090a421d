import { type InterfaceAddress4, type Ip4, isHostOf } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'

/** What is known of an address. `declined`: another host uses it, and nobody gets it until `validUntil`. */
export interface Lease4 {
  readonly address: Ip4
  readonly client: string // the key of who has or had it
  readonly clientId: string | undefined
  readonly mac: Mac // of its card, of a declined address that of the host that uses it where we know it
  readonly hostname: string | undefined
  readonly state: 'bound' | 'released' | 'declined'
  readonly grantedAt: number // milliseconds since 1970
  readonly validUntil: number
}

/** What an address is from now on; undefined forgets it. */
export interface Change4 {
  readonly address: Ip4
  readonly lease: Lease4 | undefined
}

/** Nobody else may have the address now. */
export const isLive = ({ state, validUntil }: Lease4, now: number): boolean => state !== 'released' && validUntil > now

/** What decisions may know of leases. */
export interface Leases4 {
  at(address: Ip4): Lease4 | undefined
  /** The address that a client has or last had on that link. */
  of(client: string, subnet: InterfaceAddress4): Lease4 | undefined
}

/** All leases, by address and by client: of each client one on each link. */
export class Table4 implements Leases4 {
  readonly #byAddress = new Map<Ip4, Lease4>()
  readonly #byClient = new Map<string, Lease4[]>()

  get all(): Iterable<Lease4> {
    return this.#byAddress.values()
  }

  at(address: Ip4): Lease4 | undefined {
    return this.#byAddress.get(address)
  }

  of(client: string, subnet: InterfaceAddress4): Lease4 | undefined {
    return this.#byClient.get(client)?.find(({ address }) => isHostOf(subnet, address))
  }

  /** Returns the changes that undo these. */
  apply(changes: readonly Change4[]): Change4[] {
    const undo: Change4[] = []
    for (const { address, lease } of changes) {
      const before = this.#byAddress.get(address)
      undo.unshift({ address, lease: before })
      if (before) this.#forget(before)
      if (!lease) continue
      this.#byAddress.set(address, lease)
      if (lease.state === 'declined') continue // it belongs to nobody
      const others = this.#byClient.get(lease.client)
      if (others) others.push(lease)
      else this.#byClient.set(lease.client, [lease])
    }
    return undo
  }

  #forget(lease: Lease4): void {
    this.#byAddress.delete(lease.address)
    const rest = this.#byClient.get(lease.client)?.filter(each => each !== lease) ?? []
    if (rest.length > 0) this.#byClient.set(lease.client, rest)
    else this.#byClient.delete(lease.client)
  }
}
