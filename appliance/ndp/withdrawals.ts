/**
 * What hosts were told once and must now forget. A prefix, route, DNS server or domain that is said no longer is repeated with
 * a lifetime of 0 for a while, so that a host that missed the change hears of it. RFC 9096 section 3.5.
 */
import { formatIp6, formatPrefix } from '../base/ip6.ts'
import type { Option } from './options.ts'

const longestWithdrawal = 5400 // seconds: RFC 9096 section 3.5
const mostWithdrawn = 12 // our own: with what is current it stays below the 17 routes of RFC 4191 section 4

/** One thing that a host remembers of an advertisement. */
interface Claim {
  readonly key: string
  readonly lifetime: number // seconds it was told for
  readonly withdrawal: Option
}

export class Withdrawals {
  readonly #stale = new Map<string, { readonly option: Option; readonly until: number }>()

  /** Notes what `before` said and `after` says no longer. `now` in milliseconds of a monotonic clock. */
  replace(before: readonly Option[], after: readonly Option[], now: number): void {
    for (const { key, lifetime, withdrawal } of before.flatMap(claims)) {
      if (lifetime === 0) continue // hosts have forgotten it already
      this.#stale.delete(key) // to the end of the queue
      this.#stale.set(key, { option: withdrawal, until: now + Math.min(lifetime, longestWithdrawal) * 1000 })
    }
    // Whatever is current is never stale, however it came to be so.
    for (const { key } of after.flatMap(claims)) this.#stale.delete(key)
    for (const key of this.#stale.keys()) {
      if (this.#stale.size <= mostWithdrawn) break
      this.#stale.delete(key)
    }
  }

  /** The options to add to what is current. */
  options(now: number): Option[] {
    for (const [key, { until }] of this.#stale) if (until <= now) this.#stale.delete(key)
    return [...this.#stale.values()].map(({ option }) => option)
  }
}

function claims(option: Option): Claim[] {
  switch (option.kind) {
    case 'prefix-information': {
      const withdrawal = { ...option, validLifetime: 0, preferredLifetime: 0 }
      return [{ key: `prefix ${formatPrefix(option.prefix)}`, lifetime: option.validLifetime, withdrawal }]
    }
    case 'route-information': {
      const withdrawal = { ...option, lifetime: 0 }
      return [{ key: `route ${formatPrefix(option.prefix)}`, lifetime: option.lifetime, withdrawal }]
    }
    case 'rdnss':
      return option.servers.map(server => ({
        key: `server ${formatIp6(server)}`,
        lifetime: option.lifetime,
        withdrawal: { kind: 'rdnss', servers: [server], lifetime: 0 },
      }))
    case 'dnssl':
      return option.names.map(name => ({
        key: `domain ${name}`,
        lifetime: option.lifetime,
        withdrawal: { kind: 'dnssl', names: [name], lifetime: 0 },
      }))
    case 'mtu':
    case 'source-link-layer-address':
    case 'target-link-layer-address':
      return [] // these have no lifetime
    default:
      return option satisfies never
  }
}
