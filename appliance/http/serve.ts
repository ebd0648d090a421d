import { lstatSync } from 'node:fs'
import type { Server } from 'node:http'
import { isIPv6 } from 'node:net'
import { aborted, sleep } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Part } from '../base/part.ts'
import type { View } from './api.ts'
import type { Access } from './app.ts'
import { loadToken } from './token.ts'
import { listenUnix } from './unix.ts'

const retry = 5_000 // milliseconds until an address that was taken, or not there yet, is tried again, and the socket's file looked for
const maxConnections = 64

export interface HttpOptions {
  readonly listen: { readonly host: string; readonly port: number } | 'off'
  readonly socket: string
  readonly stateDirectory: string // of the token, where one is needed
  readonly view: View
  readonly log: Log
  readonly retry?: number // milliseconds
}

/** The API on TCP and on a Unix socket. Each stands for itself: where one can't be had, the other serves, and `reasons` says why. */
export class HttpServer implements Part {
  readonly name = 'http'
  readonly #options: HttpOptions
  readonly #reasons = new Map<string, string>()
  #port: number | undefined

  constructor(options: HttpOptions) {
    this.#options = options
  }

  /** A sentence for each address that can't be listened on; empty when all is well. */
  reasons(): readonly string[] {
    return [...this.#reasons.values()]
  }

  /** The TCP port that is listened on, once it is. */
  get port(): number | undefined {
    return this.#port
  }

  async run(signal: AbortSignal, ready: () => void): Promise<void> {
    const { listen, socket } = this.#options
    const doors = [this.#keep(`unix:${socket}`, signal, () => this.#openUnix(socket), socket)]
    if (listen !== 'off') {
      doors.push(this.#keep(address(listen), signal, () => this.#openTcp(listen)))
    }
    await Promise.all(doors.map(({ tried }) => tried))
    ready()
    await Promise.all(doors.map(({ ended }) => ended))
  }

  /** Opens one address, again and again until it succeeds, and closes it when the signal aborts. One whose `file` is deleted is opened anew. */
  #keep(
    where: string,
    signal: AbortSignal,
    open: () => Promise<Server>,
    file?: string,
  ): { tried: Promise<void>; ended: Promise<void> } {
    const { promise: tried, resolve: settle } = Promise.withResolvers<void>()
    const keep = async () => {
      while (!signal.aborted) {
        try {
          const server = await open()
          this.#reasons.delete(where)
          this.#options.log.info({ where }, 'the API listens')
          settle()
          await this.#serve(server, where, signal, file)
        } catch (error) {
          const reason = refusal(where, error)
          if (this.#reasons.get(where) !== reason) this.#options.log.warn({ where, reason }, 'the API does not listen')
          this.#reasons.set(where, reason)
          settle()
          await sleep(this.#options.retry ?? retry, signal)
        }
      }
    }
    return { tried, ended: keep().finally(settle) }
  }

  /** Resolves when the server is closed: the signal has aborted, or the file of its socket is gone. Rejects when the server fails. */
  async #serve(server: Server, where: string, signal: AbortSignal, file: string | undefined): Promise<void> {
    const end = new AbortController()
    const either = AbortSignal.any([signal, end.signal])
    const ended = closed(server, either)
    try {
      await Promise.race([ended, file === undefined ? aborted(either) : this.#deleted(file, where, either)])
    } finally {
      end.abort()
    }
    await ended
  }

  /** Resolves when nothing stands at the path any more. What someone else puts there is his: closing our socket would delete it. */
  async #deleted(file: string, where: string, signal: AbortSignal): Promise<void> {
    const ours = lstatSync(file, { bigint: true, throwIfNoEntry: false })
    for (;;) {
      await sleep(this.#options.retry ?? retry, signal)
      const there = lstatSync(file, { bigint: true, throwIfNoEntry: false })
      if (signal.aborted || !there || !ours) return
      if (there.ino !== ours.ino)
        this.#reasons.set(
          where,
          `the API can't be reached by ${where}: what stands there is not a socket of ours: remove it`,
        )
    }
  }

  async #openUnix(path: string): Promise<Server> {
    const server = await this.#server({ kind: 'socket' })
    await listenUnix(server, path)
    return server
  }

  async #openTcp({ host, port }: { host: string; port: number }): Promise<Server> {
    const token = () => loadToken(this.#options.stateDirectory)
    const access: Access = isLoopback(host) ? { kind: 'loopback', token } : { kind: 'token', token: token() }
    const server = await this.#server(access)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    const bound = server.address()
    this.#port = typeof bound === 'object' ? bound?.port : undefined
    return server
  }

  /** What it takes is loaded here: no host waits for it when the daemon starts. */
  async #server(access: Access): Promise<Server> {
    const [{ createAdaptorServer }, { createApp }] = await Promise.all([
      import('@hono/node-server'),
      import('./app.ts'),
    ])
    const { view, log } = this.#options
    const serverOptions = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000 }
    const server = createAdaptorServer({ fetch: createApp(view, access, log).fetch, serverOptions }) as Server
    server.maxConnections = maxConnections
    return server
  }
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.')

const address = ({ host, port }: { host: string; port: number }) =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`

function refusal(where: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `the API can't have ${where}: another program listens there (http.listen names another place)`
    case 'EADDRNOTAVAIL':
      return `the API waits for ${where}: no interface has this address yet`
    case 'EACCES':
      return `the API can't have ${where}: this user may not listen there`
    default:
      return `the API can't have ${where}: ${messageOf(error)}`
  }
}

/** Resolves when the signal has aborted and the server, with all its connections, is closed. Rejects when the server fails. */
function closed(server: Server, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const close = () => {
      server.close(() => resolve())
      server.closeAllConnections()
    }
    server.on('error', error => {
      server.close()
      reject(error)
    })
    if (signal.aborted) close()
    else signal.addEventListener('abort', close, { once: true })
  })
}
