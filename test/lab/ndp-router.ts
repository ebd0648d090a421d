/**
 * A router's neighbour discovery on one LAN without the rest of the daemon: `node ndp-router.ts FILE`, where FILE holds
 * RouterSettings. SIGHUP reads it again, SIGUSR1 prints the status as a line, SIGTERM stops for good, SIGUSR2 hands over.
 */
import { readFileSync } from 'node:fs'
import { fromHex } from '../../appliance/base/bytes.ts'
import { systemClock } from '../../appliance/base/clock.ts'
import { formatIp6, fromBytes, type Ip6 } from '../../appliance/base/ip6.ts'
import { createLog } from '../../appliance/base/log.ts'
import { parseMac } from '../../appliance/base/mac.ts'
import type { AdvertisementPlan } from '../../appliance/ndp/advertisement.ts'
import { LanAdvertiser } from '../../appliance/ndp/lan-advertiser.ts'
import { LanResponder } from '../../appliance/ndp/lan-responder.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'

export interface RouterSettings {
  readonly interface: string
  readonly network: string
  readonly node: string
  readonly subnet?: number
  readonly networkOnLink: boolean
  readonly responder: boolean
}

const path = process.argv[2]!
const settings = () => JSON.parse(readFileSync(path, 'utf8')) as RouterSettings
const { interface: name } = settings()
const ofLink = (what: string) => readFileSync(`/sys/class/net/${name}/${what}`, 'utf8').trim()
const mac = parseMac(ofLink('address'))
const link = { name, index: Number(ofLink('ifindex')), mac, linkLocal: linkLocal() }

/** The link-local address as /proc/net/if_inet6 has it: address, index, length, scope, flags, name. */
function linkLocal(): Ip6 {
  const lines = readFileSync('/proc/net/if_inet6', 'utf8').split('\n')
  const line = lines.find(each => each.startsWith('fe80') && each.trim().split(/\s+/)[5] === name)
  if (!line) throw new Error(`${name} has no link-local address`)
  return fromBytes(fromHex(line.slice(0, 32)))
}

function planOf({ network, node, subnet, networkOnLink }: RouterSettings): AdvertisementPlan {
  const site = siteOf(parseNetworkId(network), parseNodeAddress(node))
  return {
    site,
    lan: lanPlan(site.sitePrefix, subnet),
    mac,
    managed: true,
    otherConfig: true,
    networkOnLink,
    networkReachable: true,
    lifetimes: { network: 1800, lan: 86_400 },
    interval: { min: 200, max: 600 },
    dns: { servers: [], search: [] },
  }
}

const say = (value: unknown) =>
  console.log(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? formatIp6(each as Ip6) : each)))

const log = createLog('info', false)
const plan = planOf(settings())
const advertiser = new LanAdvertiser({ link, plan, clock: systemClock, random: Math.random, log })
const responder = new LanResponder({
  link,
  linkLocal: link.linkLocal,
  networkPrefix: plan.site.networkPrefix,
  plan: plan.lan,
  log,
})
if (settings().responder) responder.start()
advertiser.start()
let asked = 0
process.on('SIGHUP', () => advertiser.update(planOf(settings())))
process.on('SIGUSR1', () =>
  say({
    status: asked++,
    advertiser: advertiser.counters(),
    responder: responder.counters(),
    otherRouters: advertiser.otherRouters(),
    memory: process.memoryUsage().rss,
  }),
)
for (const [signal, final] of [
  ['SIGTERM', true],
  ['SIGUSR2', false],
] as const) {
  process.once(signal, async () => {
    responder.stop()
    await advertiser.stop({ final })
    process.exit(0)
  })
}
say({ ready: true, linkLocal: link.linkLocal, mac })
