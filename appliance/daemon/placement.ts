/** Which programs of the fast path go where, kept in step with the configuration, the overlay and the LANs. */
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { advertiseOf, type Config, type LanConfig } from '../config/schema.ts'
import type { FastPathPlan, Placement as Placed, PlannedLan } from '../fastpath/plan.ts'
import type { KernelState } from '../netlink/kernel.ts'
import { lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { FastPath } from './fast-path.ts'
import type { ReadyLink } from './lan-world.ts'

const rulesEvery = 5_000 // milliseconds between looks at netfilter while turbo is on

interface PlacementOptions {
  readonly fastPath: FastPath
  /** Rules of netfilter for what is forwarded. */
  readonly forwardRules: () => Promise<readonly string[]>
  readonly log: Log
  /** Called when it is time to look again. */
  readonly wake: () => void
}

/** What the programs depend on. */
export interface Surroundings {
  readonly config: Config
  readonly site: Site | undefined
  readonly former: Site | undefined
  readonly overlay: string | undefined // the name of its interface
  readonly kernel: KernelState | undefined
  /** The link of a LAN, or what it waits for. */
  readonly ready: (lan: LanConfig) => ReadyLink | string
}

export class Placement {
  readonly #options: PlacementOptions
  #plan: FastPathPlan | undefined
  #standing: FastPathPlan | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: PlacementOptions) {
    this.#options = options
  }

  /** Undefined while the site isn't known, or where it would be reached. */
  get plan(): FastPathPlan | undefined {
    return this.#plan
  }

  /** The newest plan that the kernel was brought in step with: what the status may tell of. */
  get standing(): FastPathPlan | undefined {
    return this.#standing
  }

  async follow(surroundings: Surroundings): Promise<void> {
    const { config, site, former, overlay, kernel } = surroundings
    if (!site || overlay === undefined) {
      this.#plan = this.#standing = undefined
      return
    }
    const { mode, turbo } = config.fastPath
    await this.#options.fastPath.prepare({ mode })
    const plan = this.#options.fastPath.plan({
      mode,
      turbo,
      forwardRules: turbo === true ? await this.#forwardRules() : [],
      site,
      former,
      overlay: { name: overlay, index: kernel?.links.find(({ name, up }) => name === overlay && up)?.index },
      lans: plannedLans(surroundings, site),
      bound: config.lan.length > 0,
    })
    if (plan.mode !== this.#plan?.mode || plan.reasons.join() !== this.#plan.reasons.join())
      this.#options.log.info({ mode: plan.mode, reasons: plan.reasons }, 'the fast path is chosen')
    this.#plan = plan
  }

  /** The kernel was brought in step with the plan, as far as it lets itself. Programs of earlier plans are let go of. */
  settled(kernel: KernelState | undefined): void {
    const plan = this.#plan
    const missing = plan && kernel && absent(plan, kernel)
    this.#standing = missing ? { ...plan, ...nothing, reasons: [`${plan.mode}: ${missing}`] } : plan
    if (plan) this.#options.fastPath.keep(plan)
  }

  /** The LANs whose program stands in the kernel and answers there. */
  answered(kernel: KernelState): ReadonlySet<string> {
    const standing = standingOn(kernel)
    const placed = this.#plan?.programs ?? []
    return new Set(placed.filter(each => standing.has(placeOf(each))).map(({ link }) => link))
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Rules may come at any time, and nobody tells: they are looked for again every now and then. */
  async #forwardRules(): Promise<readonly string[]> {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#options.wake, rulesEvery).unref()
    try {
      return await this.#options.forwardRules()
    } catch (error) {
      return [`nobody can tell: ${messageOf(error)}`]
    }
  }
}

const nothing = { mode: 'off', programs: [], turbo: false } as const // what runs where a program could not be put in place

const placeOf = ({ link, point, id }: Placed): string => `${link} ${point} ${id}`

function standingOn({ links, programs }: KernelState): ReadonlySet<string> {
  const names = new Map(links.map(link => [link.index, link.name]))
  return new Set(programs.map(({ link, point, id }) => placeOf({ link: names.get(link) ?? '', point, id })))
}

/** What is missing of a plan on links that are there, as a clause. */
function absent({ programs }: FastPathPlan, kernel: KernelState): string | undefined {
  const standing = standingOn(kernel)
  const there = programs.filter(({ link }) => kernel.links.some(({ name }) => name === link))
  const lost = there.find(each => !standing.has(placeOf(each)))
  return lost && `the program for ${lost.point} of ${lost.link} is not in its place`
}

/** The LANs that stand ready; the hosts of one behind a relay are behind a next hop. */
function plannedLans({ config, ready }: Surroundings, site: Site): PlannedLan[] {
  return config.lan.flatMap(lan => {
    const link = lan.relay ? 'behind a relay' : ready(lan)
    if (typeof link === 'string') return []
    const { mac, linkLocal } = link
    const plan = lanPlan(site.sitePrefix, lan.subnet)
    return [{ interface: lan.interface, plan, mac, linkLocal, networkOnLink: advertiseOf(lan).networkOnLink }]
  })
}
