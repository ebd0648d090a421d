/** What is wanted of the kernel, in the daemon's words; desired.ts says which addresses, routes and rules come of it. */
import type { Ip6, Prefix } from '../base/ip6.ts'
import type { LanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { Point } from './kernel.ts'

/** The table of all our routes. */
export const table = 80

/** What the daemon wants, by link names, whether the links are there or not. */
export interface Intent {
  readonly site: Site | undefined // undefined: nothing of ours should be there
  readonly overlay: { readonly link: string; readonly assignAddress: boolean } | undefined // assignAddress: static overlay
  readonly lans: readonly IntendedLan[]
  readonly resolver: 'netlink' | 'off'
  /** `stateless`: by one next hop, once the program that knows the owner's MAC stands. `on-link`: each address is its own. */
  readonly nextHop: 'stateless' | 'on-link'
  readonly programs: readonly { readonly link: string; readonly point: Point; readonly id: number }[]
  /** To what lies behind hosts of LANs, or behind links of their own: containers, virtual machines. */
  readonly routes: readonly { readonly prefix: Prefix; readonly link: string; readonly via: Ip6 | undefined }[]
  readonly local?: readonly { readonly prefix: Prefix; readonly link: string }[] // on LANs, and not of the site's prefix
  readonly beside?: readonly Intent[] // of the other overlays of this machine
  readonly slot?: number // of these overlays, the same whether the others are there or not: where classifiers stand
}

export type KnownIntent = Intent & { readonly site: Site }

export interface IntendedLan {
  readonly link: string
  readonly plan: LanPlan
  readonly former?: LanPlan | undefined // what it was, while hosts may have addresses of then
}

export const noIntent: Intent = {
  site: undefined,
  overlay: undefined,
  lans: [],
  resolver: 'off',
  nextHop: 'on-link',
  programs: [],
  routes: [],
}

export const hasSite = (intent: Intent): intent is KnownIntent => intent.site !== undefined

/** The links of an overlay and of its LANs. */
export const linksOf = ({ overlay, lans }: Intent): string[] => [
  ...lans.map(lan => lan.link),
  ...(overlay ? [overlay.link] : []),
]

/** Whether there is anything to forward to. A machine without LANs and prefixes is a host of the overlay, and stays one. */
export const isRouter = ({ lans, routes }: Intent): boolean => lans.length > 0 || routes.length > 0
