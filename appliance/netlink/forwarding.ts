/**
 * Which forwarding switches to turn, in which order. Forwarding is what the kernel couples to the acceptance of router
 * advertisements: `conf.<if>.forwarding=1` deletes at once the default route of every interface whose accept_ra isn't 2.
 */
import type { Changes, SysctlRecord } from './journal.ts'
import { type KernelState, mark, type Rule } from './kernel.ts'

/** One sysctl and what it must hold. */
export interface Setting {
  readonly path: string // under /proc/sys/net
  readonly value: string
}

/**
 * How packets come to be forwarded: `interface` on LANs and overlay alone (force_forwarding, kernel 6.17), `all` by us on the whole
 * machine because the kernel has nothing finer, `already` by someone before us, `off` while there is nothing to forward between.
 */
export type ForwardingMode = 'interface' | 'all' | 'already' | 'off'

/** The priorities of our rules; all stand before the main table's 32766. */
export const priorities = { between: 1077, others: 1078, site: 1079, network: 1080, overlay: 1081, lan: 1082 } as const

export const conf = (link: string, key: string): string => `ipv6/conf/${link}/${key}`
export const neigh = (link: string, key: string): string => `ipv6/neigh/${link}/${key}`

/** What lets packets through: turned last, after the rules that say which. `conf.<if>.forwarding` alone does not. */
export const isOpening = (path: string): boolean =>
  path === conf('all', 'forwarding') || path.endsWith('/force_forwarding')

/** Everything that makes a router of a host, with side effects on default routes; undone first. */
export const isForwarding = (path: string): boolean =>
  path.endsWith('/forwarding') || path.endsWith('/force_forwarding')

export const recordOf = (changes: Changes, path: string): SysctlRecord | undefined =>
  changes.sysctls.find(record => record.path === path)

/** What a sysctl held before us. Undefined where the kernel has no such sysctl. */
export function original(path: string, state: KernelState, changes: Changes): string | undefined {
  const current = state.sysctls.get(path)
  return current === undefined ? undefined : (recordOf(changes, path)?.original ?? current)
}

export function forwardingMode(state: KernelState, changes: Changes): Exclude<ForwardingMode, 'off'> {
  if (original(conf('all', 'forwarding'), state, changes) === '1') return 'already'
  return hasForce(state) ? 'interface' : 'all'
}

/** Kernel 6.17 and newer forward between chosen interfaces. */
function hasForce(state: KernelState): boolean {
  return state.sysctls.has(conf('all', 'force_forwarding'))
}

/** Whether the machine forwarded nothing from this link before us. The kernel looks at all.forwarding and force_forwarding alone. */
export function forwardedNothing(link: string, state: KernelState, changes: Changes): boolean {
  const paths = [conf('all', 'forwarding'), conf(link, 'force_forwarding')]
  if (paths.every(path => (original(path, state, changes) ?? '0') === '0')) return true
  // Without a journal (lost, damaged) our own rule is the memory of it: better to keep a door shut than to open it.
  const recorded = paths.some(path => recordOf(changes, path))
  const isShut = ({ protocol, inputLink, destination }: Rule) =>
    protocol === mark && inputLink === link && destination === undefined
  return !recorded && state.rules.some(isShut)
}

/**
 * The links that would forward only because we switched it on everywhere: neither LAN nor overlay. One that comes later forwards
 * until the dump that follows its event.
 */
export function linksToShut(served: ReadonlySet<string>, state: KernelState, changes: Changes): string[] {
  const others = state.links.filter(link => !link.loopback && !served.has(link.name)).map(link => link.name)
  if (forwardingMode(state, changes) === 'all') return others
  if (recordOf(changes, conf('all', 'forwarding'))) return []
  // As above: the journal may be lost.
  const shut = state.rules.filter(rule => rule.protocol === mark && rule.priority === priorities.others)
  return others.filter(name => shut.some(rule => rule.inputLink === name))
}

/**
 * accept_ra 1 → 2 on every interface that listens to routers, so that turning on forwarding takes no default route away. One
 * that already forwarded with accept_ra=1 was deaf before us and stays so; 0 and 2 stay as they are.
 */
export function acceptRaSettings(overlays: readonly string[], state: KernelState, changes: Changes): Setting[] {
  const names = state.links.filter(link => !link.loopback && !overlays.includes(link.name)).map(link => link.name)
  // all.forwarding also goes to `default`: without this a card that is plugged in later would be deaf.
  if (forwardingMode(state, changes) === 'all') names.push('default')
  return names.flatMap(name => {
    const path = conf(name, 'accept_ra')
    const current = state.sysctls.get(path)
    const listens = original(conf(name, 'forwarding'), state, changes) === '0'
    const ours = current === '2' && recordOf(changes, path)?.written === '2'
    return ours || (current === '1' && listens) ? [{ path, value: '2' }] : []
  })
}

/** The switches, in the order of writing: forwarding before force_forwarding, which a write of all.forwarding would reset. */
export function forwardingSettings(
  lans: readonly string[],
  overlays: readonly string[],
  state: KernelState,
  changes: Changes,
): Setting[] {
  const links = [...lans, ...overlays]
  const all = forwardingMode(state, changes) === 'all'
  const wanted = [
    // Without its own switch a LAN's neighbour advertisements lack the router flag, and hosts drop routes through it.
    ...(all ? links : lans).map(link => ({ path: conf(link, 'forwarding'), value: '1' })),
    ...(all ? [{ path: conf('all', 'forwarding'), value: '1' }] : []),
    ...links.map(link => ({ path: conf(link, 'force_forwarding'), value: '1' })),
  ]
  return wanted.filter(({ path }) => state.sysctls.has(path))
}
