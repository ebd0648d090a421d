import type { Changed, PrefixRow, View } from '../http/api.ts'
import type { NamedPrefix, Surroundings } from './named-prefix.ts'
import { rowOf } from './prefix-row.ts'
import type { Prefixes } from './prefixes.ts'
import type { Router } from './router.ts'

type PrefixView = Pick<View, 'prefixes' | 'allocatePrefix' | 'releasePrefix'>

/** What the API shows of prefixes with names, and does about them. An answer comes when the kernel was brought in step. */
export function prefixView(prefixes: Prefixes, router: Router): PrefixView {
  const change = async (decide: (surroundings: Surroundings) => Changed<NamedPrefix>): Promise<Changed<PrefixRow>> => {
    const { surroundings } = router
    if (!surroundings)
      return { kind: 'refused', status: 503, error: "the site's prefix is not known yet: siteplane status says why" }
    const changed = decide(surroundings)
    if (changed.kind === 'refused') return changed
    await router.prefixesChanged()
    return { ...changed, what: rowOf(changed.what, surroundings, router.kernel) }
  }
  return {
    prefixes: () => (router.surroundings ? prefixes.rows(router.surroundings, router.kernel) : []),
    allocatePrefix: request => change(surroundings => prefixes.allocate(request, surroundings)),
    releasePrefix: async name => {
      const changed = await change(() => prefixes.release(name))
      if (changed.kind === 'refused') return changed
      return { ...changed, what: { ...changed.what, state: 'waiting', reason: 'is released' } }
    },
  }
}
