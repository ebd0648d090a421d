import { equalPrefix } from '../base/ip6.ts'
import type { LanConfig } from '../config/schema.ts'
import { type Binding, isLive, prefixOfDelegation } from '../dhcp/binding.ts'
import type { Store } from '../dhcp/store.ts'
import type { Intent } from '../netlink/desired.ts'
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
  wanted(lans: readonly LanConfig[], site: Site | undefined): Routes {
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
      return [{ prefix: prefixOfDelegation(site.sitePrefix, binding), link, via: binding.delegated?.via }]
    })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** Whether the kernel has the routes of these delegations. */
export function stand(bindings: readonly Binding[], link: number, site: Site, state: KernelState): boolean {
  return bindings.every(binding => {
    const prefix = prefixOfDelegation(site.sitePrefix, binding)
    return state.routes.some(
      route =>
        route.protocol === mark &&
        route.link === link &&
        route.via === binding.delegated?.via &&
        equalPrefix(route.destination, prefix),
    )
  })
}
