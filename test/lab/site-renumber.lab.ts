/**
 * The node of site a is another from now on, and so is its /80. Its hosts are at their old addresses until they renew: nobody
 * tells these two, which have no client, so that they are there as long as a slow one is.
 *
 *   a1 ─┐                  a1 holds the /40 to be on-link, a2 goes by the router
 *       ├─ LAN ─ lan0 ── a
 *   a2 ─┘           (siteplane)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { formatIp6, formatPrefix } from '../../appliance/base/ip6.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { network, TwoSites } from './sites.ts'
import { until } from './until.ts'

const moved = siteOf(parseNetworkId(network), parseNodeAddress('99aabbccdd'))

test.for(['auto', 'netlink'])(
  'a new node address, fast path %s: hosts reach each other and the router by the old ones until all have heard, and are no strangers',
  async mode => {
    await using sites = await TwoSites.create()
    const { a } = sites
    const [a1, a2] = a.hosts
    const configuration = `${a.configuration()}fastPath: ${mode}\n`
    await using stack = new AsyncDisposableStack()
    const daemon = stack.use(a.start({ configuration }))
    await daemon.serving()
    const [old1, old2] = [await a.settle(a1, 0xa1n), await a.settle(a2, 0xa2n)]
    for (const host of a.hosts) await host.ip('-6', 'route', 'delete', a.prefix, 'dev', 'eth0')
    await a1.ip('-6', 'route', 'replace', sites.networkPrefix, 'dev', 'eth0')
    expect(await a1.reaches(old2)).toBeGreaterThan(0)

    await a.router.ip('link', 'set', 'zt0', 'address', moved.mac)
    const after = configuration.replace(a.node, '99aabbccdd')
    daemon.configure(after)
    daemon.reload()
    await daemon.hasStatus(({ overlay, state }) => state === 'serving' && overlay.node === '99aabbccdd', 'to be moved')
    for (const [from, to] of [
      [a1, old2],
      [a2, old1],
      [a1, a.address],
      [a2, formatIp6(moved.address)],
    ] as const) {
      await from.ip('-6', 'neighbour', 'flush', 'dev', 'eth0')
      expect(await from.reaches(to)).toBeGreaterThan(0)
    }
    // Other sites don't answer them, and nobody takes them for members of the network.
    expect((await a2.ping(sites.b.address)).received).toBe(0)
    expect((await daemon.status()).reasons.filter(reason => reason.includes('itself member'))).toEqual([])

    const table = async () => (await a.router.routes('table', '80')).map(({ dst }) => dst)
    expect(await table()).toContain(a.prefix)

    if (mode === 'netlink') return

    // A start goes on with it, and once its time is over it is gone.
    await daemon.handOver()
    const memory = join(a.router.folder, 'state/site.json')
    const { former, ...rest } = JSON.parse(readFileSync(memory, 'utf8'))
    expect(former).toMatchObject({ network, node: a.node })
    const second = stack.use(a.start({ configuration: after }))
    await second.serving()
    expect(await table()).toContain(a.prefix)
    await second.handOver()
    writeFileSync(memory, JSON.stringify({ ...rest, former: { ...former, until: Date.now() } }))
    await stack.use(a.start({ configuration: after })).serving()
    await until(async () => !(await table()).includes(a.prefix), 'the old prefix to go')
    expect(await table()).toContain(formatPrefix(moved.sitePrefix))
    expect((await a.router.addresses('lan0')).map(({ local }) => local)).not.toContain(a.address)
  },
)
