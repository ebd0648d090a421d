import type { Command } from 'commander'
import type { LeaseRow, Leases } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import type { CommonOptions } from './program.ts'
import { duration, json, printable, type Terminal, table } from './terminal.ts'

export function leasesCommand(command: Command, terminal: Terminal): void {
  command
    .option('--json', 'as the API says it, with DUID and IAID')
    .option('--all', 'expired, released and declined ones too')
    .action(async (options: CommonOptions & { all?: true }) => {
      const told = await ask<Leases>(socketOf(options), '/v1/leases')
      terminal.out(options.json ? json(told) : showLeases(told, terminal.now(), options.all === true))
    })
}

/** A table that fits 100 columns, and a sentence where there is nothing to show. */
export function showLeases({ leases, leftOut }: Leases, now: number, all: boolean): string {
  const rows = all ? leases : leases.filter(isHeld)
  const hidden = leases.length - rows.length
  const besides = leftOut > 0 ? `${leftOut} more, of which nothing is shown: there are too many\n` : ''
  const more = (hidden > 0 ? `${hidden} more: expired, released or declined (--all shows them)\n` : '') + besides
  if (rows.length === 0) return `no host has a lease\n${more}`
  const cells = rows.map(row => [
    row.type === 'IA_PD' ? `${row.address}/${row.prefixLength}` : row.address,
    row.subnet === null ? row.interface : `${row.interface} subnet ${row.subnet}`,
    host(row),
    row.state,
    `${about(now - Date.parse(row.changedAt))} ago`,
    isHeld(row) ? `in ${about(Date.parse(row.validUntil) - now)}` : '',
  ])
  return table([['ADDRESS', 'LAN', 'HOST', 'STATE', 'LAST', 'EXPIRES'], ...cells]) + more
}

const isHeld = ({ state }: LeaseRow): boolean => ['bound', 'registered', 'translated'].includes(state)

function host({ hostname, linkLayerAddress, duid }: LeaseRow): string {
  const name = hostname === null ? undefined : printable(hostname)
  const text = name ?? linkLayerAddress ?? duid ?? ''
  return text.length > 18 ? `${text.slice(0, 17)}…` : text
}

/** Only the largest unit: the line is long enough. */
const about = (milliseconds: number): string => duration(milliseconds / 1000).replace(/^(\d+ \w+).*/, '$1')
