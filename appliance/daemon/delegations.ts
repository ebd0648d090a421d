import { contains, equalPrefix, formatPrefix, type Ip6, type Prefix } from '../base/ip6.ts'
import type { LanConfig } from '../config/schema.ts'
import { type Binding, type Bindings, isLive, prefixOfDelegation } from '../dhcp/binding.ts'
import { mostDelegations } from '../dhcp/delegate.ts'
import type { Scope } from '../dhcp/scope.ts'
import type { Store } from '../dhcp/store.ts'
import type { Intent } from '../netlink/intent.ts'
import { type KernelState, mark } from '../netlink/kernel.ts'
import type { Site } from '../plane/site.ts'

type Routes = Intent['routes']

const longestSleep = 3_600_000 // milliseconds: the wall clock, by which leases end, may be set

/** The routes to delegated prefixes, which come and go with the leases. Each leads to the link-local address of the client. */
export class DelegationRoutes {
  readonly #store: Store
  readonly #wake: () => void
  #timer: NodeJS.Timeout | undefined

  /** `wake` is called when a lease has ended. */
  constructor(store: Store, wake: () => void) {
    this.#store = store
    this.#wake = wake
  }

  /** What the kernel shall hold now. */
  wanted(lans: readonly LanConfig[], site: Site | undefined, former?: Site): Routes {
    clearTimeout(this.#timer)
    const now = this.#store.now()
    const live = this.#store.bindings.delegations().filter(binding => isLive(binding, now))
    if (!site || live.length === 0) return []
    const end = live.reduce((least, { validUntil }) => Math.min(least, validUntil), Number.POSITIVE_INFINITY)
    this.#timer = setTimeout(this.#wake, Math.min(end - now + 1, longestSleep)).unref()
    const bySubnet = new Map(lans.map(lan => [lan.subnet, lan.interface]))
    return live.flatMap(binding => {
      const link = bySubnet.get(binding.subnet)
      if (link === undefined) return []
      return [site, ...(former ? [former] : [])].map(({ sitePrefix }) => ({
        prefix: prefixOfDelegation(sitePrefix, binding),
        link,
        via: binding.delegated?.via,
      }))
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** Whether the kernel has the routes of these delegations. */
export function stand(bindings: readonly Binding[], link: number, site: Site, state: KernelState): boolean {
  return bindings.every(binding =>
    hasRoute(state, link, prefixOfDelegation(site.sitePrefix, binding), binding.delegated?.via),
  )
}

/** Whether the kernel has our route to this prefix. */
export function hasRoute(state: KernelState, link: number, prefix: Prefix, via: Ip6 | undefined): boolean {
  return state.routes.some(
    route =>
      route.protocol === mark && route.link === link && route.via === via && equalPrefix(route.destination, prefix),
  )
}

/** Why new clients of a LAN get no prefix, as clauses. */
export function delegationFaults(
  { delegate, plan }: Pick<Scope, 'delegate' | 'plan'>,
  bindings: Bindings,
  now: number,
): string[] {
  if (!delegate) return []
  const live = bindings.delegations().filter(binding => isLive(binding, now))
  const until = 'new clients get none until leases end'
  if (live.length >= mostDelegations) return [`${live.length} prefixes are delegated, the most that may be: ${until}`]
  const { prefix: pool, delegatedLength } = delegate
  const size = 2 ** (128 - delegatedLength)
  let whole = 0 // places for a prefix of the usual length that are taken as such
  const parts = new Set<number>() // places that longer ones lie in
  for (const binding of live) {
    const { address, length } = prefixOfDelegation(plan.prefix, binding)
    if (!contains(pool, { address, length })) continue
    if (length <= delegatedLength) whole += 2 ** (delegatedLength - length)
    else parts.add(Math.floor(binding.host / size))
  }
  const isFull = whole + parts.size >= 2 ** (delegatedLength - pool.length)
  return isFull ? [`the pool of prefixes to delegate, ${formatPrefix(pool)}, is used up: ${until}`] : []
}
