/**
 * The DHCPv6 server of one LAN without the rest of the daemon: `node dhcp-server.ts FILE`, where FILE holds ServerSettings.
 * SIGHUP reads it again, SIGUSR1 prints the status as a line, SIGTERM stops.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../appliance/base/bytes.ts'
import { systemClock } from '../../appliance/base/clock.ts'
import { formatIp6, fromBytes, type Ip6, parseIp6, parsePrefix } from '../../appliance/base/ip6.ts'
import { createLog } from '../../appliance/base/log.ts'
import { parseMac } from '../../appliance/base/mac.ts'
import { keepHeapSmall, tidyHeap } from '../../appliance/daemon/heap.ts'
import { ClientStore } from '../../appliance/dhcp/client-store.ts'
import { offersOf } from '../../appliance/dhcp/configuration.ts'
import { loadIdentity } from '../../appliance/dhcp/identity.ts'
import { LanServer, type Scope } from '../../appliance/dhcp/lan-server.ts'
import { Reservations } from '../../appliance/dhcp/reservations.ts'
import { openStore } from '../../appliance/dhcp/store.ts'
import { lanPlan } from '../../appliance/plane/plan.ts'

export interface ServerSettings {
  readonly interface: string
  readonly site: string // a /80
  readonly stateDirectory: string
  readonly preference: number
  readonly lifetimes: Scope['lifetimes']
  readonly dns: readonly string[]
  readonly probe: boolean
}

keepHeapSmall()
const path = process.argv[2]!
const settings = () => JSON.parse(readFileSync(path, 'utf8')) as ServerSettings
const { interface: name, stateDirectory } = settings()
const ofLink = (what: string) => readFileSync(`/sys/class/net/${name}/${what}`, 'utf8').trim()

function linkLocal(): Ip6 {
  const lines = readFileSync('/proc/net/if_inet6', 'utf8').split('\n')
  const line = lines.find(each => each.startsWith('fe80') && each.trim().split(/\s+/)[5] === name)
  if (!line) throw new Error(`${name} has no link-local address`)
  return fromBytes(fromHex(line.slice(0, 32)))
}

function scope(): Scope {
  const { site, preference, lifetimes, dns, probe } = settings()
  const plan = lanPlan(parsePrefix(site), undefined)
  const offers = offersOf({ dns: { servers: dns.map(parseIp6), search: [] }, ntp: { servers: [] }, options: [] })
  return {
    interface: name,
    plan,
    beside: [],
    away: [],
    preference,
    rapidCommit: true,
    lifetimes,
    probe,
    reservations: new Reservations(),
    requesters: [],
    allowAddressRegistration: true,
    delegate: undefined,
    offers,
  }
}

const say = (value: unknown) =>
  console.log(JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? formatIp6(each as Ip6) : each)))

const log = createLog('info', false)
const store = openStore(join(stateDirectory, 'leases.sqlite'), log)
const clients = new ClientStore(join(stateDirectory, 'clients.sqlite'), log, systemClock)
const server = new LanServer({
  link: { name, index: Number(ofLink('ifindex')), mac: parseMac(ofLink('address')) },
  linkLocal: linkLocal(),
  scope: scope(),
  store,
  clients,
  identity: loadIdentity(stateDirectory),
  clock: systemClock,
  random: Math.random,
  log,
})
server.start()
tidyHeap()
const alive = setInterval(() => {}, 60_000) // as the rest of the daemon would
let asked = 0
process.on('SIGHUP', () => server.update(scope()))
process.on('SIGUSR1', () => {
  const { plan } = scope()
  say({
    status: asked++,
    counters: server.counters(),
    active: server.activeLeases(),
    others: server.otherServers(),
    clones: server.clones(),
    reasons: [...server.reasons(), ...store.reasons()],
    notices: server.notices(),
    leases: store.leases([{ interface: name, subnet: plan.subnet, prefixes: [plan.prefix] }]).rows,
    memory: process.memoryUsage().rss,
  })
})
process.once('SIGTERM', async () => {
  await server.stop()
  store[Symbol.dispose]()
  clients[Symbol.dispose]()
  clearInterval(alive)
})
say({ ready: true })
