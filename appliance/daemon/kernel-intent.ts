import type { Config } from '../config/schema.ts'
import type { FastPathPlan } from '../fastpath/plan.ts'
import type { Intent } from '../netlink/intent.ts'
import { lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { segmentRoutes } from './segments.ts'

export interface IntentSource {
  readonly config: Config
  readonly site: Site | undefined
  readonly former: Site | undefined // of the same network
  readonly overlay: string | undefined // the name of its interface
  readonly otherOverlays: readonly string[] // and those of others, of which none is a LAN
  readonly fastPath: FastPathPlan | undefined
  readonly routes: Intent['routes']
  readonly local: NonNullable<Intent['local']>
}

/** What the kernel shall hold, from the configuration, the site and the overlay's interface. */
export function intentOf(source: IntentSource): Intent {
  const { site, former, overlay, otherOverlays, fastPath, routes, local } = source
  const lan = source.config.lan.filter(({ interface: link }) => link !== overlay && !otherOverlays.includes(link))
  const config = { ...source.config, lan }
  const lans = lan.filter(({ relay }) => relay === undefined)
  return {
    site,
    overlay: overlay === undefined ? undefined : { link: overlay, assignAddress: config.overlay.kind === 'static' },
    lans: site
      ? lans.map(({ interface: link, subnet }) => ({
          link,
          plan: lanPlan(site.sitePrefix, subnet),
          former: former && lanPlan(former.sitePrefix, subnet),
        }))
      : [],
    resolver: fastPath?.mode === 'netlink' ? 'netlink' : 'off',
    nextHop: fastPath?.mode === 'stateless' ? 'stateless' : 'on-link',
    programs: fastPath?.programs ?? [],
    routes: [...(site ? segmentRoutes(config, site, overlay) : []), ...routes],
    local,
  }
}
