import { renameSync } from 'node:fs'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import type { LinkView } from '../../../appliance/overlay/overlay.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { allWell, type Facts, memberOf, statusOf } from './facts.ts'
import { FakeService } from './service.ts'

export const network = parseNetworkId('610252ad3bc0ffee')

/** A node that is as the facts say: the local API answers in the form of recorded bodies, and there are its links. */
export class World implements AsyncDisposable {
  readonly #service: FakeService
  readonly home: string
  facts = allWell

  private constructor(service: FakeService) {
    this.#service = service
    this.home = service.home
  }

  static async create(): Promise<World> {
    const world = new World(await FakeService.start())
    await world.become(allWell)
    return world
  }

  async become(facts: Facts): Promise<void> {
    const before = this.facts
    this.facts = facts
    const { service } = facts
    if (before.service !== service) {
      await this.#end(before.service)
      await this.#begin(service)
    }
    this.#service.status = statusOf(facts)
    this.#service.member = memberOf(facts, network, 'ztzq4zeuwv')
    this.#service.remember(facts.membership !== 'left', service === 'not installed' ? `${this.home}.away` : this.home)
  }

  get links(): LinkView[] {
    const other: LinkView = {
      name: 'eth0',
      index: 2,
      mac: parseMac('02:00:00:00:00:07'),
      up: true,
      carrier: true,
      mtu: 1500,
    }
    const { mac, address } = this.#site
    const good = { up: true, carrier: true, mtu: 2800, ipv6: true, addresses: [parseIp6('fe80::1'), address] }
    const right = { name: 'ztzq4zeuwv', index: 7, mac, ...good }
    switch (this.facts.link) {
      case 'is missing':
      case 'is not made yet':
        return [other]
      case 'is right':
        return [other, right]
      case 'has MTU 1500':
        return [other, { ...right, mtu: 1500 }]
      case 'has no address':
        return [other, { ...right, addresses: [parseIp6('fe80::1')] }]
      case 'has IPv6 off':
        return [other, { ...right, ipv6: false, addresses: [] }]
      case 'has a new name':
        return [other, { ...right, name: 'site0' }]
      case 'has a foreign MAC':
        return [other, { ...right, mac: parseMac('02:00:00:00:00:01') }]
      case 'is down':
        return [other, { ...right, up: false, carrier: false }]
      case 'has no carrier':
        return [other, { ...right, carrier: false }]
      default:
        return this.facts.link satisfies never
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.facts.service !== 'died') await this.#end(this.facts.service)
    await this.#service[Symbol.asyncDispose]()
  }

  get #site() {
    return siteOf(network, parseNodeAddress(this.facts.node))
  }

  async #begin(service: Facts['service']): Promise<void> {
    const fake = this.#service
    if (service === 'not installed') renameSync(this.home, `${this.home}.away`)
    if (service === 'not started') fake.remove('zerotier-one.port')
    if (service === 'died') await fake.stop()
    if (service === 'answers garbage') fake.instead = response => void response.end('<html>')
    if (service === 'refuses the token') fake.write('authtoken.secret', 'another')
    if (service === 'has no token') fake.remove('authtoken.secret')
  }

  /** All is well with the service again. */
  async #end(service: Facts['service']): Promise<void> {
    const fake = this.#service
    if (service === 'not installed') renameSync(`${this.home}.away`, this.home)
    if (service === 'not started') fake.writePort()
    if (service === 'died') await fake.listen()
    if (service === 'answers garbage') fake.instead = undefined
    if (service === 'refuses the token' || service === 'has no token') fake.write('authtoken.secret', 'a-token')
  }
}
