/** Which address a client gets, and whether it may have the one it names. Everything that this depends on is in the context. */
import type { Ip4 } from '../base/ip4.ts'
import type { Mac } from '../base/mac.ts'
import { allocate4 } from './allocate.ts'
import type { Client4 } from './client.ts'
import { type Change4, isLive, type Lease4, type Leases4 } from './lease.ts'
import type { Offers } from './offers.ts'
import { isInPool, reservationOf, type Scope4 } from './scope.ts'

/** Everything that a decision depends on besides the message. */
export interface Context4 {
  readonly scope: Scope4
  readonly leases: Leases4
  readonly offers: Pick<Offers, 'holder' | 'of'>
  readonly secret: Uint8Array
  readonly now: number // milliseconds since 1970
  /** Whether other DHCPv4 servers are on the LAN; `unknown` while the first search for them goes on. */
  readonly others: 'none' | 'some' | 'unknown'
  /** Who answered for an address; undefined where nobody was asked yet. */
  probed(address: Ip4): Mac | 'silent' | undefined
}

const quarantine = 86_400_000 // ms that nobody gets an address which a host uses unasked

/** `probe`: ask the LAN for the address first, then decide again. */
export type Choice =
  | { readonly kind: 'address'; readonly address: Ip4 }
  | { readonly kind: 'probe'; readonly address: Ip4 }
  | { readonly kind: 'none' }

export class Chooser {
  readonly client: Client4
  readonly context: Context4
  readonly changes: Change4[] = []
  readonly #inUse = new Set<Ip4>() // found so in this very decision

  constructor(client: Client4, context: Context4) {
    this.client = client
    this.context = context
  }

  /** The lease that the client has or had on this link. */
  get lease(): Lease4 | undefined {
    return this.context.leases.of(this.client.key, this.context.scope.subnet)
  }

  /** Whether the address is of our giving and nobody else has it or is offered it. */
  isFree(address: Ip4): boolean {
    const { scope, leases, offers, now } = this.context
    const { key } = this.client
    if (this.#inUse.has(address) || address === scope.subnet.address) return false
    const reserved = scope.reservations.find(({ ipAddress }) => ipAddress === address)
    if (reserved ? reserved !== reservationOf(scope, this.client) : !isInPool(scope, address)) return false
    const lease = leases.at(address)
    if (lease && isLive(lease, now) && (lease.state === 'declined' || lease.client !== key)) return false
    return (offers.holder(address, now) ?? key) === key
  }

  /** The reserved one, else the one that the client has, was offered or asks for, else the one that its name hashes to. */
  choose(wanted: Ip4 | undefined): Choice {
    const { scope, offers, now, secret } = this.context
    for (;;) {
      const reserved = reservationOf(scope, this.client)?.ipAddress
      const liked = [reserved, this.lease?.address, offers.of(this.client.key, now), wanted]
      const address =
        liked.find(each => each !== undefined && this.isFree(each)) ??
        allocate4(this.client.key, secret, scope.pool, each => this.isFree(each))
      if (address === undefined) return { kind: 'none' }
      const found = this.look(address)
      if (found !== 'taken') return { kind: found === 'ask' ? 'probe' : 'address', address }
    }
  }

  /** Whether the LAN has been asked, and somebody else uses the address: then nobody gets it for a day. */
  look(address: Ip4): 'ask' | 'free' | 'taken' {
    const { lease, client, context } = this
    if (lease?.address === address && isLive(lease, context.now)) return 'free' // it answers for it itself
    const answer = context.probed(address)
    if (answer === undefined) return 'ask'
    if (answer === 'silent' || answer === client.mac) return 'free'
    this.#inUse.add(address)
    this.changes.push({ address, lease: this.declined(address, answer) })
    return 'taken'
  }

  declined(address: Ip4, mac: Mac): Lease4 {
    const { now } = this.context
    const nobody = { client: '', clientId: undefined, hostname: undefined }
    return { ...nobody, address, mac, state: 'declined', grantedAt: now, validUntil: now + quarantine }
  }

  /** The client has the address from now on, and no other of this link. */
  grant(address: Ip4): void {
    const { client, lease: before, context } = this
    if (before && before.address !== address) this.changes.push({ address: before.address, lease: undefined })
    const lease: Lease4 = {
      address,
      client: client.key,
      clientId: client.id,
      mac: client.mac,
      hostname: client.hostname ?? before?.hostname,
      state: 'bound',
      grantedAt: context.now,
      validUntil: context.now + context.scope.lifetimes.valid * 1000,
    }
    this.changes.push({ address, lease })
  }
}
