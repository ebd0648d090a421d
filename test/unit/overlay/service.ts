import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { recordedMember, recordedStatus } from './facts.ts'

/** The local API of ZeroTier on a port of its own, with a home in a temporary folder. */
export class FakeService implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), 'siteplane-zerotier-'))
  readonly asked: string[] = []
  status: unknown = recordedStatus
  member: unknown = recordedMember // undefined: not joined
  /** What it becomes when asked to join; undefined where no interface can be made. */
  joining: unknown = { ...recordedMember, status: 'REQUESTING_CONFIGURATION', assignedAddresses: [] }
  /** What it becomes in turn, each time that it was told. */
  readonly next: unknown[] = []
  /** Takes an answer over: to garble it, delay it, or never give it. */
  instead: ((response: ServerResponse) => void) | undefined
  readonly #server = createServer((request, response) => {
    this.asked.push(request.method === 'GET' ? request.url! : `${request.method} ${request.url}`)
    if (this.instead) return this.instead(response)
    if (request.headers['x-zt1-auth'] !== 'a-token') return void response.writeHead(401).end('{}')
    const body = request.method === 'POST' ? this.#join() : this.#body(request.url!)
    response.writeHead(body === undefined ? 404 : 200, { 'Content-Type': 'application/json' })
    response.end(body === undefined ? '' : JSON.stringify(body))
  })

  static async start(): Promise<FakeService> {
    const service = new FakeService()
    await service.listen()
    service.write('authtoken.secret', 'a-token')
    return service
  }

  async listen(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    this.writePort()
  }

  writePort(): void {
    this.write('zerotier-one.port', String((this.#server.address() as AddressInfo).port))
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.home, file), text)
  }

  /** Whether ZeroTier joins the network when it starts. */
  remember(joined: boolean, home = this.home): void {
    mkdirSync(join(home, 'networks.d'), { recursive: true })
    const file = join(home, 'networks.d', '610252ad3bc0ffee.conf')
    if (joined) writeFileSync(file, '\n')
    else rmSync(file, { force: true })
  }

  remove(file: string): void {
    rmSync(join(this.home, file))
  }

  async stop(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.home, { recursive: true })
  }

  /** ZeroTier 1.14 without /dev/net/tun remembers the network, answers with an empty object, and tells of no network afterwards. */
  #join(): unknown {
    this.remember(true)
    this.member ??= this.joining
    return this.member ?? {}
  }

  #body(url: string): unknown {
    return url === '/status' ? this.status : this.#member(url)
  }

  #member(url: string): unknown {
    if (url !== '/network/610252ad3bc0ffee') return undefined
    const told = this.member
    if (told !== undefined && this.next.length > 0) this.member = this.next.shift()
    return told
  }
}
