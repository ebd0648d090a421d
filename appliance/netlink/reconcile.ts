/**
 * The difference between what the kernel should hold and what it holds, as steps: first everything new, then away with what is
 * no longer wanted. Only what carries our mark, or stands among our changes, is ever removed or reset.
 */
import { equalPrefix, formatIp6, type Prefix } from '../base/ip6.ts'
import type { Desired } from './desired.ts'
import { conf, isForwarding, isOpening, recordOf, type Setting } from './forwarding.ts'
import type { Changes, SysctlRecord } from './journal.ts'
import { type Address, type KernelState, mark, type Neighbour, type Route, type Rule, type Step } from './kernel.ts'
import { reconcilePrograms } from './reconcile-programs.ts'

export interface Reconciliation {
  readonly steps: readonly Step[]
  readonly moves: readonly Step[] // none of which a packet notices: after the steps, and each only after the one before
  readonly changes: Changes // to be on disk before the first step
}

/** What to do. The same call again, after steps and moves were applied and the kernel was dumped anew, returns none. */
export function reconcile(desired: Desired, state: KernelState, before: Changes): Reconciliation {
  const known = settle(before, state)
  const addresses = reconcileAddresses(desired, state, known)
  const neighbours = reconcileNeighbours(desired, state, known)
  const multicast = reconcileAllMulticast(desired, state, known)
  const programs = reconcilePrograms(desired, state, known)
  const sysctls = reconcileSysctls(desired, state, known)
  const routes = reconcileRoutes(desired, state)
  const leaves = neighbours.remove.length > 0
  const rules = reconcileRules(desired, state)

  return {
    steps: [
      // A link's own forwarding comes before its addresses: the kernel, as seen on 6.18, counts the subnet-router anycast address twice
      // where both happen at once, and then keeps it for ever.
      ...sysctls.write.filter(step => !isOpening(step.path)),
      ...addresses.add,
      ...(leaves ? [] : programs.attach), // before anything is sent to the next hop that they know
      ...neighbours.add,
      ...routes.add,
      ...(leaves ? programs.attach : []), // after the last packet to a next hop that they may not know
      ...rules.add, // those that prohibit stand before anything is forwarded
      ...sysctls.write.filter(step => isOpening(step.path)),
      ...multicast.on,

      ...sysctls.restore.filter(step => isForwarding(step.path)), // and are the last to go
      ...rules.remove,
      ...routes.remove,
      ...neighbours.remove,
      ...programs.detach,
      ...addresses.remove,
      ...sysctls.restore.filter(step => !isForwarding(step.path)),
      ...multicast.off,
    ],
    moves: programs.moves,
    changes: {
      sysctls: sysctls.records,
      addresses: addresses.records,
      neighbours: neighbours.records,
      allMulticast: multicast.records,
      hooks: programs.hooks,
      programs: programs.records,
    },
  }
}

/** What is still in the kernel of our changes: a link that is gone has taken its own with it, a renamed one has new paths. */
export function settle(changes: Changes, state: KernelState): Changes {
  const names = new Map(state.links.map(link => [link.index, link.name]))
  const here = (row: { readonly link: number }) => names.has(row.link)
  return {
    sysctls: changes.sysctls.flatMap(record => {
      const path = record.link === undefined ? record.path : pathOnLink(record.path, names.get(record.link))
      return path !== undefined && state.sysctls.has(path) ? [{ ...record, path }] : []
    }),
    addresses: changes.addresses.filter(here),
    neighbours: changes.neighbours.filter(here),
    allMulticast: changes.allMulticast.filter(link => names.has(link)),
    hooks: changes.hooks.filter(link => names.has(link)),
    programs: changes.programs.filter(here),
  }
}

function pathOnLink(path: string, name: string | undefined): string | undefined {
  const [family, area, , key] = path.split('/')
  return name === undefined ? undefined : `${family}/${area}/${name}/${key}`
}

function reconcileAddresses(desired: Desired, state: KernelState, known: Changes) {
  const key = (a: Pick<Address, 'link' | 'address' | 'length'>) => `${a.link} ${formatIp6(a.address)}/${a.length}`
  const wanted = new Set(desired.addresses.map(key))
  const actual = new Map(state.addresses.map(a => [key(a), a]))
  const recorded = new Set(known.addresses.map(key))
  const isOurs = (a: Address) => a.protocol === mark || (a.protocol === 0 && recorded.has(key(a)))

  const missing = desired.addresses.filter(a => !actual.has(key(a)))
  const gone = state.addresses.filter(a => isOurs(a) && !wanted.has(key(a)))
  const kept = known.addresses.filter(a => wanted.has(key(a)) || actual.has(key(a)))
  return {
    add: missing.map(({ link, address, length }): Step => ({ op: 'add-address', address: { link, address, length } })),
    remove: gone.map(
      ({ link, address, length }): Step => ({ op: 'remove-address', address: { link, address, length } }),
    ),
    records: [...kept, ...missing.filter(a => !recorded.has(key(a)))],
  }
}

function reconcileNeighbours(desired: Desired, state: KernelState, known: Changes) {
  const key = (n: Pick<Neighbour, 'link' | 'address'>) => `${n.link} ${formatIp6(n.address)}`
  const wanted = new Set(desired.neighbours.map(key))
  const actual = new Map(state.neighbours.map(n => [key(n), n]))
  const recorded = new Set(known.neighbours.map(key))

  const missing = desired.neighbours.filter(n => {
    const there = actual.get(key(n))
    return there?.mac !== n.mac || there.permanent !== n.permanent
  })
  const gone = state.neighbours.filter(n => recorded.has(key(n)) && !wanted.has(key(n)))
  const kept = known.neighbours.filter(n => wanted.has(key(n)) || actual.has(key(n)))
  return {
    add: missing.map((neighbour): Step => ({ op: 'replace-neighbour', neighbour })),
    remove: gone.map((neighbour): Step => ({ op: 'remove-neighbour', neighbour })),
    records: [...kept, ...missing.filter(n => !recorded.has(key(n))).map(({ link, address }) => ({ link, address }))],
  }
}

function reconcileAllMulticast(desired: Desired, state: KernelState, known: Changes) {
  const isOn = new Map(state.links.map(link => [link.index, link.allMulticast]))
  const wanted = new Set(desired.allMulticast)
  const missing = desired.allMulticast.filter(link => isOn.get(link) === false)
  const records = new Set([...known.allMulticast.filter(link => wanted.has(link) || isOn.get(link)), ...missing])
  const gone = known.allMulticast.filter(link => !wanted.has(link) && isOn.get(link))
  const step = (on: boolean) => (link: number) => ({ op: 'set-all-multicast', link, on }) satisfies Step
  return { on: missing.map(step(true)), off: gone.map(step(false)), records: [...records] }
}

/** The place of a route in its table: two routes of one destination and metric are one, or siblings. */
const slot = ({ table, destination: { address, length }, metric }: Route) => `${table} ${address}/${length} ${metric}`

/** Of two routes that hold the same place. */
function sameRoute(a: Route, b: Route): boolean {
  return a.kind === b.kind && a.link === b.link && a.via === b.via
}

function reconcileRoutes(desired: Desired, state: KernelState) {
  const holders = bySlot(state.routes)
  const wanted = bySlot(desired.routes)
  const missing = desired.routes.filter(route => {
    const there = holders(route)
    // A replacement would take a stranger's route away; foreignHolders tells of it instead.
    return !there.some(other => sameRoute(other, route)) && there.every(other => other.protocol === mark)
  })
  const replacements = bySlot(missing)
  const gone = state.routes.filter(
    route =>
      route.protocol === mark &&
      !wanted(route).some(other => sameRoute(other, route)) &&
      replacements(route).length === 0, // else it is replaced in place
  )
  return {
    add: missing.map((route): Step => ({ op: 'replace-route', route })),
    remove: gone.map((route): Step => ({ op: 'remove-route', route })),
  }
}

/** Desired routes whose place in the table a route of someone else holds. */
export function foreignHolders(desired: Desired, state: KernelState): readonly Route[] {
  const holders = bySlot(state.routes)
  return desired.routes.filter(route => {
    const there = holders(route)
    return there.some(other => other.protocol !== mark) && !there.some(other => sameRoute(other, route))
  })
}

/** Which of the routes hold the place of another; there may be thousands of delegated prefixes. */
function bySlot(routes: readonly Route[]): (route: Route) => readonly Route[] {
  const grouped = Map.groupBy(routes, slot)
  return route => grouped.get(slot(route)) ?? []
}

const sameSelector = (a: Prefix | undefined, b: Prefix | undefined) => (a && b ? equalPrefix(a, b) : a === b)

function sameRule(a: Rule, b: Rule): boolean {
  return (
    a.priority === b.priority &&
    a.inputLink === b.inputLink &&
    sameSelector(a.destination, b.destination) &&
    sameSelector(a.source, b.source) &&
    (a.action.kind === 'lookup' && b.action.kind === 'lookup'
      ? a.action.table === b.action.table && a.action.suppressPrefixLength === b.action.suppressPrefixLength
      : a.action.kind === b.action.kind)
  )
}

/** A rule of someone else that says the same isn't ours: the kernel keeps both apart by their protocol. */
function reconcileRules(desired: Desired, state: KernelState) {
  const ours = state.rules.filter(rule => rule.protocol === mark)
  const missing = desired.rules.filter(rule => !ours.some(other => sameRule(other, rule)))
  const gone = ours.filter(rule => !desired.rules.some(wanted => sameRule(wanted, rule)))
  return {
    add: missing.map((rule): Step => ({ op: 'add-rule', rule })),
    remove: gone.map((rule): Step => ({ op: 'remove-rule', rule })),
  }
}

type Write = Extract<Step, { readonly op: 'write-sysctl' }>

function reconcileSysctls(desired: Desired, state: KernelState, known: Changes) {
  const wanted = new Map(desired.sysctls.map(setting => [setting.path, setting.value]))
  const write = desired.sysctls.filter(({ path, value }) => state.sysctls.get(path) !== value)
  const allForwarding = conf('all', 'forwarding')
  const all = recordOf(known, allForwarding)
  const allIsOurs = wanted.has(allForwarding) || (all && state.sysctls.get(allForwarding) === all.written)
  const restored: Setting[] = []
  const kept = known.sysctls.filter(record => {
    if (wanted.has(record.path)) return true
    if (record.collateral && allIsOurs) return true // undone after all.forwarding, which changes it once more
    const current = state.sysctls.get(record.path)
    // What someone else has written since is theirs. Collateral changes with all.forwarding, so it says nothing.
    if (current === record.original || (!isOurValue(record, current) && !record.collateral)) return false
    if (record.path.endsWith('/forwarding') && routesByOthers(state, known)) return false
    restored.unshift({ path: record.path, value: record.original })
    return true
  })
  return {
    write: write.map(writeStep),
    restore: orderOfRestoring(restored, allForwarding).map(writeStep),
    records: recordWrites(kept, write, state, allForwarding),
  }
}

const isOurValue = ({ written, overwrote }: SysctlRecord, value: string | undefined): boolean =>
  value === written || (overwrote !== undefined && value === overwrote)

/** Someone made the whole machine a router while we ran, and with it every interface. */
function routesByOthers(state: KernelState, known: Changes): boolean {
  const path = conf('all', 'forwarding')
  return state.sysctls.get(path) === '1' && recordOf(known, path) === undefined
}

const writeStep = ({ path, value }: Setting): Write => ({ op: 'write-sysctl', path, value })

/**
 * all.forwarding alone first, since it changes every other; then the other switches; accept_ra and the rest only when those
 * are done, or a default route would go with them. What waits comes with the next dump.
 */
function orderOfRestoring(restored: readonly Setting[], allForwarding: string): readonly Setting[] {
  const all = restored.filter(({ path }) => path === allForwarding)
  if (all.length > 0) return all
  const switches = restored.filter(({ path }) => isForwarding(path))
  return switches.length > 0 ? switches : restored
}

function recordWrites(
  kept: readonly SysctlRecord[],
  write: readonly Setting[],
  state: KernelState,
  allForwarding: string,
): readonly SysctlRecord[] {
  const records = new Map(kept.map(record => [record.path, record]))
  const indexes = new Map(state.links.map(link => [link.name, link.index]))
  const record = (path: string, written: string, collateral: boolean) => {
    const current = state.sysctls.get(path)!
    const known = records.get(path)
    const overwrote = known && current !== written && isOurValue(known, current) ? { overwrote: current } : {}
    const original = known?.original ?? current
    records.set(path, { path, link: indexes.get(path.split('/')[2]!), original, written, ...overwrote, collateral })
  }
  if (write.some(({ path }) => path === allForwarding)) {
    for (const path of state.sysctls.keys()) if (path.endsWith('/forwarding')) record(path, '1', path !== allForwarding)
  }
  for (const { path, value } of write) record(path, value, records.get(path)?.collateral ?? false)
  return [...records.values()]
}
