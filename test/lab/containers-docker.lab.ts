import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Daemon } from './daemon.ts'
import { Docker } from './docker.ts'
import { liesIn } from './routes.ts'
import { network, TwoSites } from './sites.ts'

/**
 * Two sites with LANs, and a computer on the overlay that has none; Docker is on the router of site a, on a host of its LAN, and on that
 * computer:
 *
 *             inner-a ── docker0 ── a ═══ overlay ═══ b ── LAN ── b1
 *   inner-a1 ── docker0 ── a1 ── LAN ┘       ║
 *                                            c ── docker0 ── inner-c
 */
test('containers of two hosts and LAN hosts of two sites reach each other by their addresses', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const node = '99aabbccdd'
  const place = siteOf(parseNetworkId(network), parseNodeAddress(node))
  const c = await sites.lab.host('c')
  await a.connect(c, 'zt0', place.mac)
  const overlay = `overlay: { kind: static, network: "${network}", node: "${node}", interface: zt0 }`
  await using alone = new Daemon(c, { configuration: `${overlay}\nlan: []\n` })
  await using router = a.start()
  await using other = b.start()
  await Promise.all([alone, router, other].map(daemon => daemon.serving()))
  // A host of the overlay forwards nothing until something is behind it.
  expect(await c.sysctl('ipv6/conf/all/forwarding')).toBe('0')
  const far = await b.settle(b.hosts[0], 0x7n)
  const [lanHost, neighbour] = a.hosts
  const next = await a.settle(lanHost, 0x8n)
  const near = await a.settle(neighbour, 0x9n)

  const file = (daemon: Daemon) => join(daemon.host.folder, 'daemon.json')
  writeFileSync(file(router), '{\n\t"log-level": "warn",\n\t"dns": ["192.0.2.53"]\n}\n', { mode: 0o600 })
  const told = []
  for (const daemon of [router, alone]) {
    const options = ['--write', '--file', file(daemon), '--docker-version', '20.10.24', '--json']
    told.push(JSON.parse(await daemon.cli('docker', ...options)) as { prefix: string })
  }
  const [atRouter, atHost] = told as [(typeof told)[number], (typeof told)[number]]
  const opened = 'every port of every container on docker0 is open to all sites by IPv6, published or not'
  const rest = { interface: 'docker0', written: true, commands: ['systemctl restart docker'], notes: [opened] }
  expect(told).toMatchObject([rest, { ...rest, prefix: 'fc9c:56c2:e399:aabb:ccdd::/80' }])
  expect(readFileSync(file(router), 'utf8')).toBe(
    `{\n\t"log-level": "warn",\n\t"dns": [\n\t\t"192.0.2.53"\n\t],\n\t"ipv6": true,\n\t"fixed-cidr-v6": "${atRouter.prefix}"\n}\n`,
  )

  // What the router prints for the host is the whole file there.
  const text = await router.cli('prefix', 'allocate', 'docker1', '--via', next)
  const printed = join(lanHost.folder, 'daemon.json')
  writeFileSync(printed, /^ {2}\{[^}]*\}/m.exec(text)![0])

  await using dockerAtRouter = await Docker.start(a.router, file(router))
  await using dockerAtHost = await Docker.start(c, file(alone))
  await using dockerOnLan = await Docker.start(lanHost, printed)
  const [innerA, innerC, innerA1] = await Promise.all([
    dockerAtRouter.container('inner-a'),
    dockerAtHost.container('inner-c'),
    dockerOnLan.container('inner-a1'),
  ])
  expect([liesIn(atRouter.prefix, innerA), liesIn(atHost.prefix, innerC)]).toEqual([true, true])

  await dockerAtRouter.reaches('inner-a', innerC)
  await dockerAtHost.reaches('inner-c', innerA)
  await dockerAtHost.reaches('inner-c', far)
  await b.hosts[0].reaches(innerC)
  await dockerAtRouter.reaches('inner-a', near)
  await dockerOnLan.reaches('inner-a1', innerC)
  await dockerAtHost.reaches('inner-c', innerA1)
  for (const inner of [innerA, innerA1]) await neighbour.reaches(inner) // on its own LAN the router answers for them
  for (const daemon of [router, alone]) {
    const { prefixes } = (await daemon.get('/v1/prefixes')) as { prefixes: { state: string }[] }
    expect(prefixes.every(({ state }) => state === 'routed')).toBe(true)
  }
})
