import type { Command } from 'commander'
import type { FastPathStatus, LanStatus, OverlayStatus, Status } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import type { CommonOptions } from './program.ts'
import { duration, json, octets, paint, printable, type Terminal, table } from './terminal.ts'

const tones = { serving: 'green', waiting: 'yellow', degraded: 'yellow', ok: 'green', off: 'dim' } as const

export function statusCommand(command: Command, terminal: Terminal): void {
  command.option('--json', 'as the API says it').action(async (options: CommonOptions) => {
    const status = await ask<Status>(socketOf(options), '/v1/status')
    terminal.out(options.json ? json(status) : showStatus(status, terminal))
  })
}

/** The first line says what the state is and why; then what else there is to know, the overlay, each LAN, and the rest. */
export function showStatus(status: Status, terminal: Pick<Terminal, 'color' | 'now'>): string {
  const [first, ...others] = status.state === 'serving' ? [undefined, ...status.reasons] : status.reasons
  const also = status.state === 'serving' ? 'note' : 'also'
  const state = paint(terminal, tones[status.state], status.state)
  const running = status.parts.filter(({ state }) => state === 'restarting')
  return [
    `${state}${first === undefined ? '' : `: ${first}`}\n`,
    ...others.map(reason => `  ${also}: ${reason}\n`),
    '\n',
    ...status.overlays.map(each => overlay(each, terminal)),
    ...status.lan.map(entry => lan(entry, status.overlays, terminal)),
    ...status.overlays.map(each => fastPath(each, status.overlays.length > 1)),
    ...running.map(({ name, reason }) => fact(`part ${name}`, 'is started again', reason)),
    '\n',
    `siteplane ${status.version}, up ${duration((terminal.now() - Date.parse(status.startedAt)) / 1000)}\n`,
  ].join('')
}

const fact = (what: string, state: string, reason: string | null) =>
  `${what}: ${state}${reason === null ? '' : ` (${reason})`}\n`

function overlay(o: OverlayStatus, terminal: Pick<Terminal, 'color'>): string {
  const state = paint(terminal, o.state === 'ok' ? 'green' : 'yellow', o.state)
  const rows = [
    ['network', o.network, o.networkPrefix],
    ['node', o.node ?? 'not known yet', o.sitePrefix ?? ''],
  ]
  if (o.interface !== null) rows.push(['interface', o.interface, ''])
  if (o.rfc4193Address !== null) rows.push(['RFC 4193', o.rfc4193Address, ''])
  return fact(`overlay ${o.name === null ? '' : `${o.name}, `}${o.kind}`, state, o.reason) + table(rows, '  ')
}

function fastPath({ name, network, fastPath: path }: Status['overlays'][number], several: boolean): string {
  const rows = [...rates(path), ...counters(path.drops, 'dropped'), ...counters(path.counters)]
  return fact(several ? `fast path ${name ?? network}` : 'fast path', path.mode, path.reason) + table(rows, '  ')
}

/** A LAN's part of each network that it is in. */
function parts({ networks }: LanStatus, overlays: readonly OverlayStatus[]): string[][] {
  return networks.flatMap(({ network, prefix, routerAddress }) => {
    const name = overlays.find(each => each.network === network)?.name ?? network
    const of = networks.length > 1 ? ` in ${name}` : ''
    return [
      [`prefix${of}`, prefix ?? 'not known yet'],
      [`router${of}`, routerAddress ?? 'not known yet'],
    ]
  })
}

function lan(entry: LanStatus, overlays: readonly OverlayStatus[], terminal: Pick<Terminal, 'color' | 'now'>): string {
  const rows = [
    ...parts(entry, overlays),
    ['leases', entry.dhcpv6 === 'off' ? "another server's" : String(entry.activeLeases)],
  ]
  if (entry.ipv4) {
    const { state, address, pool, activeLeases, reason } = entry.ipv4
    rows.push(['IPv4', `${state} as ${address}, pool ${pool}, leases ${activeLeases}${reason ? `: ${reason}` : ''}`])
  }
  for (const { address, linkLayerAddress } of entry.ipv4?.otherServers ?? [])
    rows.push(['other DHCPv4', `${address} (${linkLayerAddress})`])
  if (entry.slaac) {
    const { state, prefix, translated } = entry.slaac
    rows.push(['without DHCPv6', `${state}${prefix ? `, ${prefix}` : ''}, translated ${translated}`])
  }
  if (entry.advertise === 'off') rows.push(['advertised', 'by another router'])
  for (const { prefix, relay, heardAt, activeLeases } of entry.segments) {
    const ago = heardAt !== null && duration((terminal.now() - Date.parse(heardAt)) / 1000)
    const heard = ago ? `heard ${ago} ago` : 'not heard yet'
    rows.push(['behind a relay', `${prefix} by ${relay} (${heard}), leases ${activeLeases}`])
  }
  for (const router of entry.otherRouters) {
    const mac = router.linkLayerAddress === null ? '' : ` (${router.linkLayerAddress})`
    rows.push(['other router', `${router.address}${mac}: ${printable(router.conflicts.join('; '))}`])
  }
  for (const server of entry.otherServers) {
    rows.push(['other DHCPv6', `${server.address}: ${printable(server.conflict)}`])
  }
  const state = paint(terminal, tones[entry.state], entry.state)
  return fact(`LAN ${entry.interface}`, state, entry.reason) + table([...rows, ...counters(entry.counters)], '  ')
}

function rates({ rates: now }: FastPathStatus): string[][] {
  if (!now) return []
  return [
    ['in', `${now.inPacketsPerSecond} packets/s, ${octets(now.inBytesPerSecond)}/s`],
    ['out', `${now.outPacketsPerSecond} packets/s, ${octets(now.outBytesPerSecond)}/s`],
  ]
}

/** Rows of the counters that count something, a few to a row. */
function counters(counts: Readonly<Record<string, number>>, title = 'counters'): string[][] {
  const words = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`)
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + word.length < 90) lines[lines.length - 1] = `${last}, ${word}`
    else lines.push(word)
  }
  return lines.map((line, i) => [i === 0 ? title : '', line])
}
