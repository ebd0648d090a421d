/**
 * The fast path of this process: its programs, made when they are first wanted, what they have counted, and which hosts they know.
 * The kernel's reconciler puts them on links.
 */
import { turn } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Ip6 } from '../base/ip6.ts'
import type { Log } from '../base/log.ts'
import type { Change } from '../dhcp/binding.ts'
import { directHook, Programs } from '../fastpath/attach.ts'
import { type FastPathPlan, planFastPath, type Wanted } from '../fastpath/plan.ts'
import {
  type Member,
  type ReasonCounts,
  readMembers,
  readReasons,
  readSites,
  readTraffic,
  type SiteTraffic,
  type TrafficCounts,
} from '../fastpath/sites.ts'
import type { KernelState, ProgramSource } from '../netlink/kernel.ts'
import { Rates, type TrafficRates } from './rates.ts'

const hostMask = (1n << 48n) - 1n
const atOnce = 4_096 // leases: some 3 ms of the kernel's time
const mostUnderWay = 256 // hosts of other sites when the mode changes or we start; a quarter of the kernel's neighbour table
const gathering = 200 // milliseconds: a new host is known by its probe for duplicates long before

export class FastPath implements ProgramSource, Disposable {
  readonly #log: Log
  readonly #rates = new Rates()
  readonly direct = directHook()
  #programs: Programs | undefined
  #full = false // more leases than it has room for
  #mode: FastPathPlan['mode'] | undefined // of the last plan
  #refusal: Error | undefined // why BPF can't be had here
  #leases: Leases = { room: 0, leasedHosts: () => {} }
  #timer: NodeJS.Timeout | undefined
  #found: readonly Ip6[] = [] // the kernel's neighbours, while no program of ours stands
  readonly #changed = new Map<number, boolean>() // host bits to whether it has a lease

  constructor(log: Log) {
    this.#log = log
  }

  /** Loads what all programs share, so that `plan` takes no time that grows with the leases. */
  async prepare({ mode }: Pick<Wanted, 'mode'>): Promise<void> {
    if (this.#programs || this.#refusal || mode === 'off' || mode === 'netlink') return
    let programs: Programs
    try {
      programs = this.#open()
    } catch {
      return // `plan` says why, and what works instead
    }
    for (let first = 0; first < this.#leases.room; first += atOnce) {
      const hosts: number[] = []
      this.#leases.leasedHosts(first, first + atOnce, (subnet, host) => hosts.push(hostBits(subnet, host)))
      this.#add(programs, hosts)
      await turn() // clients are answered meanwhile
      if (this.#programs !== programs) return
    }
  }

  /** The best that works here, with what to put where. */
  plan(wanted: Wanted): FastPathPlan {
    const plan = planFastPath(wanted, (instance, point) => this.#open().load(instance, point))
    if (plan.mode === 'emulate' && this.#mode !== 'emulate') this.#programs?.allowRemotes(mostUnderWay)
    this.#mode = plan.mode
    return plan
  }

  /** The configuration is read anew: what could not be had before may be there now. */
  retry(): void {
    this.#refusal = undefined
    this.#programs?.forget()
  }

  find(id: number) {
    return this.#programs?.find(id)
  }

  /** The kernel has these now; the others are let go of. */
  keep(plan: FastPathPlan): void {
    this.#programs?.keep(new Set(plan.programs.map(({ id }) => id)))
  }

  /** Whose leases they are that the programs shall know when they are loaded; `follow` tells of later ones. */
  know(leases: Leases): void {
    this.#leases = leases
  }

  /**
   * The kernel was dumped. Where no program of this process stands yet, whoever the kernel knows is known to them from the first
   * packet on: a host need not speak again because we were started again.
   */
  observe({ programs, found }: KernelState): void {
    this.#found = programs.some(({ id }) => this.find(id)) ? [] : found
    if (this.#programs) this.#hear(this.#programs)
  }

  /** Leases have changed. */
  follow(changes: readonly Change[]): void {
    if (!this.#programs) return
    for (const change of changes) {
      if (change.kind === 'quarantine' || change.binding.iaType !== 'na') continue
      const known = change.kind === 'put' && change.binding.state === 'bound'
      this.#changed.set(hostBits(change.binding.subnet, change.binding.host), known)
    }
    if (this.#changed.size > 0) this.#timer ??= setTimeout(() => this.#tell(), gathering).unref()
  }

  /** Since the programs were loaded; undefined where there are none. */
  reasons(): ReasonCounts | undefined {
    return this.#programs && readReasons(this.#programs.reasons)
  }

  traffic(): TrafficCounts | undefined {
    return this.#programs && readTraffic(this.#programs.traffic)
  }

  /** Per second, of the last few seconds; undefined where nothing is counted. */
  rates(monotonic: number): TrafficRates | undefined {
    const counts = this.traffic()
    return counts && this.#rates.at(monotonic, counts)
  }

  sites(): SiteTraffic[] {
    return this.#programs?.withSites(tables => readSites(tables, process.hrtime.bigint())) ?? []
  }

  members(): Member[] {
    return this.#programs ? readMembers(this.#programs.members, process.hrtime.bigint()) : []
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#programs?.[Symbol.dispose]()
    this.#programs = undefined
  }

  #tell(): void {
    this.#timer = undefined
    const changed = [...this.#changed]
    this.#changed.clear()
    if (!this.#programs) return
    this.#add(
      this.#programs,
      changed.filter(([, known]) => known).map(([host]) => host),
    )
    for (const [host, known] of changed) if (!known) this.#programs.removeLease(host)
  }

  #open(): Programs {
    if (this.#programs) return this.#programs
    if (this.#refusal) throw this.#refusal
    try {
      this.#programs = new Programs(this.#leases.room)
    } catch (error) {
      this.#refusal = error as Error
      throw error
    }
    this.#hear(this.#programs)
    return this.#programs
  }

  #hear(programs: Programs): void {
    programs.addHeard(this.#found.map(address => Number(address & hostMask)))
    programs.addRemote(this.#found)
    this.#found = []
  }

  #add(programs: Programs, hosts: readonly number[]): void {
    try {
      programs.addLeases(hosts)
    } catch (error) {
      // Until the next start; they are known as soon as they speak.
      if (!this.#full)
        this.#log.warn({ reason: messageOf(error) }, 'the fast path does not know all hosts with a lease')
      this.#full = true
    }
  }
}

/** The leases, by slots whose numbers are below `room`. */
interface Leases {
  readonly room: number
  leasedHosts(first: number, end: number, visit: (subnet: number | undefined, host: number) => void): void
}

/** The 48 host bits of a lease's address. */
function hostBits(subnet: number | undefined, host: number): number {
  return subnet === undefined ? host : (0x80 + subnet) * 2 ** 40 + host
}
