import { expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { formatIp6 } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { Converger } from '../../../appliance/netlink/converge.ts'
import { MemoryJournal } from '../../../appliance/netlink/journal.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'
import { formatAddress, formatRoute, formatRule, linkName } from '../../../appliance/netlink/reconcile-text.ts'
import { before66, type LinkEvent, play, scenarios, type World } from './scenario.ts'
import { type Features, links, ownLines, stateNamed } from './scenario-table.ts'

class Twin implements World {
  readonly features: Features
  readonly #kernel: MemoryKernel
  readonly #journal = new MemoryJournal()
  readonly #first: ReadonlyMap<string, string>
  #converger: Converger | undefined
  #abort = new AbortController()
  #ended = Promise.resolve()

  private constructor(kernel: MemoryKernel, first: ReadonlyMap<string, string>, features: Features) {
    this.#kernel = kernel
    this.#first = first
    this.features = features
  }

  static async create(features: Features): Promise<Twin> {
    const kernel = new MemoryKernel({ direct: features.direct, force: features.forceForwarding })
    for (const link of links) kernel.addLink(link)
    return new Twin(kernel, new Map((await kernel.state()).sysctls), features)
  }

  async start() {
    const kernel = this.#kernel
    this.#converger = new Converger({ kernel, journal: this.#journal, log: silentLog, clock: systemClock })
    this.#abort = new AbortController()
    await new Promise<void>(ready => {
      this.#ended = this.#converger!.run(this.#abort.signal, ready)
    })
  }

  async intend(name: string) {
    await this.#converger?.setIntent(stateNamed(name).intent)
  }

  async kill() {
    this.#abort.abort()
    await this.#ended
  }

  async stop() {
    await this.#converger?.withdraw()
    await this.kill()
  }

  async own() {
    return ownLines(await this.#kernel.state(), this.#first)
  }

  async take(line: string) {
    const { addresses, routes, rules, neighbours, programs, links } = await this.#kernel.state()
    const neighbour = neighbours.find(each => line.startsWith(`neigh ${formatIp6(each.address)} `))
    const program = programs.find(each => line === `program dev ${linkName(links, each.link)} ${each.point}`)
    const address = addresses.find(each => line === `addr ${formatAddress(each, links)}`)
    const route = routes.find(each => line === `route ${formatRoute(each, links)}`)
    const rule = rules.find(each => line === `rule ${formatRule(each)}`)
    const link = links.find(each => line === `link ${each.name} allmulticast on`)
    if (address) this.#kernel.edit({ op: 'remove-address', address })
    else if (route) this.#kernel.edit({ op: 'remove-route', route })
    else if (rule) this.#kernel.edit({ op: 'remove-rule', rule })
    else if (neighbour) this.#kernel.edit({ op: 'remove-neighbour', neighbour })
    else if (program) this.#kernel.edit({ op: 'detach-program', program })
    else if (link) this.#kernel.edit({ op: 'set-all-multicast', link: link.index, on: false })
    else throw new Error(`there is no ${line}`)
  }

  async sysctl(path: string, value: string) {
    this.#kernel.write(path, value)
  }

  async link(name: string, happens: LinkEvent) {
    const flags = { down: { up: false }, up: { up: true }, unplugged: { carrier: false }, plugged: { carrier: true } }
    if (happens === 'gone') this.#kernel.removeLink(name)
    else if (happens === 'back') this.#kernel.addLink(name)
    else this.#kernel.setLink(name, flags[happens])
  }

  async [Symbol.asyncDispose]() {
    await this.kill()
  }
}

test.for(scenarios)('$name', async scenario => {
  await using world = await Twin.create({ direct: true, forceForwarding: true })
  await play(scenario, world, (look, expected) => expect.poll(look, { timeout: 1000, interval: 20 }).toEqual(expected))
})

test.for(before66)('before Linux 6.6: $name', async scenario => {
  await using world = await Twin.create({ direct: false, forceForwarding: false })
  await play(scenario, world, (look, expected) => expect.poll(look, { timeout: 1000, interval: 20 }).toEqual(expected))
})
