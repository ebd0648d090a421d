import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Daemon } from './daemon.ts'
import type { Host } from './host.ts'
import { run } from './program.ts'
import { liesIn } from './routes.ts'
import { TwoSites } from './sites.ts'

const plugins = fileURLToPath(new URL('../../build/debian/containernetworking-plugins/usr/lib/cni', import.meta.url))

interface Configuration {
  readonly name: string
  readonly cniVersion: string
  readonly plugins: readonly [{ readonly type: string; readonly ipam: object }]
}

/** What a container runtime does with a configuration list: each plugin, with the pod's namespace. */
async function cni(node: Host, list: Configuration, command: 'ADD' | 'DEL', pod: Host): Promise<string> {
  const { name, cniVersion } = list
  const [plugin] = list.plugins
  const ipam = { ...plugin.ipam, dataDir: join(node.folder, 'cni') } // else on this machine, for all nodes
  const file = join(node.folder, 'cni.json')
  writeFileSync(file, JSON.stringify({ ...plugin, name, cniVersion, ipam }))
  const about = [`CNI_COMMAND=${command}`, `CNI_CONTAINERID=${pod.name}`, `CNI_NETNS=/run/netns/${pod.netns}`]
  const where = ['CNI_IFNAME=eth0', `CNI_PATH=${plugins}`]
  const script = 'exec "$1" <"$2"'
  return await node.run('env', ...about, ...where, 'sh', '-euc', script, 'sh', join(plugins, plugin.type), file)
}

/** A pod on the router of each of two sites, `pod ── siteplane0 ── a ═══ overlay ═══ b ── pod`, and LANs beside it. */
test('pods of two nodes reach each other by what the plugins made of the configuration, until they are deleted', async () => {
  await using sites = await TwoSites.create()
  const daemons: Daemon[] = sites.all.map(site => site.start())
  await Promise.all(daemons.map(daemon => daemon.serving()))
  const nodes = []
  for (const [i, daemon] of daemons.entries()) {
    const pod = await sites.lab.host(`pod-${daemon.host.name}`)
    const args = ['cni', '--type', (['bridge', 'ptp'] as const)[i]!]
    const { prefix } = JSON.parse(await daemon.cli(...args, '--json')) as { prefix: string }
    const list = JSON.parse(await daemon.cli(...args)) as Configuration
    const { ips } = JSON.parse(await cni(daemon.host, list, 'ADD', pod)) as { ips: { address: string }[] }
    const address = ips[0]!.address.split('/')[0]!
    expect(liesIn(prefix, address)).toBe(true)
    nodes.push({ daemon, pod, list, prefix, address })
  }
  const [a, b] = nodes as [(typeof nodes)[number], (typeof nodes)[number]]
  await a.pod.reaches(b.address)
  await b.pod.reaches(a.address)
  const far = await sites.b.settle(sites.b.hosts[0], 0x7n)
  await a.pod.reaches(far)
  await sites.b.hosts[0].reaches(a.address)
  // Of the pod that has a route of its own, too.
  const near = await sites.a.settle(sites.a.hosts[0], 0x8n)
  await b.pod.reaches(near)
  await sites.a.hosts[0].reaches(b.address)
  await sites.b.hosts[0].reaches(b.address)
  for (const [{ daemon, prefix }, link, state] of [
    [a, 'siteplane0', 'routed'],
    [b, null, 'kept'],
  ] as const)
    expect(await daemon.get('/v1/prefixes')).toMatchObject({ prefixes: [{ prefix, interface: link, state }] })

  for (const { daemon, list, pod } of nodes) {
    await cni(daemon.host, list, 'DEL', pod)
    expect(await run('ip', '-netns', pod.netns, '-oneline', 'link')).not.toContain('eth0')
  }
  for (const { address } of nodes) expect((await sites.b.hosts[0].ping(address)).received).toBe(0)
  for (const daemon of daemons) await daemon.stop()
})
