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
  readonly turbo: boolean
  readonly site: Site
  readonly overlay: { readonly name: string; readonly index: number | undefined }
  readonly lans: readonly PlannedLan[]
}

export interface Placement {
  readonly link: string
  readonly point: 'ingress' | 'egress'
  readonly code: string
}

export interface FastPathPlan {
  readonly mode: Mode
  readonly reasons: readonly string[] // why none of the better ones: a sentence each
  readonly programs: readonly Placement[]
  readonly turbo: boolean
}

const none = { programs: [], turbo: false }

type Load = (instance: Instance, point: 'ingress' | 'egress') => { readonly code: string }

const modes: readonly Mode[] = ['stateless', 'emulate', 'netlink']

/** Tries the modes from the best downwards. `netlink` needs nothing, so that auto always ends with one. */
export function planFastPath(wanted: Wanted, load: Load): FastPathPlan {
  if (wanted.mode === 'off') return { mode: 'off', ...none, reasons: [] }
  const reasons: string[] = []
  const from = wanted.mode === 'auto' ? 0 : modes.indexOf(wanted.mode)
  for (const mode of modes.slice(from)) {
    if (mode !== 'stateless' && mode !== 'emulate') return { mode, ...none, reasons }
    try {
      const programs = place(mode, wanted, load)
      return { mode, reasons, programs, turbo: wanted.turbo && mode === 'stateless' }
    } catch (error) {
      const reason = `${mode}: ${messageOf(error)}`
      if (!reasons.some(other => other.endsWith(messageOf(error)))) reasons.push(reason)
    }
  }
  return { mode: 'netlink', ...none, reasons }
}

function place(mode: 'stateless' | 'emulate', wanted: Wanted, load: Load): Placement[] {
  const { site, overlay, lans } = wanted
  const overlayFeatures: Feature[] = ['emulate', 'proxy', 'guard', 'count', 'bound']
  if (mode === 'stateless') overlayFeatures.push('rewrite')
  const instance = { kind: 'overlay', site, features: overlayFeatures, subnets: subnetsOf(lans) } as const
  return [
    { link: overlay.name, point: 'ingress', code: load(instance, 'ingress').code },
    { link: overlay.name, point: 'egress', code: load(instance, 'egress').code },
    ...lans.map(lan => ({
      link: lan.interface,
      point: 'ingress' as const,
      code: load(lanInstance(mode, lan, wanted), 'ingress').code,
    })),
  ]
}

const subnetsOf = (lans: readonly PlannedLan[]) => lans.flatMap(({ plan }) => plan.subnet ?? [])

function lanInstance(mode: Mode, lan: PlannedLan, { site, overlay, turbo, lans }: Wanted): Instance {
  const { plan, mac, linkLocal, networkOnLink } = lan
  // Turbo leaves the next hop to the overlay's program, which writes it in stateless mode alone.
  const fast = turbo && mode === 'stateless' && overlay.index !== undefined
  const features: Feature[] = ['guard', 'bound']
  if (networkOnLink) features.push('proxy')
  if (fast) features.push('turbo')
  return {
    kind: 'lan',
    site,
    plan,
    mac,
    linkLocal,
    features,
    subnets: subnetsOf(lans),
    overlay: fast ? { index: overlay.index!, mac: site.mac } : undefined,
  }
}
