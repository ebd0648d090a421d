/** `make demo`: two sites on this machine, told as it happens. Status 0 where everything that it tells came true. */

import { Capture } from './capture.ts'
import { Client, type ClientName, clients, has } from './client.ts'
import type { Daemon } from './daemon.ts'
import { Docker, hasDocker } from './docker.ts'
import type { Host } from './host.ts'
import { Narrator, table } from './narrator.ts'
import { formatRoutes, networkRoutes } from './routes.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const patience = 15_000 // ms for any one step; the whole takes some 20 s on a small machine

interface Cast {
  readonly host: Host
  readonly site: Site
  readonly client: ClientName
}

/** Everything of one performance, so that each scene takes it as its one parameter. */
interface Stage {
  readonly tell: Narrator
  readonly sites: TwoSites
  readonly cast: readonly Cast[]
  readonly daemons: Map<Site, Daemon>
  readonly addresses: Map<Host, string>
}

async function main(): Promise<number> {
  const tell = new Narrator(text => void process.stdout.write(text), process.stdout.isTTY && !process.env['NO_COLOR'])
  if (process.getuid?.() !== 0) {
    process.stderr.write('Network namespaces need root: sudo make demo\n')
    return 1
  }
  const names = chooseClients()
  tell.title('Two sites, four hosts, one network')
  await using sites = await TwoSites.create()
  const hosts = sites.all.flatMap(site => site.hosts.map(host => ({ site, host })))
  const cast = hosts.map((entry, i) => ({ ...entry, client: names[i % names.length]! }))
  const stage: Stage = { tell, sites, cast, daemons: new Map(), addresses: new Map() }
  try {
    tell.lines(...picture(cast), '')
    tell.step('Cables are laid. No host has an address, no setting is changed on any of them.')
    for (const scene of [startRouters, plugIn, showRoutes, pingAcross, neverUsed, container, stopAndStart])
      await scene(stage)
    tell.step('All of it came true.')
  } catch (error) {
    tell.failure((error as Error).message)
    for (const [site, daemon] of stage.daemons)
      tell.lines(
        '',
        `the end of router ${site.name}'s log:`,
        ...daemon.program.lines.slice(-8).map(line => line.slice(0, 300)),
      )
    return 1
  }
  if (process.stdin.isTTY && process.stdout.isTTY) await stay(stage)
  return 0
}

/** As many kinds as the machine has; a single one would show less than it claims. */
function chooseClients(): ClientName[] {
  const found = (['dhclient', 'networkd', 'dhcpcd', 'networkManager'] as const).filter(has)
  if (found.length < 2) throw new Error('the demo needs two kinds of DHCPv6 clients: run make setup as root')
  return found
}

function picture(cast: readonly Cast[]): string[] {
  const [a1, a2, b1, b2] = cast.map(({ host, client }) => `${host.name}  ${clients[client].title}`)
  const left = Math.max(a1!.length, a2!.length)
  const middle = '─ LAN ── router a ═══ overlay ═══ router b ── LAN ─'
  const between = ' '.repeat(middle.length)
  return [
    `${a1!.padEnd(left)} ─┐${between}┌─ ${b1}`,
    `${' '.repeat(left)}  ├${middle}┤`,
    `${a2!.padEnd(left)} ─┘${between}└─ ${b2}`,
  ]
}

async function startRouters({ tell, sites, daemons }: Stage): Promise<void> {
  const began = performance.now()
  for (const site of sites.all) daemons.set(site, site.start())
  for (const site of sites.all) {
    const { fastPath } = await daemons.get(site)!.serving(patience)
    const took = ((performance.now() - began) / 1000).toFixed(1)
    tell.step(`Router ${site.name} serves ${site.prefix}, ${took} s after its start.`)
    tell.detail(`fast path ${fastPath.mode}: ${fastPath.reason}`)
  }
}

async function plugIn({ tell, cast, sites, addresses }: Stage): Promise<void> {
  const began = performance.now()
  tell.step('The hosts are switched on.')
  await Promise.all(
    cast.map(async ({ host, site, client: name }) => {
      const client = new Client(host, name)
      const address = await until(
        () => host.globalAddress('eth0', site.addressStart),
        `${host.name} (${client.kind.title}) to have an address; it said: ${client.program.output.slice(-400)}`,
        patience,
      )
      addresses.set(host, address)
      const took = ((performance.now() - began) / 1000).toFixed(1)
      tell.step(`${host.name} has ${address}, by ${client.kind.title}, ${took} s after the switch.`)
    }),
  )
  tell.detail(`each lies in its own site's /80, and all of them in ${sites.networkPrefix}`)
}

async function showRoutes({ tell, cast, sites }: Stage): Promise<void> {
  const rows: string[][] = []
  for (const { host } of cast) {
    const routes = await until(
      async () => {
        const found = await networkRoutes(host, sites)
        return found.length > 0 && found
      },
      `${host.name} to have a route to ${sites.networkPrefix}`,
      patience,
    )
    rows.push([host.name, formatRoutes(routes)])
  }
  tell.step(`Every host knows the way to ${sites.networkPrefix}:`)
  for (const row of table(rows)) tell.detail(row)
}

async function pingAcross({ tell, cast, sites, addresses }: Stage): Promise<void> {
  const rows: string[][] = []
  await using wire = await Capture.start(sites.b.router, 'zt0', 'icmp6')
  for (const from of cast.filter(({ site }) => site === sites.a)) {
    for (const to of cast.filter(({ site }) => site === sites.b)) {
      const first = await from.host.reaches(addresses.get(to.host)!, patience)
      const back = await to.host.reaches(addresses.get(from.host)!, patience)
      rows.push([`${from.host.name} ⇄ ${to.host.name}`, `${first.toFixed(2)} ms and ${back.toFixed(2)} ms back`])
    }
  }
  tell.step('Host to host across the sites, each way:')
  for (const row of table(rows)) tell.detail(row)
  const pings = rows.length * 2
  await until(async () => wire.packets.length >= pings * 2, `${pings} pings and their answers on the overlay`, patience)
  const asked = wire.packets.filter(packet => /neighbor (solicitation|advertisement)/.test(packet))
  if (asked.length > 0) throw new Error(`neighbours were asked for on the overlay: ${asked[0]}`)
  tell.detail(
    `the overlay carried ${wire.packets.length} ICMPv6 packets, and not one neighbour solicitation among them`,
  )
}

async function neverUsed({ tell, cast, sites }: Stage): Promise<void> {
  const from = cast[0]!.host
  const to = cast[3]!.host
  const target = sites.b.addressAt(0x5eed_c0ff_eeedn & 0x7fff_ffff_ffffn)
  await using capture = await Capture.start(sites.b.router, 'zt0', `icmp6 and dst host ${target}`)
  const unanswered = await from.ping(target)
  const seen = await capture.sees(/echo request/)
  if (unanswered.received > 0) throw new Error(`someone answered for ${target}, which nobody has`)
  tell.step(`${from.name} pings ${target}, which nobody has ever had. It arrives at site b, unanswered:`)
  tell.detail(/ethertype.*?\) (\S+ > \S+: .*echo request.*?seq \d+)/.exec(seen)?.[1]?.replace(/\[.*?\] /, '') ?? seen)
  await to.ip('address', 'add', `${target}/128`, 'dev', 'eth0')
  const time = await from.reaches(target, patience)
  tell.step(`${to.name} takes that address by hand, and answers: ${time.toFixed(2)} ms. No router was told.`)
}

/** A container on router b, where Docker can be had: the rest is as true without. */
async function container({ tell, cast, sites, daemons, addresses }: Stage): Promise<void> {
  const { router } = sites.b
  const file = `${router.folder}/daemon.json`
  const began = performance.now()
  let docker: Docker
  let address: string
  try {
    if (!hasDocker()) throw new Error('make setup as root unpacks it')
    await daemons.get(sites.b)!.cli('docker', '--write', '--file', file, '--docker-version', '20.10')
    docker = await Docker.start(router, file) // goes with the lab
    address = await docker.container('web')
  } catch (error) {
    tell.step(
      `Docker can't be had on this machine, so no container is shown: ${(error as Error).message.slice(0, 200)}`,
    )
    return
  }
  const took = ((performance.now() - began) / 1000).toFixed(1)
  tell.step(`Router b has Docker, told by siteplane docker --write. A container has ${address}, after ${took} s.`)
  const from = cast[0]!.host
  await from.reaches(address, patience) // its address may still be tried for duplicates
  const time = await from.reaches(address, patience)
  await docker.reaches('web', addresses.get(from)!)
  tell.detail(`${from.name} ⇄ container: ${time.toFixed(2)} ms, and back; no port is mapped and no address translated`)
}

async function stopAndStart({ tell, cast, sites, daemons, addresses }: Stage): Promise<void> {
  const site = sites.a
  const hosts = cast.filter(entry => entry.site === site).map(entry => entry.host)
  const stopping = performance.now()
  await daemons.get(site)!.stop()
  tell.step(`Router a is stopped, which took ${((performance.now() - stopping) / 1000).toFixed(1)} s.`)
  for (const host of hosts) {
    const gone = async () => (await networkRoutes(host, sites)).length === 0
    await until(gone, `the route to go from ${host.name}`, patience)
  }
  tell.step(`The way to ${sites.networkPrefix} is gone from ${hosts.map(({ name }) => name).join(' and ')}.`)
  daemons.set(site, site.start())
  await daemons.get(site)!.serving(patience)
  for (const host of hosts) {
    const back = async () => (await networkRoutes(host, sites)).length > 0
    await until(back, `the route to come back to ${host.name}`, patience)
    const address = addresses.get(host)!
    if (!(await host.addresses('eth0')).some(({ local }) => local === address))
      throw new Error(`${host.name} no longer has ${address}`)
    await host.reaches(addresses.get(cast[2]!.host)!, patience)
  }
  tell.step('Router a is started again: the way is back, the addresses are the same, and pings cross again.')
}

/** Leaves everything standing until Ctrl-C, which takes it down. */
async function stay({ tell, cast, sites, daemons, addresses }: Stage): Promise<void> {
  const command = (site: Site, name: string) =>
    `node_modules/.bin/node appliance/main.ts ${name} --socket ${daemons.get(site)!.socket}`
  const [first, , third] = cast
  tell.title('It stays until Ctrl-C. Try, in another terminal, as root:')
  const tries = [
    ['how a router is', command(sites.a, 'status')],
    ['who has which address', command(sites.b, 'leases')],
    [`a shell on ${first!.host.name}`, first!.host.shell],
    ['… and there', `ping ${addresses.get(third!.host)}`],
    ['a shell on router b', sites.b.router.shell],
    ['… and there', 'tcpdump -ni zt0'],
  ]
  tell.lines(...table(tries), '')
  process.removeAllListeners('SIGINT') // from here on it is the ordinary end
  await new Promise(resolve => process.once('SIGINT', resolve))
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`)
  return 1
})
process.exit()
