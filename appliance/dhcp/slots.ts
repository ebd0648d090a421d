import type { Mac } from '../base/mac.ts'
import { type Binding, type BindingKey, isSameKey } from './binding.ts'
import { float64s, octets, uint32s } from './column.ts'
import { type Duid, duidFromBytes, hexDigit, writeDuid } from './duid.ts'
import { mix } from './hash-index.ts'

const longest = 20 // octets of a DUID in a column: all types but the odd one made by hand
const mostHostnames = 1 << 17 // our own: a name may take more room than all else of a lease
const used = 1
const released = 2
const withMac = 4

/**
 * Bindings by number, seventy octets each, where an object takes some four hundred: a million fit into a small router, and the
 * garbage collector never looks at them. What is out of the ordinary (a prefix, a copied host, a long DUID) is kept as it is.
 * Instants are relative to a moment that moves when the clock is set.
 */
export class Slots {
  readonly #flags = octets(1)
  readonly #lan = octets(1)
  readonly #duid = octets(longest)
  readonly #duidLength = octets(1)
  readonly #iaid = uint32s()
  readonly #host = float64s()
  readonly #mac = float64s()
  readonly #granted = float64s()
  readonly #preferred = float64s()
  readonly #valid = float64s()
  readonly #hostnames = new Map<number, string>()
  readonly #whole = new Map<number, Binding>()
  readonly #scratch = new Uint8Array(130)
  #shift = 0

  /** Moves every instant by so many milliseconds. */
  shift(milliseconds: number): void {
    this.#shift += milliseconds
    for (const [slot, binding] of this.#whole) this.#whole.set(slot, moved(binding, milliseconds))
  }

  reserve(slots: number): void {
    const columns = [this.#flags, this.#lan, this.#duid, this.#duidLength, this.#iaid, this.#host, this.#mac]
    for (const column of [...columns, this.#granted, this.#preferred, this.#valid]) column.reserve(slots)
  }

  isUsed(slot: number): boolean {
    return this.#flags.get(slot) !== 0
  }

  write(slot: number, binding: Binding): void {
    const { subnet, duid, iaid, host, delegated, mac, hostname, state } = binding
    const { grantedAt, preferredUntil, validUntil } = binding
    this.clear(slot)
    const length = writeDuid(duid, this.#scratch)
    this.#flags.set(slot, used | (state === 'released' ? released : 0) | (mac === undefined ? 0 : withMac))
    this.#lan.set(slot, lanOf(subnet))
    this.#mac.set(slot, mac === undefined ? 0 : macNumber(mac))
    this.#valid.set(slot, validUntil - this.#shift)
    if (isOdd(binding) || delegated) {
      this.#whole.set(slot, binding)
      return
    }
    this.#duidLength.set(slot, length)
    this.#duid.write(slot, this.#scratch, length)
    this.#iaid.set(slot, iaid)
    this.#host.set(slot, host)
    this.#granted.set(slot, grantedAt - this.#shift)
    this.#preferred.set(slot, preferredUntil - this.#shift)
    if (hostname !== undefined && this.#hostnames.size < mostHostnames) this.#hostnames.set(slot, hostname)
  }

  clear(slot: number): void {
    if (!this.isUsed(slot)) return
    this.#flags.set(slot, 0)
    this.#hostnames.delete(slot)
    this.#whole.delete(slot)
  }

  read(slot: number): Binding {
    const whole = this.#whole.get(slot)
    if (whole) return whole
    const lan = this.#lan.get(slot)
    const flags = this.#flags.get(slot)
    return {
      subnet: lan === firstLan ? undefined : lan,
      duid: this.#duidOf(slot),
      iaType: 'na',
      iaid: this.#iaid.get(slot),
      clone: undefined,
      host: this.#host.get(slot),
      mac: flags & withMac ? macText(this.#mac.get(slot)) : undefined,
      hostname: this.#hostnames.get(slot),
      state: flags & released ? 'released' : 'bound',
      grantedAt: this.#granted.get(slot) + this.#shift,
      preferredUntil: this.#preferred.get(slot) + this.#shift,
      validUntil: this.#valid.get(slot) + this.#shift,
    }
  }

  /** The host's name, unless there was no room for it. */
  hostname(slot: number): string | undefined {
    return this.#whole.get(slot)?.hostname ?? this.#hostnames.get(slot)
  }

  hasKey(slot: number, key: BindingKey): boolean {
    const whole = this.#whole.get(slot)
    if (whole) return isSameKey(whole, key)
    if (key.clone !== undefined || key.iaType === 'pd') return false
    if (this.#iaid.get(slot) !== key.iaid || this.#lan.get(slot) !== lanOf(key.subnet)) return false
    return this.#hasDuid(slot, writeDuid(key.duid, this.#scratch))
  }

  /** Those below `high` that a client has. Looks at each. */
  ofClient(duid: Duid, high: number): number[] {
    const length = writeDuid(duid, this.#scratch)
    const found: number[] = []
    for (let slot = 0; slot < high; slot++) {
      if (!this.isUsed(slot)) continue
      const whole = this.#whole.get(slot)
      if (whole ? whole.duid === duid : this.#hasDuid(slot, length)) found.push(slot)
    }
    return found
  }

  /** Whether a slot without an odd binding has the DUID in the first octets of the scratch. */
  #hasDuid(slot: number, length: number): boolean {
    if (this.#duidLength.get(slot) !== length) return false
    const held = this.#duid.at(slot)
    for (let i = 0; i < length; i++) if (held[i] !== this.#scratch[i]) return false
    return true
  }

  /** Whether a binding of an address has this one. */
  hasHost(slot: number, subnet: number | undefined, host: number): boolean {
    const whole = this.#whole.get(slot)
    if (whole) return !whole.delegated && whole.host === host && whole.subnet === subnet
    return this.#host.get(slot) === host && this.#lan.get(slot) === lanOf(subnet)
  }

  /** The address in the slot, where one is and is not released. */
  visitAddress(slot: number, visit: (subnet: number | undefined, host: number) => void): void {
    if ((this.#flags.get(slot) & (used | released)) !== used) return
    const whole = this.#whole.get(slot)
    if (whole && whole.iaType !== 'na') return
    const lan = this.#lan.get(slot)
    visit(lan === firstLan ? undefined : lan, whole?.host ?? this.#host.get(slot))
  }

  isLive(slot: number, now: number): boolean {
    return (this.#flags.get(slot) & (used | released)) === used && this.#valid.get(slot) + this.#shift > now
  }

  /** When it ends, before any shift of the clock: what `now` is then is `now` less the shift. */
  end(slot: number): { readonly lan: number; readonly validUntil: number; readonly bound: boolean } {
    const bound = (this.#flags.get(slot) & released) === 0
    return { lan: this.#lan.get(slot), validUntil: this.#valid.get(slot), bound }
  }

  /** The card as a number; -1 for all that hide theirs. */
  card(slot: number): number {
    return this.#flags.get(slot) & withMac ? this.#mac.get(slot) : hidden
  }

  get shifted(): number {
    return this.#shift
  }

  /** Bindings that are kept as they are, with their slots: all that are copies of hosts among them. Who renewed last stands last. */
  get odd(): ReadonlyMap<number, Binding> {
    return this.#whole
  }

  #duidOf(slot: number): Duid {
    return duidFromBytes(this.#duid.at(slot).subarray(0, this.#duidLength.get(slot)))
  }
}

/** Whether a binding of this key has no place in the columns. */
export const isOdd = ({ duid, iaType, clone }: BindingKey): boolean =>
  iaType === 'pd' || clone !== undefined || duid.length > longest * 3

const firstLan = 255 // no further LAN has this number
const hidden = -1
export const lanOf = (subnet: number | undefined): number => subnet ?? firstLan

/** Stops compiling when a binding gets a field that has no column: it would be forgotten. */
type Kept =
  | keyof BindingKey
  | 'host'
  | 'delegated'
  | 'mac'
  | 'hostname'
  | 'state'
  | 'grantedAt'
  | 'preferredUntil'
  | 'validUntil'
true satisfies [Exclude<keyof Binding, Kept>] extends [never] ? true : false

/** A MAC as a number of 48 bits, and back. */
export function macNumber(mac: Mac): number {
  let number = 0
  for (let i = 0; i < mac.length; i++) if (i % 3 !== 2) number = number * 16 + hexDigit(mac.charCodeAt(i))
  return number
}
export function macText(number: number): Mac {
  const low = number % 2 ** 24
  const high = (number - low) / 2 ** 24
  return `${threeOctets(high)}:${threeOctets(low)}` as Mac
}
const threeOctets = (number: number): string =>
  `${octetText[number >>> 16]}:${octetText[(number >>> 8) & 0xff]}:${octetText[number & 0xff]}`
const octetText = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'))

/** Hashes of what bindings are found by. */
export function hashOfKey({ subnet, duid, iaType, iaid, clone }: BindingKey): number {
  let hash = mix(lanOf(subnet) | (iaType === 'pd' ? 0x100 : 0), iaid)
  // Each step depends on all bits before it, so that no two texts have the same hash under every seed.
  for (let i = 0; i < duid.length; i++) {
    hash = Math.imul(hash ^ duid.charCodeAt(i), 0x9e3779b1)
    hash ^= hash >>> 15
  }
  return clone === undefined ? mix(hash, 0) : mix(hash, macNumber(clone))
}
export const hashOfHost = (subnet: number | undefined, host: number): number =>
  mix(mix(lanOf(subnet), host | 0), Math.floor(host / 2 ** 32))

function moved(binding: Binding, milliseconds: number): Binding {
  return {
    ...binding,
    grantedAt: binding.grantedAt + milliseconds,
    preferredUntil: binding.preferredUntil + milliseconds,
    validUntil: binding.validUntil + milliseconds,
  }
}
