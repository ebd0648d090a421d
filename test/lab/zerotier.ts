import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Plug } from './lab.ts'
import type { Program } from './program.ts'
import { network, type Site } from './sites.ts'

const service = fileURLToPath(new URL('./zerotier-service.ts', import.meta.url))
const recorded = (name: string) =>
  JSON.parse(readFileSync(new URL(`../golden/zerotier-api/${name}.json`, import.meta.url), 'utf8'))

interface Making {
  readonly address: string
  readonly mac: string
  readonly version?: '1.6' | '1.16'
}

/** The ZeroTier service of a router: recorded answers, over the lab's own flat overlay. */
export class Zerotier implements AsyncDisposable {
  readonly #site: Site
  readonly home: string
  #program: Program | undefined

  /** Knows the node's identity, and has joined nothing. */
  constructor(site: Site) {
    this.#site = site
    this.home = join(site.router.folder, 'zerotier')
    mkdirSync(this.home, { recursive: true })
    this.leave()
  }

  /** The four lines that an operator writes, and where the lab has ZeroTier's files. */
  get configuration(): string {
    return `overlay:\n  network: "${network}"\n  home: ${this.home}\nlan:\n  - interface: lan0\n`
  }

  async start(): Promise<void> {
    this.#program = this.#site.router.spawn([process.execPath, '--no-warnings', service, this.home])
    await this.#program.says(/listening/)
  }

  async stop(): Promise<void> {
    await this.#program?.stop()
  }

  leave(): void {
    this.#say({})
  }

  /** Joined, with this status at the controller, such as `OK`. Only where it is OK, the node has its 6PLANE address: none was there before. */
  join(status: string, more: Record<string, unknown> = {}): void {
    this.#say({ [network]: { ...this.#member(status), ...more } })
  }

  #member(status: string): object {
    const { place, address } = this.#site
    const assignedAddresses = status === 'OK' ? [`${address}/40`] : []
    const [member] = recorded('network')
    const own = { id: network, nwid: network, mac: place.mac, status, assignedAddresses, portDeviceName: 'zt0' }
    return { ...member, ...own }
  }

  /** What the local API says, whatever the site is, and whether the network is among those that ZeroTier joins when it starts. */
  answers(status: object, member: object | undefined, remembered = member !== undefined): void {
    this.#write(status, member ? { [network]: member } : {}, remembered)
  }

  /** Says nothing of sense from now on. */
  answerGarbage(): void {
    this.#replace({ instead: '<html>' })
  }

  /** Ends without a farewell. */
  async die(): Promise<void> {
    await this.#program?.stop('SIGKILL')
  }

  /**
   * ZeroTier makes its interface, in the order of a version and with its pauses (osdep/LinuxEthernetTap.cpp): the address comes while it
   * is down, the MTU when it is up, and the MAC before that, or in versions up to 1.6 after it.
   */
  async makeInterface({ address, mac, version = '1.16' }: Making = this.#making): Promise<Plug> {
    const { router } = this.#site
    const plug = await this.#site.plugIn(router, 'zt0', '02:00:00:00:00:02')
    const set = (...settings: readonly string[]) => router.ip('link', 'set', 'zt0', ...settings)
    await set('mtu', '1500')
    await router.ip('-6', 'address', 'add', `${address}/40`, 'dev', 'zt0')
    const settings = [['up'], ['address', mac]]
    for (const setting of version === '1.6' ? settings : settings.toReversed()) {
      await set(...setting)
      await setTimeout(100)
    }
    await set('mtu', '2800')
    return plug
  }

  get #making(): Making {
    return { address: this.#site.address, mac: this.#site.place.mac }
  }

  async removeInterface(): Promise<void> {
    await this.#site.router.run('ip', 'link', 'delete', 'zt0')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  #say(networks: Record<string, unknown>): void {
    this.#write({ ...recorded('status'), address: this.#site.node }, networks, network in networks)
  }

  #write(status: object, networks: Record<string, unknown>, remembered: boolean): void {
    const memory = join(this.home, 'networks.d', `${network}.conf`)
    mkdirSync(dirname(memory), { recursive: true })
    if (remembered) writeFileSync(memory, '\n')
    else rmSync(memory, { force: true })
    this.#replace({ status, networks, joining: { [network]: this.#member('REQUESTING_CONFIGURATION') } })
  }

  /** Whole at once: the service may read it at any moment. */
  #replace(answers: object): void {
    const file = join(this.home, 'answers.json')
    writeFileSync(`${file}.new`, JSON.stringify(answers))
    renameSync(`${file}.new`, file)
  }
}
