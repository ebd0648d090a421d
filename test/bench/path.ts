/**
 * The way of a packet from a host of one site to the overlay, on one core:
 *
 *   host ── LAN ── router ── overlay ── sink
 *
 * The host sends small packets as fast as that core can (generator.bpf.c); each is forwarded in the same softirq before the next
 * ones are made, so that nothing is lost for want of a queue. The sink counts and drops them, and answers every solicitation.
 */
import { fileURLToPath } from 'node:url'
import { formatIp6 } from '../../appliance/base/ip6.ts'
import type { Mac } from '../../appliance/base/mac.ts'
import { type Site, siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import type { Host } from '../lab/host.ts'
import { Lab } from '../lab/lab.ts'
import type { Attachment, AttachTimes } from './attach.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const built = `${root}build/bench/`
const attaching = `${root}test/bench/attach.ts`
const alone = ['taskset', '-c', '0', 'chrt', '--fifo', '1'] // one core, which nobody else gets meanwhile

export const network = '8056c2e21c000001'
export const node = '11aa22bb33'
export const site: Site = siteOf(parseNetworkId(network), parseNodeAddress(node))
export const networkPrefix = `${formatIp6(site.networkPrefix.address)}/40`

export const macs = {
  host: '02:00:00:00:00:0a' as Mac,
  lan: '02:00:00:00:00:01' as Mac,
  sink: '02:00:00:00:00:03' as Mac,
}

export interface Traffic {
  readonly destinations: number
  readonly sites: number
}

/** What came of a while of sending. */
export interface Flow {
  readonly sent: number
  readonly delivered: number
  readonly nanoseconds: number // of one packet sent, from the host to the sink
}

export class Path implements AsyncDisposable {
  readonly lab: Lab
  readonly host: Host
  readonly router: Host
  readonly sink: Host

  private constructor(lab: Lab, host: Host, router: Host, sink: Host) {
    this.lab = lab
    this.host = host
    this.router = router
    this.sink = sink
  }

  static async create(): Promise<Path> {
    const lab = await Lab.create()
    try {
      const path = new Path(lab, await lab.host('host'), await lab.host('router'), await lab.host('sink'))
      await path.#build()
      return path
    } catch (error) {
      await lab[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Sends for so many milliseconds. */
  async send({ destinations, sites }: Traffic, milliseconds: number): Promise<Flow> {
    const addresses = [
      macs.host,
      macs.lan,
      formatIp6(site.address).replace(/:1$/, ':a'),
      formatIp6(site.networkPrefix.address),
    ]
    const numbers = [destinations, sites, milliseconds].map(String)
    const argv = [`${built}generator`, `${built}generator.bpf.o`, 'eth0', ...addresses, ...numbers]
    const before = await this.#delivered()
    const { sent, timed, nanoseconds } = JSON.parse(await this.host.run(...alone, ...argv)) as Sent
    return { sent, delivered: (await this.#delivered()) - before, nanoseconds: nanoseconds / timed }
  }

  /** Puts programs on the router's links; a second time they stand beside the first. */
  async attach(attachment: Attachment): Promise<AttachTimes> {
    const argv = [process.execPath, '--no-warnings', attaching, JSON.stringify(attachment)]
    return JSON.parse(await this.router.run(...argv)) as AttachTimes
  }

  /** Neighbour entries on the overlay. */
  async neighbours(): Promise<number> {
    return (await this.router.ip('-6', 'neigh', 'show', 'dev', 'zt0', 'nud', 'all')).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]()
  }

  async #build(): Promise<void> {
    const { lab, host, router, sink } = this
    await lab.cable({ host, link: 'eth0', mac: macs.host }, { host: router, link: 'lan0', mac: macs.lan })
    await lab.cable({ host: router, link: 'zt0', mac: site.mac }, { host: sink, link: 'eth0', mac: macs.sink }, 2800)
    await host.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    await sink.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
    await router.run('sysctl', '-qw', 'net.ipv6.conf.all.accept_dad=0', 'net.ipv6.conf.default.accept_dad=0')
    for (const link of ['lan0', 'zt0']) await router.run('sysctl', '-qw', `net.ipv6.conf.${link}.accept_dad=0`)
    await router.run('ethtool', '-K', 'lan0', 'gro', 'on') // a veth takes what XDP sends only where it polls
    await sink.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'clsact')
    await sink.run(
      'tc',
      'filter',
      'add',
      'dev',
      'eth0',
      'ingress',
      'bpf',
      'da',
      'obj',
      `${built}sink.bpf.o`,
      'sec',
      'tc',
    )
    for (const [each, link] of [
      [host, 'eth0'],
      [router, 'lan0'],
      [router, 'zt0'],
      [sink, 'eth0'],
    ] as const)
      await each.setUp(link)
  }

  async #delivered(): Promise<number> {
    const qdiscs = JSON.parse(await this.sink.run('tc', '-s', '-json', 'qdisc', 'show', 'dev', 'eth0')) as Qdisc[]
    return qdiscs.find(({ kind }) => kind === 'clsact')!.drops
  }
}

interface Sent {
  readonly sent: number
  readonly timed: number // packets
  readonly nanoseconds: number // of those
}

interface Qdisc {
  readonly kind: string
  readonly drops: number
}
