import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Host } from './host.ts'
import { type Exit, type Program, run } from './program.ts'
import { Hopeless, until } from './until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const node = join(root, 'node_modules/.bin/node')
const source = join(root, 'appliance/main.ts')

/** The part of `/v1/status` that the lab reads. */
export interface Status {
  readonly version: string
  readonly state: 'serving' | 'waiting' | 'degraded'
  readonly reasons: readonly string[]
  readonly overlay: {
    readonly kind: 'zerotier' | 'static'
    readonly network: string
    readonly node?: string
    readonly interface?: string
    readonly state: string
    readonly networkPrefix?: string
    readonly sitePrefix?: string
  }
  readonly lan: readonly {
    readonly interface: string
    readonly state: 'serving' | 'waiting' | 'off'
    readonly prefix?: string
    readonly routerAddress?: string
    readonly activeLeases: number
    readonly otherRouters: readonly unknown[]
    readonly counters: Readonly<Record<string, number>>
  }[]
  readonly fastPath: {
    readonly mode: string
    readonly reason?: string
    readonly drops: Readonly<Record<string, number>>
    readonly counters: Readonly<Record<string, number>>
  }
}

/** A row of `/v1/sites`. */
export interface SiteRow {
  readonly node: string
  readonly inPackets: number
  readonly outPackets: number
  readonly drops: number
  readonly lastSeen: string | null
}

/** A row of `/v1/leases`. */
export interface LeaseRow {
  readonly duid: string
  readonly iaid: number
  readonly type: 'IA_NA' | 'IA_PD' | 'IPv4' | 'SLAAC'
  readonly prefixLength: number
  readonly address: string
  readonly network: string | null
  readonly interface: string
  readonly linkLayerAddress: string
  readonly hostname?: string | null
  readonly preferredUntil: string
  readonly validUntil: string
  readonly state: 'bound' | 'expired' | 'released' | 'declined' | 'registered' | 'translated'
  readonly changedAt: string
}

/** A status that did not come. The message says what was awaited and why not; `detail` has the whole status and log. */
class DaemonError extends Error {
  override readonly name = 'DaemonError'
  readonly detail: string

  constructor(what: string, last: Status | undefined, log: string, options: ErrorOptions) {
    super(`${what}: ${last ? `${last.state}, ${last.reasons.join('; ')}` : 'it has no status'}`, options)
    this.detail = `${JSON.stringify(last, undefined, 2)}\n${log}`
  }
}

export interface DaemonOptions {
  /** The text of siteplane.yaml; the lab adds its own folders where it doesn't name them. */
  readonly configuration: string
  /** A command that runs it, such as setpriv with less than everything. */
  readonly under?: readonly string[]
  /** The file of its code, where that isn't the one in appliance/. */
  readonly main?: string
}

/** The real daemon on a computer of the lab. Its files outlive it, so that a second one on the same host goes on where it ended. */
export class Daemon implements AsyncDisposable {
  readonly host: Host
  readonly program: Program
  readonly socket: string
  readonly configurationFile: string

  constructor(host: Host, { configuration, under = [], main = source }: DaemonOptions) {
    this.host = host
    this.socket = join(host.folder, 'run/api.sock')
    this.configurationFile = join(host.folder, 'siteplane.yaml')
    mkdirSync(join(host.folder, 'run'), { recursive: true })
    mkdirSync(join(host.folder, 'state'), { recursive: true })
    this.configure(configuration)
    this.program = host.spawn([...under, node, main, 'run', '--config', this.configurationFile])
  }

  /** Writes the configuration file; a running daemon reads it at its next reload. */
  configure(configuration: string): void {
    writeFileSync(this.configurationFile, withFolders(configuration, this.host.folder, this.socket))
  }

  /** Waits until the API says `serving`. Rejects with the log where that does not happen. */
  async serving(timeout = 30_000): Promise<Status> {
    return await this.hasStatus(status => status.state === 'serving', 'to serve', timeout)
  }

  /** Waits for a status; `what` ends the sentence "waited for the daemon on a …". */
  async hasStatus(wanted: (status: Status) => boolean, what: string, timeout = 30_000): Promise<Status> {
    let last: Status | undefined
    try {
      return await until(
        async () => {
          if (this.program.exit) throw new Hopeless(`the daemon on ${this.host.name} has ended`)
          last = await this.status()
          return wanted(last) ? last : undefined
        },
        `the daemon on ${this.host.name} ${what}`,
        timeout,
      )
    } catch (error) {
      throw new DaemonError((error as Error).message, last, this.log, { cause: error })
    }
  }

  async status(): Promise<Status> {
    return (await this.get('/v1/status')) as Status
  }

  async leases(): Promise<readonly LeaseRow[]> {
    return ((await this.get('/v1/leases')) as { leases: readonly LeaseRow[] }).leases
  }

  async sites(): Promise<readonly SiteRow[]> {
    return ((await this.get('/v1/sites')) as { sites: readonly SiteRow[] }).sites
  }

  /** A GET over the Unix socket; rejects where the answer isn't 200. */
  get(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ask = request({ socketPath: this.socket, path, timeout: 2_000 }, response => {
        let text = ''
        response.setEncoding('utf8').on('data', part => {
          text += part
        })
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`GET ${path}: ${response.statusCode} ${text}`))
        })
      })
      ask.on('timeout', () => ask.destroy(new Error(`GET ${path}: no answer`)))
      ask.on('error', reject)
      ask.end()
    })
  }

  /** The command line, run beside this daemon. Rejects where its status isn't 0. */
  cli(...args: readonly string[]): Promise<string> {
    return this.host.run(node, source, ...args, '--socket', this.socket)
  }

  reload(): void {
    this.program.signal('SIGHUP')
  }

  /** SIGTERM: it takes its kernel state with it. */
  stop(): Promise<Exit> {
    return this.program.stop('SIGTERM', 10_000)
  }

  /** SIGUSR2: it leaves its kernel state to the next one. */
  handOver(): Promise<Exit> {
    return this.program.stop('SIGUSR2', 10_000)
  }

  kill(): Promise<Exit> {
    return this.program.stop('SIGKILL')
  }

  get log(): string {
    return this.program.output
  }

  /** Resident memory in bytes. */
  async memory(): Promise<number> {
    const status = await run('cat', `/proc/${this.program.pid}/status`)
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

/** A command line of siteplane on a host, whatever its status: for the sentences that it refuses with. */
export async function siteplane(host: Host, ...args: readonly string[]): Promise<Exit & { readonly output: string }> {
  await using program = host.spawn([node, source, ...args])
  const exit = await program.exited
  return { ...exit, output: program.output }
}

function withFolders(configuration: string, folder: string, socket: string): string {
  const rest: string[] = []
  if (!/^stateDirectory:/m.test(configuration)) rest.push(`stateDirectory: ${join(folder, 'state')}`)
  if (!/^http:/m.test(configuration)) rest.push(`http: { socket: ${socket} }`)
  return `${configuration.trimEnd()}\n${rest.join('\n')}\n`
}
