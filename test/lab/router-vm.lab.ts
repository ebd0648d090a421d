/** A router VM with an internet of its own: it keeps it, and nothing of its LAN or of the overlay gets out that way. */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Features } from '../unit/netlink/scenario-table.ts'
import type { Namespace } from './namespaces.ts'
import { RealWorld } from './reconcile-world.ts'

const usual = 'one LAN and ZeroTier'
const withoutResolver = 'two LANs' // nobody here answers the kernel, and its own question would come a second late
const internet = '2001:db8:f::1'
const ourHost = 'fc9c:56c2:e389:e930:5ee::5'
const theirHost = 'fc9c:56c2:e30a:b0c:d0e::5' // of another site
const theirPrefix = 'fc9c:56c2:e30a:b0c:d0e::/80'

/** radvd as the internet's router of a link, until it is disposed of. */
async function advertise(namespace: Namespace, options: string, route = '2001:db8:1::/64') {
  const { folder } = namespace
  const config = `interface wan0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; ${options}
    prefix ${route} { AdvAutonomous ${route.endsWith('/64') ? 'on' : 'off'}; }; };\n`
  await writeFile(join(folder, 'radvd.conf'), config)
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  const argv = ['radvd', '-n', '-m', 'stderr', '-C', join(folder, 'radvd.conf'), '-p', join(folder, 'pid')]
  const child = spawn('ip', ['netns', 'exec', namespace.name, ...argv], { stdio: 'ignore' })
  return {
    async [Symbol.asyncDispose]() {
      const ended = new Promise(resolve => child.once('close', resolve))
      if (child.exitCode === null && child.kill('SIGKILL')) await ended
    },
  }
}

interface RouteRow {
  readonly dst: string
  readonly dev: string
  readonly protocol: string
  readonly expires?: number
}

async function learned(world: RealWorld): Promise<RouteRow[]> {
  const rows = (await world.router.ip('-6', 'route', 'show', 'default')) as unknown as RouteRow[]
  return rows.filter(row => row.protocol === 'ra')
}

const links = async (world: RealWorld) => (await learned(world)).map(row => row.dev)

/** The kernel heard another advertisement: what the route has left to live went up. */
async function hearsAnother(world: RealWorld): Promise<void> {
  let least = Infinity
  const refreshed = async () => {
    const left = (await learned(world))[0]?.expires ?? 0
    least = Math.min(least, left)
    return left > least
  }
  await expect.poll(refreshed, { timeout: 8000, interval: 200 }).toBe(true)
}

describe('the default route that a router VM learned', () => {
  test.concurrent.for([
    { name: 'on its WAN', state: usual, shown: {} },
    { name: 'on its only link, which is also the LAN', state: 'one-armed', shown: {} },
    { name: 'on its WAN, on a kernel that forwards as a whole,', state: usual, shown: { forceForwarding: false } },
  ])('$name stays through start, kill, start and stop', async ({ state, shown }, { expect }) => {
    await using world = await RealWorld.create(shown)
    await using _ = await advertise(world.end('wan0'), 'AdvDefaultLifetime 60;')
    await expect.poll(() => links(world), { timeout: 8000 }).toEqual(['wan0'])
    const address = async () => await world.router.run('ip', '-6', '-o', 'addr', 'show', 'wan0', 'scope', 'global')
    await expect.poll(address, { timeout: 8000 }).toContain('2001:db8:1:')

    await world.start()
    await world.intend(state)
    expect(await links(world)).toEqual(['wan0'])
    await hearsAnother(world)

    await world.kill()
    expect(await links(world)).toEqual(['wan0'])
    await world.start()
    await world.intend(state)
    expect(await links(world)).toEqual(['wan0'])

    await world.stop()
    expect(await links(world)).toEqual(['wan0'])
    await hearsAnother(world)
    expect(await address()).toContain('2001:db8:1:')
  })
})

/** A LAN host, a member of another site and a server in the internet, each with all routes it needs to reach the others. */
async function connected(shown: Partial<Features> = {}): Promise<RealWorld> {
  const world = await RealWorld.create(shown)
  const ip = (namespace: Namespace, line: string) => namespace.run('ip', '-6', ...line.split(' '))
  const linkLocal = async (link: string) => {
    const [found] = await world.router.ip('-6', 'addr', 'show', 'dev', link, 'scope', 'link')
    return (found!['addr_info'] as { local: string }[])[0]!.local
  }
  await ip(world.end('eth1'), `addr add ${ourHost}/80 dev eth1 nodad`)
  await ip(world.end('eth1'), `route add default via ${await linkLocal('eth1')} dev eth1`)
  await ip(world.end('zt0'), `addr add ${theirHost}/40 dev zt0 nodad`)
  await ip(world.end('zt0'), `route add fc9c:56c2:e389:e930:5ee::/80 via ${await linkLocal('zt0')} dev zt0`)
  await ip(world.end('zt0'), `route add default via ${await linkLocal('zt0')} dev zt0`)
  await ip(world.end('wan0'), `addr add ${internet}/64 dev wan0 nodad`)
  await ip(world.end('wan0'), `route add default via ${await linkLocal('wan0')} dev wan0`)
  await ip(world.router, 'addr add 2001:db8:f::2/64 dev wan0 nodad')
  return world
}

/** What a ping says: whether an answer came, or which refusal. */
async function ping(from: Namespace, to: string): Promise<string> {
  const said = await from.run('sh', '-c', `LC_ALL=C ping -6 -n -c 1 -W 1 ${to} 2>&1; true`)
  if (said.includes('1 received')) return 'answered'
  return /From (\S+) icmp_seq=1 (.+)/.exec(said)?.[2] ?? 'nothing'
}

describe('a packet', () => {
  test('from the LAN or the overlay goes to LANs and overlay, and nowhere else', async () => {
    await using world = await connected()
    await world.start()
    await world.intend(withoutResolver)
    const [host, peer, server] = [world.end('eth1'), world.end('zt0'), world.end('wan0')]

    await expect.poll(() => ping(host, theirHost), { timeout: 5000 }).toBe('answered')
    expect(await ping(peer, ourHost)).toBe('answered')
    expect(await ping(world.router, internet)).toBe('answered')

    const refused = 'Destination unreachable: Administratively prohibited'
    expect(await ping(host, internet)).toBe(refused)
    expect(await ping(peer, internet)).toBe(refused)
    expect(await ping(peer, '2001:db8:99::1')).toBe(refused)
    expect(await ping(server, ourHost)).not.toBe('answered') // the WAN itself forwards nothing

    // Unassigned parts of our own /80 and LANs that are down go nowhere, least of all to the overlay.
    expect(await ping(peer, 'fc9c:56c2:e389:e930:5ee:8000::1')).toBe('Destination unreachable: No route')
    await world.link('eth1', 'unplugged')
    await expect.poll(() => ping(peer, ourHost), { timeout: 3000 }).toBe('Destination unreachable: No route')
  })

  test('from elsewhere goes nowhere on a kernel that forwards as a whole or not at all, and the router keeps its own', async () => {
    await using world = await connected({ forceForwarding: false })
    const server = world.end('wan0')
    await server.run('ip', '-6', 'route', 'add', 'fc9c:56c2:e300::/40', 'via', '2001:db8:f::2')
    await world.start()
    await world.intend(withoutResolver)
    const [host, peer] = [world.end('eth1'), world.end('zt0')]
    expect(await world.router.run('cat', '/proc/sys/net/ipv6/conf/all/forwarding')).toBe('1\n')

    await expect.poll(() => ping(host, theirHost), { timeout: 5000 }).toBe('answered')
    expect(await ping(peer, ourHost)).toBe('answered')
    expect(await ping(world.router, internet)).toBe('answered')
    expect(await ping(server, '2001:db8:f::2')).toBe('answered')
    expect(await ping(server, 'fc9c:56c2:e389:e930:5ee::1')).toBe('answered') // the router itself

    const refused = 'Destination unreachable: Administratively prohibited'
    for (const to of [ourHost, theirHost, '2001:db8:99::1']) expect(await ping(server, to)).toBe(refused)
    expect(await ping(host, internet)).toBe(refused)
    expect(await ping(peer, internet)).toBe(refused)
    await world.stop()
    expect(await world.router.run('cat', '/proc/sys/net/ipv6/conf/all/forwarding')).toBe('0\n')
    expect(await world.router.run('ip', '-6', 'rule')).not.toContain('proto 80')
  })

  test('from the LAN to the internet passes where the machine was a router before us, and does so again after us', async () => {
    await using world = await connected()
    await world.sysctl('ipv6/conf/all/forwarding', '1')
    const toInternet = () => ping(world.end('eth1'), internet)
    await world.end('wan0').run('ip', '-6', 'route', 'add', 'fc9c:56c2:e389:e930:5ee::/80', 'via', '2001:db8:f::2')
    await world.start()
    await world.intend(withoutResolver)
    await expect.poll(toInternet, { timeout: 5000 }).toBe('answered')
    expect(await ping(world.end('zt0'), internet)).toBe('Destination unreachable: Administratively prohibited')
    await world.stop()
    expect(await world.router.run('cat', '/proc/sys/net/ipv6/conf/eth1/forwarding')).toBe('1\n')
  })
})

test("a rogue advertisement of another site's /80 as on-link changes no path", async () => {
  await using world = await connected()
  await world.start()
  await world.intend(withoutResolver)
  await using _ = await advertise(world.end('wan0'), 'AdvDefaultLifetime 60;', theirPrefix)
  const believed = async () => (await world.router.ip('-6', 'route', 'show', theirPrefix)).map(row => row['dev'])
  await expect.poll(believed, { timeout: 8000 }).toEqual(['wan0'])

  const path = async (...from: string[]) =>
    (await world.router.ip('-6', 'route', 'get', theirHost, ...from))[0]?.['dev']
  expect(await path()).toBe('zt0')
  expect(await path('from', ourHost, 'iif', 'eth1')).toBe('zt0')
  expect(await ping(world.end('eth1'), theirHost)).toBe('answered')
})
