import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Counters } from '../../appliance/dhcp/counters.ts'
import type { Clone, OtherServer } from '../../appliance/dhcp/lan-server.ts'
import type { LeaseRow } from '../../appliance/dhcp/leases.ts'
import type { ServerSettings } from './dhcp-server.ts'
import type { Host } from './host.ts'
import { NdpLan, plug, siteText } from './ndp-lan.ts'
import type { Program } from './program.ts'
import { until } from './until.ts'

/** What the server says about itself; addresses are text here. */
export interface ServerStatus {
  readonly status: number
  readonly counters: Counters
  readonly active: number
  readonly others: readonly (Omit<OtherServer, 'linkLocal'> & {
    linkLocal: string
    consequence: string
    mayWin: boolean
  })[]
  readonly clones: readonly (Omit<Clone, 'address'> & { address: string })[]
  readonly reasons: readonly string[]
  readonly notices: readonly string[]
  readonly leases: readonly (Omit<LeaseRow, 'address'> & { address: string })[]
  readonly memory: number // octets
}

/** Short enough that a test sees a renewal, long enough for the clients that put a floor under T1. */
export const lifetimes = { preferred: 40, valid: 60, t1: 4, t2: 20 }

/**
 * One LAN with the router's advertisements and its DHCPv6 server.
 *
 *   host ── eth0 ═══ switch ═══ lan0 ── router
 */
export class DhcpLan implements AsyncDisposable {
  readonly lan: NdpLan
  readonly #advertise: boolean

  private constructor(lan: NdpLan, advertise: boolean) {
    this.lan = lan
    this.#advertise = advertise
  }

  static async create({ advertise = true } = {}): Promise<DhcpLan> {
    const lan = await NdpLan.create()
    try {
      const made = new DhcpLan(lan, advertise)
      const router = siteText.replace('::/80', '::1/80')
      await lan.router.ip('-6', 'address', 'add', router, 'dev', 'lan0', 'nodad')
      if (made.#advertise) await lan.start({ responder: false })
      return made
    } catch (error) {
      await lan[Symbol.asyncDispose]()
      throw error
    }
  }

  get router(): Host {
    return this.lan.router
  }

  /** A host with a card on the LAN, its link-local address ready. */
  async host(name: string, mac: string): Promise<Host> {
    const host = await this.lan.lab.host(name)
    await plug(this.lan.lan, host, 'eth0', mac)
    return host
  }

  /** Starts the server; again after it ended, with the state it left. */
  async serve(settings: Partial<ServerSettings> = {}, under: readonly string[] = []): Promise<Server> {
    const server = new Server(this.router, settings, under)
    await server.program.says(/"ready":true/)
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lan[Symbol.asyncDispose]()
  }
}

export class Server implements AsyncDisposable {
  readonly program: Program
  readonly #path: string
  #settings: ServerSettings

  /** `under`: a command that runs it. */
  constructor(host: Host, settings: Partial<ServerSettings>, under: readonly string[] = []) {
    this.#path = join(host.folder, 'server.json')
    this.#settings = {
      interface: 'lan0',
      site: siteText,
      stateDirectory: host.folder,
      preference: 255,
      lifetimes,
      dns: [],
      probe: false,
      ...settings,
    }
    this.#write()
    const program = new URL('dhcp-server.ts', import.meta.url).pathname
    this.program = host.spawn([...under, process.execPath, program, this.#path])
  }

  change(settings: Partial<ServerSettings>): void {
    this.#settings = { ...this.#settings, ...settings }
    this.#write()
    this.program.signal('SIGHUP')
  }

  async status(): Promise<ServerStatus> {
    const all = () => this.program.lines.filter(line => line.startsWith('{"status"'))
    const before = all().length
    this.program.signal('SIGUSR1')
    return await until(() => {
      const line = all()[before]
      return line !== undefined && (JSON.parse(line) as ServerStatus) // not whole yet: an error, and another look
    }, 'the status of the server')
  }

  /** The crash that every lease must outlive. */
  async kill(): Promise<void> {
    await this.program.stop('SIGKILL')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.stop('SIGKILL')
  }

  #write(): void {
    writeFileSync(this.#path, JSON.stringify(this.#settings))
  }
}
