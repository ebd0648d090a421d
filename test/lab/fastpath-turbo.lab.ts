/** Turbo: LAN packets that go to the overlay past the stack, and the rules of netfilter that would not be asked. */
import { expect, test } from 'vitest'
import type { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { type Site, TwoSites } from './sites.ts'

/** A host with an address set by hand and the route that an RA would bring. */
async function settle(host: Host, site: Site, low: bigint, network: string): Promise<string> {
  const address = site.addressAt(low)
  await host.setUp('eth0')
  await host.ip('-6', 'addr', 'add', `${address}/80`, 'dev', 'eth0', 'nodad')
  await host.ip('-6', 'route', 'add', network, 'via', site.address)
  return address
}

const counter = async (daemon: Daemon, name: string) => {
  const { fastPath } = (await daemon.get('/v1/status')) as { fastPath: { counters: Record<string, number> } }
  return fastPath.counters[name]!
}

test('turbo carries LAN packets past the stack, one hop less, and stops where netfilter has rules', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const turbo = (value: string) => a.configuration(`fastPath: { turbo: ${value} }\n`)
  await using daemon = a.start({ configuration: turbo('true') })
  await using other = b.start()
  await Promise.all([daemon.serving(), other.serving()])
  const [host, far] = [a.hosts[0], b.hosts[0]]
  await settle(host, a, 0x1001n, sites.networkPrefix)
  const target = await settle(far, b, 0x1001n, sites.networkPrefix)
  await host.reaches(target)

  const before = await counter(daemon, 'lan.redirected')
  const output = await host.run('ping', '-6', '-c', '5', '-i', '0.05', target)
  expect(output).toContain('5 received')
  expect(output).toContain('ttl=62') // two routers on the way back, as without turbo
  expect(await counter(daemon, 'lan.redirected')).toBeGreaterThanOrEqual(before + 5)

  // What is too long for the overlay needs the stack's answer: nothing is lost of it. RFC 8200 section 5.
  expect(await host.run('ping', '-6', '-c', '2', '-i', '0.05', '-s', '6000', target)).toContain('2 received')

  const nft = (rules: string) => a.router.run('nft', rules)
  await nft('table inet filter { chain forward { type filter hook forward priority 0; counter accept; }; }')
  const refused = await daemon.hasStatus(s => s.state === 'degraded', 'to refuse turbo', 15_000)
  expect(refused.reasons[0]).toBe(
    'fast path: turbo is refused: netfilter has rules for what is forwarded (inet filter forward), and turbo passes them by; fastPath.turbo: force does so all the same',
  )
  const still = await counter(daemon, 'lan.redirected')
  expect((await host.ping(target)).received).toBe(1)
  expect(await counter(daemon, 'lan.redirected')).toBe(still)

  daemon.configure(turbo('force'))
  daemon.reload()
  await daemon.serving()
  await expect
    .poll(async () => {
      await host.ping(target)
      return await counter(daemon, 'lan.redirected')
    })
    .toBeGreaterThan(still)
})
