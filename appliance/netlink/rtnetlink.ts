/**
 * The real kernel: rtnetlink and sysctl files of the network namespace that the process is in. Dumps are narrowed by the kernel
 * where it can, and events by a look at their fixed header, so that a full routing table and its churn cost nothing.
 */
import { sleep, turn } from '../base/clock.ts'
import { KernelError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { decodeAddress, encodeAddress, encodeAddressDump, encodeAddressRemoval } from './address-message.ts'
import { FlagsNew, MulticastGroups, type NetlinkMessage, RtType } from './codec.ts'
import {
  type Address,
  type Kernel,
  type KernelEvent,
  type KernelState,
  type Link,
  mark,
  type Program,
  type ProgramSource,
  type Route,
  type Step,
} from './kernel.ts'
import { decodeLink, encodeAllMulticast, encodeLinkDump } from './link-message.ts'
import {
  decodeFound,
  decodeNeighbour,
  encodeNeighbour,
  encodeNeighbourDump,
  encodeNeighbourRemoval,
  isKept,
  neighbourKey,
} from './neighbour-message.ts'
import { dumpPrograms, listDirect } from './program-dump.ts'
import { encodeFilter, encodeFilterRemoval, encodeHook } from './program-message.ts'
import { formatStep } from './reconcile-text.ts'
import { decodeRoute, encodeRoute, encodeRouteDump, isOurs, ownTable } from './route-message.ts'
import { decodeRule, encodeRule, encodeRuleDump } from './rule-message.ts'
import { EventSocket, listSysctls, RequestSocket, readSysctl, writeSysctl } from './transport.ts'

/** What is read of each interface. Where this kernel lacks one, it is absent. */
const sysctls = {
  'ipv6/conf': [
    'disable_ipv6',
    'accept_ra',
    'forwarding',
    'force_forwarding', // kernel 6.17
    'accept_redirects',
    'accept_ra_rt_info_max_plen',
    'ignore_routes_with_linkdown',
  ],
  'ipv6/neigh': ['app_solicit', 'ucast_solicit', 'mcast_solicit', 'mcast_resolicit'],
} as const

const lookEvery = 250 // milliseconds; a few system calls

const groups = [
  MulticastGroups.LINK,
  MulticastGroups.IPV6_IFADDR,
  MulticastGroups.IPV6_ROUTE,
  MulticastGroups.IPV6_RULE,
  MulticastGroups.IPV6_NETCONF,
  MulticastGroups.TC,
]

/** Opens the kernel's configuration of this namespace; `programs` are those that can be put on links. Throws a KernelError. */
export async function openKernel(log: Log, programs: ProgramSource): Promise<Kernel & Disposable> {
  return new RtnetlinkKernel(log, programs)
}

class RtnetlinkKernel implements Kernel, Disposable {
  readonly #log: Log
  readonly #programs: ProgramSource
  readonly #requests: RequestSocket
  readonly #listeners = new Set<(event: KernelEvent) => void>()
  readonly #neighbours = new Set<string>() // those that we made: the only ones whose end is news
  #links: readonly Link[] = [] // of the last dump, for names in errors
  #events: EventSocket | undefined
  #ended = new AbortController()
  #standing = '' // the programs that stand directly, as of the last dump
  #told: KernelEvent['kind'] | undefined

  constructor(log: Log, programs: ProgramSource) {
    this.#log = log
    this.#programs = programs
    this.#requests = new RequestSocket(log)
  }

  async state(): Promise<KernelState> {
    const dump = async <T>(what: string, type: number, body: Uint8Array, decode: (body: Buffer) => T | undefined) => {
      const messages = await this.#requests.dump(type, body, { op: 'dump', target: what })
      return messages.flatMap(({ data }) => decode(data) ?? [])
    }
    const links = await dump('links', RtType.GETLINK, encodeLinkDump(), decodeLink)
    this.#links = links
    const addresses = await dump('addresses', RtType.GETADDR, encodeAddressDump(), decodeAddress)
    const own = await dump('routes', RtType.GETROUTE, encodeRouteDump({ table: ownTable }), decodeRoute).catch(noTable)
    const marked = await dump('routes', RtType.GETROUTE, encodeRouteDump({ protocol: mark }), decodeRoute)
    const rules = await dump('rules', RtType.GETRULE, encodeRuleDump(), decodeRule)
    const entries = await dump('neighbours', RtType.GETNEIGH, encodeNeighbourDump(), body => body)
    const neighbours = entries.flatMap(entry => decodeNeighbour(entry) ?? [])
    const found = entries.flatMap(entry => decodeFound(entry) ?? [])
    const routes = [
      ...own.filter(route => route.table === ownTable), // an old kernel doesn't narrow its dump
      ...marked.filter(route => route.table !== ownTable && route.protocol === mark),
    ]
    const { programs, hooks } = await dumpPrograms(this.#requests, links, this.#programs.direct)
    this.#standing = textOf(programs)
    return {
      links,
      addresses,
      routes,
      rules,
      neighbours,
      found,
      programs,
      direct: this.#programs.direct !== undefined,
      hooks,
      sysctls: await readSysctls(),
    }
  }

  async apply(step: Step): Promise<void> {
    switch (step.op) {
      case 'add-address':
        return this.#change(step, RtType.NEWADDR, create, encodeAddress(step.address)).catch(error =>
          this.#unlessThere(error, step.address),
        )
      case 'remove-address':
        return this.#change(step, RtType.DELADDR, 0, encodeAddressRemoval(step.address), gone)
      case 'replace-route':
        return this.#change(step, RtType.NEWROUTE, replace, encodeRoute(step.route))
      case 'remove-route':
        return this.#change(step, RtType.DELROUTE, 0, encodeRoute(step.route), gone)
      case 'add-rule':
        return this.#change(step, RtType.NEWRULE, create, encodeRule(step.rule), ['EEXIST'])
      case 'remove-rule':
        return this.#change(step, RtType.DELRULE, 0, encodeRule(step.rule), gone)
      case 'replace-neighbour':
        this.#watchNeighbour(keyOf(step.neighbour))
        return this.#change(step, RtType.NEWNEIGH, replace, encodeNeighbour(step.neighbour))
      case 'remove-neighbour':
        this.#neighbours.delete(keyOf(step.neighbour))
        return this.#change(step, RtType.DELNEIGH, 0, encodeNeighbourRemoval(step.neighbour), gone)
      case 'set-all-multicast':
        return this.#change(step, RtType.NEWLINK, 0, encodeAllMulticast(step.link, step.on), step.on ? [] : gone)
      case 'attach-program':
        return this.#attach(step)
      case 'detach-program': {
        const { link, point, way, id } = step.program
        if (way === 'direct') return this.#programs.direct?.detach(link, point, id)
        return this.#change(step, RtType.DELTFILTER, 0, encodeFilterRemoval(step.program), [...gone, 'EINVAL']) // no hook
      }
      case 'remove-hook':
        return this.#change(step, RtType.DELQDISC, 0, encodeHook(step.link), [...gone, 'EINVAL'])
      case 'write-sysctl':
        return writeSysctl(step.path, step.value)
      default:
        throw step satisfies never
    }
  }

  watch(listener: (event: KernelEvent) => void): Disposable {
    this.#listeners.add(listener)
    if (!this.#events) {
      this.#events = new EventSocket(
        this.#log,
        message => this.#hear(message),
        () => this.#tell('overflow'),
      )
      for (const group of groups) this.#events.join(group)
      if (this.#neighbours.size > 0) this.#events.join(MulticastGroups.NEIGH)
      this.#ended = new AbortController()
      void this.#lookAtPrograms(this.#ended.signal)
    }
    return {
      [Symbol.dispose]: () => {
        this.#listeners.delete(listener)
        if (this.#listeners.size > 0) return
        this.#events?.[Symbol.dispose]()
        this.#events = undefined
        this.#ended.abort()
      },
    }
  }

  [Symbol.dispose](): void {
    this.#listeners.clear()
    this.#ended.abort()
    this.#events?.[Symbol.dispose]()
    this.#events = undefined
    this.#requests[Symbol.dispose]()
  }

  async #change(
    step: Step,
    type: number,
    flags: number,
    body: Uint8Array,
    fine: readonly string[] = [],
  ): Promise<void> {
    try {
      await this.#requests.change(type, flags, body, { op: step.op, target: targetOf(step, this.#links) })
    } catch (error) {
      if (!(error instanceof KernelError && fine.includes(error.errno))) throw error
    }
  }

  /** A program in place of an earlier one of ours, so that no frame passes between the two. */
  async #attach(step: Extract<Step, { readonly op: 'attach-program' | 'detach-program' }>): Promise<void> {
    const { link, point, way, id } = step.program
    const program = this.#programs.find(id)
    if (!program) throw new KernelError(step.op, targetOf(step, this.#links), 'ENOENT')
    if (way === 'direct') {
      await this.#programs.direct?.attach(link, point, program.fd)
      return
    }
    await this.#change(step, RtType.NEWQDISC, create, encodeHook(link), ['EEXIST'])
    await this.#change(step, RtType.NEWTFILTER, replace, encodeFilter(step.program, program.fd))
  }

  /** EEXIST is no error where the very address is there; one of another length under the same link is. */
  async #unlessThere(error: unknown, wanted: Pick<Address, 'link' | 'address' | 'length'>): Promise<void> {
    if (!(error instanceof KernelError) || error.errno !== 'EEXIST') throw error
    const messages = await this.#requests.dump(RtType.GETADDR, encodeAddressDump(), { op: 'dump', target: 'addresses' })
    const same = messages.some(({ data }) => {
      const address = decodeAddress(data)
      return address?.link === wanted.link && address.address === wanted.address && address.length === wanted.length
    })
    if (!same) throw error
  }

  /** The kernel's own neighbours change all the time: the group is joined only when there is one of ours to guard. */
  #watchNeighbour(key: string): void {
    this.#neighbours.add(key)
    this.#events?.join(MulticastGroups.NEIGH)
  }

  /** The kernel tells nobody of programs that stand directly on links: they are looked for. */
  async #lookAtPrograms(signal: AbortSignal): Promise<void> {
    const { direct } = this.#programs
    while (direct && !signal.aborted) {
      await sleep(lookEvery, signal)
      try {
        const programs = this.#links.flatMap(({ index }) => listDirect(index, direct))
        if (!signal.aborted && textOf(programs) !== this.#standing) this.#tell('changed')
      } catch (error) {
        this.#log.debug({ err: error }, 'could not look at the programs on links')
      }
    }
  }

  #hear({ type, data }: NetlinkMessage): void {
    switch (type) {
      case RtType.NEWROUTE:
      case RtType.DELROUTE:
        if (isOurs(data)) this.#tell('changed')
        break
      case RtType.NEWNEIGH:
      case RtType.DELNEIGH: {
        const key = neighbourKey(data)
        if (isKept(data) || (key && this.#neighbours.has(keyOf(key)))) this.#tell('changed')
        break
      }
      default:
        this.#tell('changed')
    }
  }

  /** One event for all that was read in one turn of the event loop. */
  #tell(kind: KernelEvent['kind']): void {
    if (this.#told === undefined) queueMicrotask(() => this.#flush())
    if (this.#told !== 'overflow') this.#told = kind
  }

  #flush(): void {
    const kind = this.#told
    this.#told = undefined
    if (kind === undefined) return
    for (const listener of this.#listeners) {
      try {
        listener({ kind })
      } catch (error) {
        this.#log.error({ err: error }, 'a listener of kernel events failed')
      }
    }
  }
}

const textOf = (programs: readonly Program[]): string =>
  programs.flatMap(({ link, point, way, id }) => (way === 'direct' ? `${link} ${point} ${id}` : [])).join()

const create = FlagsNew.CREATE | FlagsNew.EXCL
const replace = FlagsNew.CREATE | FlagsNew.REPLACE
const gone = ['EADDRNOTAVAIL', 'ENOENT', 'ESRCH', 'ENODEV'] // it, or its link

const keyOf = ({ link, address }: { link: number; address: bigint }) => `${link} ${address}`

/** With strict checking a dump of a table that nobody has used yet is refused. */
function noTable(error: unknown): Route[] {
  if (error instanceof KernelError && error.errno === 'ENOENT') return []
  throw error
}

/** An interface in each turn of the event loop: there may be many, and clients are answered meanwhile. */
async function readSysctls(): Promise<Map<string, string>> {
  const values = new Map<string, string>()
  for (const [folder, keys] of Object.entries(sysctls))
    for (const name of listSysctls(folder)) {
      for (const key of keys) {
        const path = `${folder}/${name}/${key}`
        const value = readSysctl(path)
        if (value !== undefined) values.set(path, value)
      }
      await turn()
    }
  return values
}

/** What a step is about, for its error: the words of formatStep after its own verb. */
function targetOf(step: Step, links: readonly Link[]): string {
  return formatStep(step, links).replace(/^\S+ \S+ /, '')
}
