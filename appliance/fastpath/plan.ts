/**
 * Which way packets find their next hop on the overlay: the best that was asked for and that works here. Nothing here loads a
 * program; `load` does, and says why it can't.
 */
import { messageOf } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { LanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import type { Feature, Instance } from './instance.ts'

/** `stateless`: one next hop for all. `emulate`: solicitations answered in the kernel. `netlink`: answered by us. `off`: by nobody. */
export type Mode = 'stateless' | 'emulate' | 'netlink' | 'off'

/** A LAN that could have a program. */
export interface PlannedLan {
  readonly interface: string
  readonly plan: LanPlan
  readonly mac: Mac
  readonly linkLocal: Ip6
  readonly networkOnLink: boolean // whether the router answers there for what is elsewhere
}

export interface Wanted {
  readonly mode: Mode | 'auto'
  readonly turbo: boolean | 'force'
  readonly forwardRules: readonly string[] // of netfilter, which turbo passes by
  readonly site: Site
  readonly former?: Site | undefined // of the same network, while hosts may have addresses of it
  readonly overlay: { readonly name: string; readonly index: number | undefined } // undefined while it can't take packets
  readonly lans: readonly PlannedLan[]
  /** Whether hosts that nobody knows are looked for only so often. What has no LAN has nobody to tell which are known. */
  readonly bound: boolean
}

export interface Placement {
  readonly link: string
  readonly point: 'ingress' | 'egress'
  readonly id: number // the kernel's number for the program
}

export interface FastPathPlan {
  readonly mode: Mode
  readonly reasons: readonly string[] // why none of the better ones: a sentence each
  readonly programs: readonly Placement[]
  readonly turbo: boolean
  readonly turboRefused: string | undefined // why it isn't used although it is asked for
}

const none = { programs: [], turbo: false, turboRefused: undefined }

type Load = (instance: Instance, point: 'ingress' | 'egress') => { readonly id: number }

const modes: readonly Mode[] = ['stateless', 'emulate', 'netlink']

/** Tries the modes from the best downwards. `netlink` needs nothing, so that auto always ends with one. */
export function planFastPath(wanted: Wanted, load: Load): FastPathPlan {
  if (wanted.mode === 'off') return { mode: 'off', ...none, reasons: [], turboRefused: refusalOf('off', wanted) }
  const reasons: string[] = []
  const from = wanted.mode === 'auto' ? 0 : modes.indexOf(wanted.mode)
  for (const mode of modes.slice(from)) {
    const turboRefused = refusalOf(mode, wanted)
    if (mode !== 'stateless' && mode !== 'emulate') return { mode, ...none, reasons, turboRefused }
    const turbo = wanted.turbo !== false && turboRefused === undefined
    try {
      return { mode, reasons, programs: place(mode, turbo, wanted, load), turbo, turboRefused }
    } catch (error) {
      const reason = `${mode}: ${messageOf(error)}`
      if (!reasons.some(other => other.endsWith(messageOf(error)))) reasons.push(reason)
    }
  }
  return { mode: 'netlink', ...none, reasons, turboRefused: refusalOf('netlink', wanted) }
}

function refusalOf(mode: Mode, { turbo, forwardRules }: Wanted): string | undefined {
  if (turbo === false) return undefined
  if (mode !== 'stateless') return `turbo works with the stateless mode alone, and ${mode} runs`
  if (turbo === 'force' || forwardRules.length === 0) return undefined
  return `turbo is refused: netfilter has rules for what is forwarded (${forwardRules.join(', ')}), and turbo passes them by; fastPath.turbo: force does so all the same`
}

function place(mode: 'stateless' | 'emulate', turbo: boolean, wanted: Wanted, load: Load): Placement[] {
  const { site, overlay, lans, bound } = wanted
  const overlayFeatures: Feature[] = ['emulate', 'proxy', 'guard', 'count']
  if (bound) overlayFeatures.push('bound')
  overlayFeatures.push(mode === 'stateless' ? 'rewrite' : 'boundRemote')
  const instance = { kind: 'overlay', site, features: overlayFeatures, subnets: subnetsOf(lans) } as const
  return [
    { link: overlay.name, point: 'ingress', id: load(instance, 'ingress').id },
    { link: overlay.name, point: 'egress', id: load(instance, 'egress').id },
    ...lans.map(lan => ({
      link: lan.interface,
      point: 'ingress' as const,
      id: load(lanInstance(mode, turbo, lan, wanted), 'ingress').id,
    })),
  ]
}

const subnetsOf = (lans: readonly PlannedLan[]) => lans.flatMap(({ plan }) => plan.subnet ?? [])

function lanInstance(
  mode: 'stateless' | 'emulate',
  turbo: boolean,
  lan: PlannedLan,
  { site, former, overlay, lans }: Wanted,
): Instance {
  const { plan, mac, linkLocal, networkOnLink } = lan
  // Turbo leaves the next hop to the overlay's program, which writes it in stateless mode alone.
  const fast = turbo && overlay.index !== undefined
  const features: Feature[] = ['guard', 'bound']
  if (networkOnLink) features.push('proxy')
  if (mode === 'emulate') features.push('boundRemote') // each remote host takes a neighbour entry
  if (fast) features.push('turbo')
  return {
    kind: 'lan',
    site,
    plan,
    mac,
    linkLocal,
    features,
    subnets: subnetsOf(lans),
    former: former?.node,
    overlay: fast ? { index: overlay.index!, mac: site.mac } : undefined,
  }
}
