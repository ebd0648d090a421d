/**
 * DHCPv6 on a LAN where ours is off: other servers are there on purpose, or nobody is. It only looks, and leaves port 547 to a
 * server on this machine.
 */
import { DecodeError } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { contains, type Ip6, type Prefix } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import type { Mac } from '../base/mac.ts'
import type { LanPlan } from '../plane/plan.ts'
import type { Duid } from './duid.ts'
import { served } from './other-servers.ts'
import { type Rival, ServerSearch } from './server-search.ts'
import { type FrameSocket, type LinkRef, openFrames } from './socket.ts'
import { Timers } from './timers.ts'

/** What the LAN is told about DHCPv6. */
export interface Watched {
  readonly plans: readonly LanPlan[] // in each network of the LAN
  readonly managed: boolean // our advertisements send hosts to a server
  readonly advertised: boolean // there are advertisements of ours
}

export interface LanWatchOptions {
  readonly link: LinkRef & { readonly mac: Mac }
  readonly linkLocal: Ip6
  readonly watched: Watched
  readonly duid: Duid
  /** Whether another router of the LAN sends hosts to a DHCPv6 server. */
  readonly managedElsewhere: () => boolean
  readonly clock: Clock
  readonly random: () => number
  readonly log: Log
  readonly open?: (link: LinkRef) => FrameSocket
}

const reopenAfter = 2_000

export class LanWatch {
  readonly #options: LanWatchOptions
  readonly #throttle: Throttle
  readonly #timers = new Timers()
  readonly #search: ServerSearch
  #watched: Watched
  #frames: FrameSocket | undefined
  #failure: string | undefined

  constructor(options: LanWatchOptions) {
    this.#options = options
    this.#watched = options.watched
    this.#throttle = new Throttle(options.clock)
    this.#search = new ServerSearch({
      ...options,
      describe: server => ({
        consequence: served(server, this.#prefixes, options.link.name),
        mayWin: false,
      }),
      send: frame => void this.#frames?.send([{ frame }]),
      after: (milliseconds, body) => this.#timers.after(milliseconds, body),
    })
  }

  start(): void {
    const { link, open = openFrames } = this.#options
    try {
      this.#frames = open(link)
      this.#failure = undefined
    } catch (error) {
      this.#failure = messageOf(error)
      this.#timers.after(reopenAfter, () => this.start())
      return
    }
    this.#frames.listen(
      batch => {
        for (const { frame } of batch) this.#hear(frame)
      },
      error => {
        const pass = this.#throttle.pass('socket')
        if (pass) this.#options.log.warn({ err: error, ...pass }, 'a DHCPv6 socket reported an error')
      },
    )
    this.#search.start()
  }

  update(watched: Watched): void {
    this.#watched = watched
  }

  async stop(): Promise<void> {
    this.#timers.stop()
    this.#frames?.close()
    this.#frames = undefined
  }

  /** As a server's: there are none. */
  activeLeases(): number {
    return 0
  }

  clones(): [] {
    return []
  }

  segments(): [] {
    return []
  }

  counters(): object {
    return {}
  }

  otherServers(): Rival[] {
    return this.#search.list()
  }

  /** What is wrong, as clauses. */
  reasons(): string[] {
    const { name } = this.#options.link
    return this.#failure === undefined ? [] : [`other DHCPv6 servers on ${name} can't be looked for: ${this.#failure}`]
  }

  /** What keeps hosts from an address of this site, as sentences. */
  notices(): string[] {
    const { link, managedElsewhere } = this.#options
    const { managed, advertised } = this.#watched
    const ofSite = (address: Ip6) => this.#prefixes.some(each => contains(each, address))
    const serves = this.#search.list().some(({ addresses }) => addresses.some(ofSite))
    const told = managed || managedElsewhere()
    if (serves)
      return told
        ? []
        : [
            `hosts on ${link.name} are not told of the DHCPv6 server that has addresses of this site: ${advertised ? 'advertise.managed: true' : 'no router has the managed flag set'}`,
          ]
    if (!this.#search.searched) return []
    const asked = managed ? `hosts on ${link.name} are told to ask a DHCPv6 server, but ` : ''
    return [
      `${asked}ours is off on ${link.name} and no other DHCPv6 server offers addresses of this site: hosts have one only where it is set by hand`,
    ]
  }

  get #prefixes(): readonly Prefix[] {
    return this.#watched.plans.map(({ prefix }) => prefix)
  }

  #hear(frame: Uint8Array): void {
    try {
      this.#search.hear(frame)
    } catch (error) {
      if (error instanceof DecodeError) return
      const pass = this.#throttle.pass('bug')
      if (pass) this.#options.log.error({ err: error, ...pass }, 'a DHCPv6 message found a bug')
    }
  }
}
