/** The rules that say which table routes a packet, and which packets go nowhere. */
import type { Prefix } from '../base/ip6.ts'
import { forwardedNothing, linksToShut, priorities } from './forwarding.ts'
import { isRouter, type KnownIntent, linksOf, table } from './intent.ts'
import type { Changes } from './journal.ts'
import { type KernelState, mark, type Rule } from './kernel.ts'

const mainTable = 254 // RT_TABLE_MAIN, rtnetlink(7)

/** `inner` are links with a prefix of a site that are no LANs. */
export function rules(
  intents: readonly KnownIntent[],
  inner: readonly string[],
  state: KernelState,
  changes: Changes,
): Rule[] {
  const overlays = intents.flatMap(({ overlay }) => overlay?.link ?? [])
  const hosts = [...new Set(intents.flatMap(({ lans }) => lans.map(lan => lan.link))), ...inner]
  const shut = intents.some(isRouter) ? linksToShut(new Set([...hosts, ...overlays]), state, changes) : []
  return [
    ...between(intents),
    // Before the /40 is looked up: what comes in by the WAN has no business on LANs and overlay either.
    ...shut.map(link => prohibit(priorities.others, link)),
    // What an operator or Docker routes inside our /80 by a longer prefix wins over table 80.
    ...intents.map(({ site: { sitePrefix } }) =>
      lookup(priorities.site, sitePrefix, {
        kind: 'lookup',
        table: mainTable,
        suppressPrefixLength: sitePrefix.length,
      }),
    ),
    ...intents.flatMap(prefixesOf).map(prefix => lookup(priorities.network, prefix, { kind: 'lookup', table })),
    ...overlays.map(link => prohibit(priorities.overlay, link)),
    ...hosts.filter(link => forwardedNothing(link, state, changes)).map(link => prohibit(priorities.lan, link)),
  ]
}

/** What goes by our table. */
const prefixesOf = ({ site, local = [] }: KnownIntent): Prefix[] => [
  site.networkPrefix,
  ...local.map(({ prefix }) => prefix),
]

/**
 * Two networks are two circles of people: what comes in by the links of one goes nowhere in the other. On a LAN of both, where a
 * packet may go is told by its source.
 */
function between(intents: readonly KnownIntent[]): Rule[] {
  const members = new Map<string, Set<KnownIntent>>()
  for (const intent of intents)
    for (const link of [...linksOf(intent), ...intent.routes.map(each => each.link)])
      members.set(link, (members.get(link) ?? new Set()).add(intent))
  return [...members].flatMap(([link, within]) =>
    intents.flatMap(to => {
      const sources = [...within].filter(from => from !== to).flatMap(prefixesOf)
      return prefixesOf(to).flatMap(prefix =>
        within.has(to)
          ? sources.map(source => prohibit(priorities.between, link, prefix, source))
          : [prohibit(priorities.between, link, prefix)],
      )
    }),
  )
}

const lookup = (priority: number, destination: Prefix, action: Rule['action']): Rule => ({
  priority,
  destination,
  inputLink: undefined,
  action,
  protocol: mark,
})

const prohibit = (priority: number, inputLink: string, destination?: Prefix, source?: Prefix): Rule => ({
  priority,
  ...(source && { source }),
  destination,
  inputLink,
  action: { kind: 'prohibit' },
  protocol: mark,
})
