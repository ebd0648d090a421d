/**
 * Which networks the hosts of each LAN were told of. What an earlier run said and is true no longer, since the LAN is in that network
 * no more, is withdrawn after a start too: which networks there are changes by a restart alone.
 */
import { readFileSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { type Log, Throttle } from '../base/log.ts'
import { replaceFileSync } from '../base/whole-file.ts'
import { type Site, siteOf } from '../plane/site.ts'
import {
  formatNetworkId,
  formatNodeAddress,
  type NetworkId,
  parseNetworkId,
  parseNodeAddress,
} from '../plane/sixplane.ts'

const withdrawnFor = 5_400_000 // milliseconds: RFC 9096 section 3.5

interface Row {
  readonly site: Site
  readonly until: number | undefined // milliseconds since 1970; of what is said no longer
}

interface Text {
  readonly network: string
  readonly node: string
  readonly until?: number
}

export class Told {
  readonly #file: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #throttle: Throttle
  readonly #lans: Map<string, readonly Row[]>

  constructor(file: string, clock: Clock, log: Log) {
    this.#file = file
    this.#clock = clock
    this.#log = log
    this.#throttle = new Throttle(clock)
    this.#lans = load(file)
  }

  /** Hosts of a LAN that is in these networks are told of these sites; of a network that is away they keep what they know. */
  tell(lan: string, networks: readonly NetworkId[], sites: readonly Site[]): void {
    const now = this.#clock.now()
    const before = this.#lans.get(lan) ?? []
    const others = before.flatMap(({ site, until = now + withdrawnFor }): Row[] => {
      if (sites.some(({ network }) => network === site.network)) return []
      if (networks.includes(site.network)) return [{ site, until: undefined }]
      return until > now ? [{ site, until }] : []
    })
    const rows = [...sites.map(site => ({ site, until: undefined })), ...others]
    if (textOf(rows) === textOf(before)) return
    this.#lans.set(lan, rows)
    this.#save()
  }

  /** What hosts of a LAN that is in these networks shall forget. */
  gone(lan: string, networks: readonly NetworkId[]): Site[] {
    const now = this.#clock.now()
    const rows = this.#lans.get(lan) ?? []
    return rows.flatMap(({ site, until = Infinity }) => (networks.includes(site.network) || until <= now ? [] : site))
  }

  #save(): void {
    const text = [...this.#lans].map(([lan, rows]) => `${JSON.stringify(lan)}:${textOf(rows)}`)
    try {
      replaceFileSync(this.#file, `{${text.join(',\n')}}\n`, 0o644)
    } catch (error) {
      const held = this.#throttle.pass('save')
      if (held) this.#log.warn({ err: error, ...held }, 'could not remember what hosts were told')
    }
  }
}

function textOf(rows: readonly Row[]): string {
  return JSON.stringify(
    rows.map(({ site, until }): Text => {
      const said = { network: formatNetworkId(site.network), node: formatNodeAddress(site.node) }
      return until === undefined ? said : { ...said, until }
    }),
  )
}

function load(file: string): Map<string, readonly Row[]> {
  try {
    const said = JSON.parse(readFileSync(file, 'utf8')) as Record<string, readonly Text[]>
    return new Map(
      Object.entries(said).map(([lan, rows]) => [
        lan,
        rows.map(({ network, node, until }) => ({
          site: siteOf(parseNetworkId(network), parseNodeAddress(node)),
          until: until === undefined ? undefined : Number(until),
        })),
      ]),
    )
  } catch {
    return new Map() // hosts forget by themselves, only later
  }
}
