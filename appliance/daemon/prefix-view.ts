import { isCalled, type OverlayConfig, titleOf } from '../config/overlay.ts'
import type { Changed, PrefixRow, View } from '../http/api.ts'
import type { NamedPrefix, Surroundings } from './named-prefix.ts'
import { rowOf } from './prefix-row.ts'
import type { Prefixes } from './prefixes.ts'
import type { Router } from './router.ts'

type PrefixView = Pick<View, 'prefixes' | 'allocatePrefix' | 'releasePrefix'>

interface Network {
  readonly config: { readonly overlay: OverlayConfig }
  readonly router: Router
}

/** What the API shows of prefixes with names, and does about them. An answer comes when the kernel was brought in step. */
export function prefixView(prefixes: Prefixes, networks: readonly Network[]): PrefixView {
  const change = async (
    { router }: Network,
    decide: (surroundings: Surroundings) => Changed<NamedPrefix>,
  ): Promise<Changed<PrefixRow>> => {
    const { surroundings } = router
    if (!surroundings)
      return { kind: 'refused', status: 503, error: "the site's prefix is not known yet: siteplane status says why" }
    const changed = decide(surroundings)
    if (changed.kind === 'refused') return changed
    await router.prefixesChanged()
    return { ...changed, what: rowOf(changed.what, surroundings, router.kernel) }
  }
  return {
    prefixes: () => [
      ...networks.flatMap(({ router }) =>
        router.surroundings ? prefixes.rows(router.surroundings, router.kernel) : [],
      ),
      ...prefixes.lost(networks.map(({ config }) => config.overlay.network)),
    ],
    allocatePrefix: async request => {
      const { overlay: title } = request
      const network = title === undefined ? networks[0] : networks.find(each => isCalled(title, each.config.overlay))
      if (network) return change(network, surroundings => prefixes.allocate(request, surroundings))
      const known = networks.map(({ config }) => titleOf(config.overlay)).join(', ')
      return { kind: 'refused', status: 400, error: `${title} is no overlay: there is ${known}` }
    },
    releasePrefix: async name => {
      const { network: of } = prefixes.find(name) ?? {}
      const network = networks.find(({ config }) => config.overlay.network === of) ?? networks[0]!
      const changed = await change(network, () => prefixes.release(name))
      if (changed.kind === 'refused') return changed
      return { ...changed, what: { ...changed.what, state: 'waiting', reason: 'is released' } }
    },
  }
}
