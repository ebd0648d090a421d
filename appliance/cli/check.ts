import type { Command } from 'commander'
import { loadConfig } from '../config/load.ts'
import { configsByOverlay, defaultConfigFile } from '../config/schema.ts'
import { type LanOutline, type Outline, outline } from './outline.ts'
import { place } from './place.ts'
import type { CommonOptions } from './program.ts'
import { json, type Terminal, table } from './terminal.ts'

export function checkCommand(command: Command, terminal: Terminal): void {
  command.option('--json', 'as one object').action(async (options: CommonOptions) => {
    const file = options.config ?? defaultConfigFile
    const config = loadConfig(file)
    const plans: Outline[] = []
    for (const each of configsByOverlay(config)) plans.push(outline(each, await place(each.overlay)))
    const [first, ...others] = plans
    const text = `${file} is valid\n\n${plans.map(showOutline).join('\n')}`
    terminal.out(options.json ? json({ file, valid: true, ...first, others }) : text)
  })
}

export function showOutline({ overlay, lan, routes }: Outline): string {
  const rows = [
    ['network', overlay.network, overlay.networkPrefix],
    ['node', overlay.node ?? 'not known yet', overlay.sitePrefix ?? ''],
  ]
  if (overlay.address !== null) rows.push(['router', overlay.interface ?? '', overlay.address])
  if (overlay.mac !== null) rows.push(['MAC', overlay.mac, ''])
  return [
    `overlay ${overlay.kind}\n`,
    table(rows, '  '),
    overlay.reason === null ? '' : `  now: ${overlay.reason}\n`,
    ...lan.map(showLan),
    routes.length === 0 ? 'routes: known as soon as the node is\n' : 'routes in table 80\n',
    table(
      routes.map(route => [route]),
      '  ',
    ),
  ].join('')
}

function showLan(lan: LanOutline): string {
  const rows = [
    ['prefix', lan.prefix ?? (lan.subnet === null ? 'the /80 of the node' : `a /88 of the node: subnet ${lan.subnet}`)],
  ]
  if (lan.routerAddress !== null) rows.push(['router', lan.routerAddress])
  if (lan.dynamic) rows.push(['leases from', lan.dynamic.first], ['to', lan.dynamic.last])
  if (lan.relay !== null) return `LAN behind ${lan.relay} on ${lan.interface}\n${table(rows, '  ')}`
  if (lan.advertise === 'off') rows.push(['advertised', 'by another router: siteplane plan prints what it has to say'])
  else rows.push(['on-link', lan.onLink.join(', ')], ['by the router', lan.hostRoutes.join(', ')])
  return `LAN ${lan.interface}\n${table(rows, '  ')}`
}
