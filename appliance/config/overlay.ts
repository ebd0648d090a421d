/** The flat Ethernets between the sites: one, or several of which each LAN is in one or more. */
import * as z from 'zod'
import {
  formatNetworkId,
  type NetworkId,
  type NodeAddress,
  parseNetworkId,
  parseNodeAddress,
} from '../plane/sixplane.ts'
import { checkOverlay, keysOf, problem } from './rules.ts'
import { interfaceName, parsed, path } from './text.ts'

export const mostOverlays = 8 // our own: each has its programs and their tables

export const overlay = z
  .strictObject({
    kind: z
      .enum(['zerotier', 'static'])
      .default('zerotier')
      .describe('zerotier asks the local service; static is told'),
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be up to 32 small letters, digits and hyphens')
      .optional()
      .describe('what LANs call it, where there are several'),
    network: parsed(parseNetworkId).describe('the network id, 16 hex digits'),
    home: path.optional().describe('where ZeroTier keeps its files, default /var/lib/zerotier-one (zerotier only)'),
    node: parsed(parseNodeAddress).optional().describe('this node, 10 hex digits (static only)'),
    interface: interfaceName.optional().describe('the interface on the flat Ethernet (static only)'),
  })
  .superRefine(checkOverlay, { when: () => true })
  .transform(overlayOf)

interface Named {
  readonly network: NetworkId
  readonly name?: string
}

export type OverlayConfig =
  | (Named & { readonly kind: 'zerotier'; readonly home: string })
  | (Named & { readonly kind: 'static'; readonly node: NodeAddress; readonly interface: string })

interface OverlayInput {
  readonly kind: 'zerotier' | 'static'
  readonly name?: string | undefined
  readonly network: NetworkId
  readonly home?: string | undefined
  readonly node?: NodeAddress | undefined
  readonly interface?: string | undefined
}

/** Runs only where checkOverlay found nothing, so that a static overlay has its node and its interface. */
function overlayOf({ kind, network, name, home, node, interface: link }: OverlayInput): OverlayConfig {
  const named = { network, ...(name !== undefined && { name }) }
  if (kind === 'zerotier') return { kind, ...named, home: home ?? '/var/lib/zerotier-one' }
  return { kind, ...named, node: node!, interface: link! }
}

/** What LANs call an overlay. */
export const titleOf = ({ name, network }: Named): string => name ?? formatNetworkId(network)

export const isCalled = (title: unknown, { name, network }: Named): boolean =>
  title === name || title === formatNetworkId(network)

/** Of the overlays in a file, which may be anything, those that a LAN is in; all where nothing tells which. */
export function overlaysAround(
  { interface: link, relay, overlays: titles }: Record<string, unknown>,
  lans: readonly unknown[],
  overlays: readonly Record<string, unknown>[],
): readonly Record<string, unknown>[] {
  const own =
    relay === undefined ? undefined : lans.map(keysOf).find(each => !each['relay'] && each['interface'] === link)
  const here = own ? own['overlays'] : titles
  if (!Array.isArray(here)) return overlays
  const isNamed = (each: unknown): each is Named => typeof keysOf(each)['network'] === 'bigint'
  const found = overlays.filter(each => isNamed(each) && here.some(title => isCalled(title, each)))
  return found.length > 0 ? found : overlays
}

/** The networks of a LAN that checkOverlays found nothing wrong with, in the order in which it names them. */
export function networksOf(
  lan: { readonly interface: string; readonly overlays?: readonly string[] | undefined; readonly relay?: unknown },
  lans: readonly (typeof lan)[],
  overlays: readonly OverlayConfig[],
): NetworkId[] {
  const place = lan.relay ? lans.find(each => !each.relay && each.interface === lan.interface) : lan
  const titles = place?.overlays ?? [titleOf(overlays[0]!)]
  return titles.flatMap(title => overlays.find(each => isCalled(title, each))?.network ?? [])
}

/** The short form or the list; and each LAN in some of them. */
export function checkOverlays(value: unknown, context: z.core.$RefinementCtx): void {
  const { overlay: short, overlays: list, lan } = keysOf(value)
  if (typeof value !== 'object' || Array.isArray(value)) return // has a sentence of its own
  if (short === undefined && list === undefined) problem(context, ['overlay'], 'is missing')
  if (short !== undefined && list !== undefined)
    problem(context, ['overlays'], 'stands in place of overlay: write all of them here, or the one there')
  const all = (Array.isArray(list) ? list : short === undefined ? [] : [short]).map(keysOf)
  for (const key of ['name', 'network', 'interface']) {
    for (const [i, each] of all.entries()) {
      const first = all.findIndex(other => other[key] === each[key])
      if (each[key] !== undefined && first < i)
        problem(context, ['overlays', i, key], `is that of overlays[${first}] already`)
    }
  }
  if (!Array.isArray(lan) || all.some(each => typeof each['network'] !== 'bigint')) return
  const known = all as unknown as readonly Named[]
  for (const [i, entry] of lan.entries()) checkPlace(keysOf(entry), ['lan', i], known, context)
}

function checkPlace(
  { overlays, relay, slaac, interface: link }: Record<string, unknown>,
  at: (string | number)[],
  known: readonly Named[],
  context: z.core.$RefinementCtx,
): void {
  const titles = known.map(titleOf).join(', ')
  if (relay !== undefined) {
    if (overlays !== undefined)
      problem(context, [...at, 'overlays'], `has no meaning here: it is in those of the LAN on ${String(link)}`)
    return
  }
  if (overlays === undefined) {
    if (known.length > 1) problem(context, at, `needs overlays: in which of ${titles} it is, one or more`)
    return
  }
  if (!Array.isArray(overlays)) return
  const places = overlays.map(title => known.findIndex(each => isCalled(title, each)))
  for (const [i, place] of places.entries()) {
    const first = places.indexOf(place)
    if (place < 0) problem(context, [...at, 'overlays', i], `names no overlay: there is ${titles}`)
    else if (first < i) problem(context, [...at, 'overlays', i], `is that of overlays[${first}] already`)
  }
  if (slaac === true && !places.includes(0))
    problem(context, [...at, 'slaac'], `works in the first of the overlays alone, which is ${titleOf(known[0]!)}`)
}
