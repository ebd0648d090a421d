/**
 * The seam to the kernel's network configuration: what is there, in the glossary's words, and the steps that change it. The real
 * one speaks rtnetlink and writes sysctl files; the twin in memory.ts behaves alike, and the same scenarios run against both.
 */
import { type Ip6, type Prefix, parseIp6 } from '../base/ip6.ts'
import { type Mac, parseMac } from '../base/mac.ts'

export const mostSlots = 8 // as many overlays as there may be

export const mark = 80 // routes, rules and addresses of ours carry this protocol number; table 80 holds our routes

/** The stateless next hop: whatever goes there is for the owner of its destination. The MAC's first octet is no member's. */
export const nextHop = parseIp6('fe80::5')
export const placeholderMac = parseMac('00:00:5e:00:53:01')

export interface Link {
  readonly index: number
  readonly name: string
  readonly mac: Mac | undefined // undefined where the link has no Ethernet address
  readonly mtu: number
  readonly up: boolean // administratively: IFF_UP
  readonly carrier: boolean // IFF_LOWER_UP
  readonly loopback: boolean
  readonly allMulticast: boolean // IFF_ALLMULTI, set by someone for the interface as such
}

export interface Address {
  readonly link: number // index
  readonly address: Ip6
  readonly length: number
  readonly protocol: number // IFA_PROTO; 0 where nobody said, or the kernel is older than 5.18
  readonly scope: 'global' | 'link' | 'other'
  readonly tentative: boolean
  readonly dadFailed: boolean
}

export type RouteKind = 'unicast' | 'unreachable' | 'prohibit' | 'blackhole'

export interface Route {
  readonly table: number
  readonly kind: RouteKind
  readonly destination: Prefix
  readonly link: number | undefined // index of the output link; undefined for unreachable and its like
  readonly via: Ip6 | undefined
  readonly metric: number
  readonly protocol: number
}

export interface Rule {
  readonly priority: number
  readonly source?: Prefix | undefined
  readonly destination: Prefix | undefined
  readonly inputLink: string | undefined // name, as the kernel keeps it
  readonly action:
    | { readonly kind: 'lookup'; readonly table: number; readonly suppressPrefixLength?: number }
    | { readonly kind: 'prohibit' }
  readonly protocol: number
}

/** Only permanent entries and NTF_EXT_LEARNED ones are ours to see; the kernel's own come and go as they like. */
export interface Neighbour {
  readonly link: number
  readonly address: Ip6
  readonly mac: Mac
  readonly permanent: boolean
}

/** Where a classifier stands on a link: before the stack sees a frame, or after it has let one go. */
export type Point = 'ingress' | 'egress'

/** A program on a link: directly (TCX, Linux 6.6), or as a classifier of a clsact discipline. */
export interface Program {
  readonly link: number
  readonly point: Point
  readonly way: 'direct' | 'clsact'
  readonly id: number // the kernel's number for it
  readonly slot: number // of a classifier, where several of ours stand at a point: 0 to 7
}

/** The clsact discipline of a link, which carries classifiers. */
export interface Hook {
  readonly link: number
  readonly shared: boolean // someone else's classifiers stand there too
}

/** The programs that can be put on links. */
export interface ProgramSource {
  /** A loaded one, by the kernel's number for it. */
  find(id: number): { readonly fd: number } | undefined
  /** Where the kernel takes programs directly. */
  readonly direct: DirectHook | undefined
}

/** Programs straight on links. Each call throws a KernelError, or rejects with one. */
export interface DirectHook {
  /** All that stand there, in the order in which they run. */
  list(link: number, point: Point): readonly number[]
  attach(link: number, point: Point, fd: number): Promise<void>
  /** What is not there is no error. */
  detach(link: number, point: Point, id: number): Promise<void>
}

/** Sysctl paths under /proc/sys/net, such as `ipv6/conf/eth1/forwarding`, with what they hold. */
export type Sysctls = ReadonlyMap<string, string>

export interface KernelState {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly routes: readonly Route[] // IPv6, table 80 whole, and of other tables what carries our protocol
  readonly rules: readonly Rule[] // IPv6
  readonly neighbours: readonly Neighbour[]
  readonly found: readonly Ip6[] // neighbours whose MAC the kernel has found by itself
  readonly programs: readonly Program[] // of classifiers ours; of those that stand directly everybody's
  readonly direct: boolean // whether the kernel takes programs directly
  readonly hooks: readonly Hook[]
  readonly sysctls: Sysctls
}

/** One change. Adding what is there and removing what is gone are no errors. */
export type Step =
  | { readonly op: 'add-address' | 'remove-address'; readonly address: Pick<Address, 'link' | 'address' | 'length'> }
  | { readonly op: 'replace-route' | 'remove-route'; readonly route: Route }
  | { readonly op: 'add-rule' | 'remove-rule'; readonly rule: Rule }
  | { readonly op: 'replace-neighbour' | 'remove-neighbour'; readonly neighbour: Neighbour }
  | { readonly op: 'attach-program' | 'detach-program'; readonly program: Program } // with a hook for it, if need be
  | { readonly op: 'remove-hook'; readonly link: number }
  | { readonly op: 'write-sysctl'; readonly path: string; readonly value: string }
  | { readonly op: 'set-all-multicast'; readonly link: number; readonly on: boolean }

/** `changed`: something in the dump may differ. `overflow`: events were lost. Both mean: dump again. */
export type KernelEvent = { readonly kind: 'changed' } | { readonly kind: 'overflow' }

export interface Kernel {
  /** Everything, dumped anew. Throws a KernelError. */
  state(): Promise<KernelState>
  /** Throws a KernelError that names the step. */
  apply(step: Step): Promise<void>
  /** The listener hears every event until the result is disposed of. It must not throw. */
  watch(listener: (event: KernelEvent) => void): Disposable
}
