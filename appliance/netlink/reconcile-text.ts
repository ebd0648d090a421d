/** Kernel state and steps in the words of `ip -6` and sysctl(8), for logs, the status and tests. */
import { formatIp6, formatPrefix } from '../base/ip6.ts'
import { type Address, type KernelState, type Link, mark, nextHop, type Route, type Rule, type Step } from './kernel.ts'

export const linkName = (links: readonly Link[], index: number): string =>
  links.find(link => link.index === index)?.name ?? `link ${index}`

export const formatAddress = (a: Pick<Address, 'link' | 'address' | 'length'>, links: readonly Link[]): string =>
  `${formatIp6(a.address)}/${a.length} dev ${linkName(links, a.link)}`

export function formatRoute(route: Route, links: readonly Link[]): string {
  const words = [route.kind === 'unicast' ? '' : `${route.kind} `, formatPrefix(route.destination)]
  if (route.via !== undefined) words.push(` via ${formatIp6(route.via)}`)
  if (route.link !== undefined) words.push(` dev ${linkName(links, route.link)}`)
  return `${words.join('')} table ${route.table} proto ${route.protocol} metric ${route.metric}`
}

export function formatRule({ priority, source, destination, inputLink, action, protocol }: Rule): string {
  const words = [`${priority}:`]
  if (source) words.push(`from ${formatPrefix(source)}`)
  if (destination) words.push(`to ${formatPrefix(destination)}`)
  if (inputLink !== undefined) words.push(`iif ${inputLink}`)
  if (action.kind === 'prohibit') words.push('prohibit')
  else words.push(`lookup ${action.table}`)
  if (action.kind === 'lookup' && action.suppressPrefixLength !== undefined)
    words.push(`suppress_prefixlength ${action.suppressPrefixLength}`)
  return `${words.join(' ')} proto ${protocol}`
}

/** One step as the command that an operator would type for it. */
export function formatStep(step: Step, links: readonly Link[]): string {
  switch (step.op) {
    case 'add-address':
    case 'remove-address':
      return `address ${verbOf(step.op)} ${formatAddress(step.address, links)}`
    case 'replace-route':
    case 'remove-route':
      return `route ${verbOf(step.op)} ${formatRoute(step.route, links)}`
    case 'add-rule':
    case 'remove-rule':
      return `rule ${verbOf(step.op)} ${formatRule(step.rule)}`
    case 'replace-neighbour':
    case 'remove-neighbour': {
      const { address, link, mac } = step.neighbour
      return `neighbour ${verbOf(step.op)} ${formatIp6(address)} lladdr ${mac} dev ${linkName(links, link)}`
    }
    case 'attach-program':
    case 'detach-program': {
      const { link, point, way, id, slot } = step.program
      const place = `dev ${linkName(links, link)}`
      const on = step.op === 'attach-program'
      if (way === 'direct') return `net ${on ? 'attach' : 'detach'} tcx_${point} id ${id} ${place}`
      return `filter ${on ? 'replace' : 'delete'} ${place} ${point} pref ${mark} handle ${mark + slot} bpf id ${id}`
    }
    case 'remove-hook':
      return `qdisc delete dev ${linkName(links, step.link)} clsact`
    case 'write-sysctl':
      return `sysctl net/${step.path}=${step.value}`
    case 'set-all-multicast':
      return `link set ${linkName(links, step.link)} allmulticast ${step.on ? 'on' : 'off'}`
    default:
      throw step satisfies never
  }
}

const verbOf = (op: string): string => op.slice(0, op.indexOf('-')).replace('remove', 'delete')

/** What of the state is ours to see: marked addresses, table 80, marked rules, link flags. Sorted lines. */
export function formatOwn(state: KernelState): string[] {
  const { links } = state
  return [
    ...state.addresses.filter(a => a.protocol === mark).map(a => `addr ${formatAddress(a, links)}`),
    ...state.routes.map(route => `route ${formatRoute(route, links)}`),
    ...state.rules.filter(rule => rule.protocol === mark).map(rule => `rule ${formatRule(rule)}`),
    ...state.neighbours
      .filter(each => each.address === nextHop)
      .map(each => `neigh ${formatIp6(each.address)} lladdr ${each.mac} dev ${linkName(links, each.link)}`),
    ...programLines(state),
    ...links.filter(link => link.allMulticast).map(link => `link ${link.name} allmulticast on`),
  ].sort()
}

/** A program that moves stands on its link in both ways for a moment, and is one all the same. */
function programLines({ programs, links }: KernelState): Iterable<string> {
  const lines = programs.map(({ link, point, id }): [string, string] => [
    `${link} ${point} ${id}`,
    `program dev ${linkName(links, link)} ${point}`,
  ])
  return new Map(lines).values()
}
