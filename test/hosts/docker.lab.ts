import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Daemon } from '../lab/daemon.ts'
import type { Host } from '../lab/host.ts'
import { liesIn } from '../lab/routes.ts'
import { network, TwoSites } from '../lab/sites.ts'
import { until } from '../lab/until.ts'
import { Docker } from './docker.ts'

interface Told {
  readonly prefix: string
  readonly dockerVersion: string
  readonly commands: readonly string[]
  readonly notes: readonly string[]
}

/** What `siteplane docker` says beside a Docker. */
async function ask(daemon: Daemon, docker: Docker, ...args: readonly string[]): Promise<Told> {
  const version = await docker.run('version', '--format', '{{.Server.Version}}')
  const about = ['--docker-version', version.trim(), '--file', docker.file, '--json']
  return JSON.parse(await daemon.cli('docker', ...about, ...args)) as Told
}

/** Whether a connection to a port of an address comes about; a filter that drops it is waited for. */
async function connects(from: Host, address: string, port: number): Promise<boolean> {
  await using program = from.spawn(['socat', '-u', '/dev/null', `TCP6:[${address}]:${port},connect-timeout=2`])
  return (await program.exited).status === 0
}

/** A computer on the overlay that has no LAN. */
async function alone({ lab, a }: TwoSites): Promise<Daemon> {
  const node = '99aabbccdd'
  const host = await lab.host('c')
  await a.connect(host, 'zt0', siteOf(parseNetworkId(network), parseNodeAddress(node)).mac)
  const overlay = `overlay: { kind: static, network: "${network}", node: "${node}", interface: zt0 }`
  return new Daemon(host, { configuration: `${overlay}\nlan: []\n` })
}

/**
 * Docker that filters by IPv6, on the router of site a and on a computer that has no LAN:
 *
 *   inner-a ── web ── a ═══ overlay ═══ b ── LAN ── b1
 *      a1 ── LAN ─────┘        ║
 *                              c ── docker0 ── inner-c
 */
test('what siteplane docker prints for a Docker that filters opens what it says, and nothing else', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  await using atHost = await alone(sites)
  await using atRouter = a.start()
  await using other = b.start()
  await Promise.all([atHost, atRouter, other].map(daemon => daemon.serving()))
  const [lanHost, farHost] = [a.hosts[0], b.hosts[0]]
  const near = await a.settle(lanHost, 0x8n)
  const far = await b.settle(farHost, 0x7n)
  await lanHost.reaches(far)

  // As a package starts it: nobody told it anything, and with its first network it shuts the router.
  await using dockerA = await Docker.start(a.router, '{}')
  await using dockerC = await Docker.start(atHost.host, '{}')
  await dockerA.run('network', 'create', '--ipv6', 'first')
  expect((await lanHost.ping(far, { wait: 2 })).received).toBe(0)

  // A network of its own, as the router's command prints it.
  const forRouter = await ask(atRouter, dockerA, '--network', 'web')
  expect(forRouter.notes).toEqual([
    'the published ports of containers on web are open to all sites, under the addresses of the containers, which answer pings',
    expect.stringMatching(/^"ip-forward-no-drop": true must be in /),
  ])
  writeFileSync(dockerA.file, '{ "ip-forward-no-drop": true }')
  for (const line of ['systemctl restart docker', 'ip6tables -P FORWARD ACCEPT', ...forRouter.commands])
    await dockerA.type(line)
  await lanHost.reaches(far)
  const innerA = await dockerA.container('inner-a', '--network', 'web')
  expect(liesIn(forRouter.prefix, innerA)).toBe(true)

  // The default bridge: nothing is written before somebody decides what is opened.
  await expect(ask(atHost, dockerC, '--write')).rejects.toThrow(/drops what comes to docker0 by IPv6/)
  expect(readFileSync(dockerC.file, 'utf8')).toBe('{}')
  const forHost = await ask(atHost, dockerC, '--write', '--open')
  for (const line of forHost.commands) await dockerC.type(line)
  const innerC = await dockerC.container('inner-c')
  expect(liesIn(forHost.prefix, innerC)).toBe(true)

  await farHost.reaches(innerA)
  await farHost.reaches(innerC)
  await until(() => connects(farHost, innerC, 80), 'the published port of inner-c')
  const ports = async (address: string) => [await connects(farHost, address, 80), await connects(farHost, address, 81)]
  expect(await ports(innerA)).toEqual([true, false])
  expect(await ports(innerC)).toEqual([true, true])
  await dockerA.reaches('inner-a', innerC)
  await dockerC.reaches('inner-c', innerA)
  await dockerC.reaches('inner-c', near)
  await dockerA.reaches('inner-a', far)
  expect(await ask(atHost, dockerC, '--write', '--open')).toMatchObject({ commands: [] })
})
