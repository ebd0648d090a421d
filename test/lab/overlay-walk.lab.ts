import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatIp6 } from '../../appliance/base/ip6.ts'
import type { OverlayState } from '../../appliance/overlay/overlay.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { allWell, type Facts, memberOf, statusOf, values, wordFor } from '../unit/overlay/facts.ts'
import type { Plug } from './lab.ts'
import { network, type Site, TwoSites } from './sites.ts'
import { Zerotier } from './zerotier.ts'

const networkId = parseNetworkId(network)
const foreignMac = '02:00:00:00:00:01'

type Seen = (word: OverlayState) => Promise<unknown>

/** The overlay of a router, with the facts of the unit tests made real: a service in its namespace, and an interface. */
class RealWorld implements AsyncDisposable {
  readonly #site: Site
  readonly zerotier: Zerotier
  facts: Facts = allWell
  #plug: Plug | undefined
  #link = 'zt0' // its name now
  #made = 0

  private constructor(site: Site) {
    this.#site = site
    this.zerotier = new Zerotier(site)
  }

  static async create(site: Site): Promise<RealWorld> {
    const world = new RealWorld(site)
    world.#tell()
    await world.zerotier.start()
    await world.#makeLink()
    return world
  }

  get sitePrefix() {
    return siteOf(networkId, parseNodeAddress(this.facts.node))
  }

  async become(facts: Facts): Promise<void> {
    const before = this.facts
    if (before.service !== facts.service) await this.#mendService(before.service)
    this.facts = facts
    this.#tell()
    if (before.service !== facts.service) await this.#breakService(facts.service)
    if (before.link !== facts.link || before.node !== facts.node) {
      await this.#mendLink(before.link)
      await this.#breakLink(facts.link)
    }
  }

  /** `seen` resolves when the daemon has this state. */
  async restart(seen: Seen): Promise<void> {
    await this.#site.router.ip('link', 'delete', 'zt0')
    await this.#comeBack(seen)
  }

  /** ZeroTier makes no other before it is restarted. */
  async loseInterface(seen: Seen): Promise<void> {
    await this.#site.router.ip('link', 'delete', 'zt0')
    await seen('no-interface')
    await this.#comeBack(seen)
  }

  /** ZeroTier 1.16 answers before it has its networks, and for a moment tells of none. */
  async #comeBack(seen: Seen): Promise<void> {
    await this.zerotier.stop()
    await seen('no-service')
    this.zerotier.answers(statusOf(this.facts), undefined, true)
    await this.zerotier.start()
    await seen('no-interface')
    await this.#makeLink()
    this.#tell()
  }

  /** The interface is there as soon as it has joined; its addresses come when the controller lets it in. */
  async leaveAndJoin(seen: Seen): Promise<void> {
    this.zerotier.answers(statusOf(this.facts), undefined, false)
    await this.#site.router.ip('link', 'delete', 'zt0')
    await seen('not-joined')
    const { facts } = this
    await this.#makeLink()
    for (const membership of ['REQUESTING_CONFIGURATION', 'ACCESS_DENIED'] as const) {
      const modes = membership === 'ACCESS_DENIED' ? 'neither' : facts.modes
      this.zerotier.answers(statusOf(facts), memberOf({ ...facts, membership, modes }, networkId, 'zt0'))
      await seen(wordFor({ ...facts, membership }))
    }
    this.#tell()
  }

  #tell(): void {
    const { facts } = this
    if (facts.service === 'not installed') return
    if (facts.service === 'answers garbage') this.zerotier.answerGarbage()
    else this.zerotier.answers(statusOf(facts), memberOf(facts, networkId, 'zt0'), facts.membership !== 'left')
  }

  async #breakService(service: Facts['service']): Promise<void> {
    const { home } = this.zerotier
    if (service === 'not installed') renameSync(home, `${home}.away`)
    if (service === 'not started') await this.zerotier.stop()
    if (service === 'died') await this.zerotier.die()
    if (service === 'refuses the token') writeFileSync(join(home, 'authtoken.secret'), 'another')
    if (service === 'has no token') rmSync(join(home, 'authtoken.secret'))
  }

  async #mendService(service: Facts['service']): Promise<void> {
    const { home } = this.zerotier
    if (service === 'not installed') renameSync(`${home}.away`, home)
    if (service === 'runs' || service === 'not installed' || service === 'answers garbage') return
    await this.zerotier.stop()
    await this.zerotier.start()
  }

  async #breakLink(link: Facts['link']): Promise<void> {
    const { router } = this.#site
    const set = (...settings: readonly string[]) => router.ip('link', 'set', this.#link, ...settings)
    if (link === 'is missing' || link === 'is not made yet') await router.ip('link', 'delete', this.#link)
    if (link === 'has MTU 1500') await set('mtu', '1500')
    if (link === 'has no address') await router.run('ip', '-6', 'address', 'flush', 'dev', 'zt0', 'scope', 'global')
    if (link === 'has IPv6 off') await this.#switchIpv6(false)
    if (link === 'has a foreign MAC') await set('address', foreignMac)
    if (link === 'is down') await set('down')
    if (link === 'has no carrier') await this.#plug!.pull()
    if (link === 'has a new name') await this.#rename('site0')
  }

  async #mendLink(link: Facts['link']): Promise<void> {
    const { router } = this.#site
    if (link === 'is missing' || link === 'is not made yet') return await this.#makeLink()
    if (link === 'has a new name') await this.#rename('zt0')
    if (link === 'has no carrier') await this.#plug!.putBack()
    if (link === 'has IPv6 off') await this.#switchIpv6(true)
    const { address, mac } = this.sitePrefix
    await router.ip('link', 'set', 'zt0', 'mtu', '2800', 'address', mac, 'up')
    await router.run('ip', '-6', 'address', 'flush', 'dev', 'zt0', 'scope', 'global')
    await router.ip('address', 'add', `${formatIp6(address)}/40`, 'dev', 'zt0')
  }

  async #switchIpv6(on: boolean): Promise<void> {
    await this.#site.router.run('sysctl', '-qw', `net.ipv6.conf.zt0.disable_ipv6=${on ? 0 : 1}`)
  }

  async #makeLink(): Promise<void> {
    const { address, mac } = this.sitePrefix
    const version = this.#made++ % 2 === 0 ? '1.16' : '1.6'
    this.#plug = await this.zerotier.makeInterface({ address: formatIp6(address), mac, version })
  }

  /** Older kernels rename no link that is up. */
  async #rename(name: string): Promise<void> {
    await this.#site.router.ip('link', 'set', this.#link, 'down')
    await this.#site.router.ip('link', 'set', this.#link, 'name', name)
    await this.#site.router.ip('link', 'set', name, 'up')
    this.#link = name
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.zerotier[Symbol.asyncDispose]()
  }
}

const events = ['restart', 'loseInterface', 'leaveAndJoin', 'restart'] as const
type Step = readonly [keyof Facts, string] | (typeof events)[number]

/**
 * Every value of every fact, and every event, in an order that the seed gives. Most facts are good again before the next one changes, so
 * that what lies behind them is seen; some last. At an event all is well.
 */
function walk(seed: number): Step[] {
  let state = seed
  const dice = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31 // the generator of C's rand()
    return state / 2 ** 31
  }
  const changes = Object.entries(values).flatMap(([key, each]) =>
    each.map(value => [key as keyof Facts, value] as const),
  )
  const order = [...changes, ...events].map(step => ({ step, at: dice() })).sort((a, b) => a.at - b.at)
  return order.flatMap(({ step }): Step[] =>
    typeof step !== 'string' && dice() < 0.7 ? [step, [step[0], values[step[0]][0]]] : [step],
  )
}

const lackIn = (reasons: readonly string[]) => reasons.some(reason => reason.includes("lacks this node's address"))

test('a real interface and the real daemon: in any order each state has its word, and in the end the site is served as before', async () => {
  // SEED=… plays one again that failed.
  const seed = Number(process.env['SEED'] ?? Date.now() % 2 ** 31)
  await using sites = await TwoSites.create({ overlay: false })
  await using world = await RealWorld.create(sites.a)
  await using daemon = sites.a.start({ configuration: world.zerotier.configuration })
  await daemon.serving()
  const steps: string[] = [`seed ${seed}`]
  const settles = (word: string) =>
    daemon.hasStatus(
      ({ overlay: { state, node }, reasons }) =>
        state === word &&
        (word !== 'ok' || (node === world.facts.node && lackIn(reasons) === (world.facts.link === 'has no address'))),
      `to find the overlay ${word} after: ${steps.join(', ')}`,
    )
  // Asks at once, as `systemctl reload siteplane` does.
  const seen: Seen = word => {
    daemon.reload()
    return settles(word)
  }
  const mend = async () => {
    await world.become(allWell)
    await seen('ok')
  }
  for (const step of walk(seed)) {
    steps.push(String(step))
    if (typeof step === 'string') {
      await mend()
      await world[step](seen)
      await seen('ok')
      continue
    }
    const [key, value] = step
    await world.become({ ...world.facts, [key]: value })
    if (key !== 'link') daemon.reload() // of links the kernel tells
    await settles(wordFor(world.facts))
  }
  await mend()
  const { overlay } = await daemon.serving()
  expect(overlay).toMatchObject({ node: allWell.node, interface: 'zt0', reason: null })
  expect(daemon.program.lines.filter(line => /"level":"(error|fatal)"/.test(line))).toEqual([])
})
