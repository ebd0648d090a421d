/**
 * What the router or DHCPv6 server that a site has must be configured with, to do our part on a LAN: `advertise: off` and
 * `dhcpv6: off` leave it to them. Hosts need no route: they hold the /40 to be on-link, and our router answers for what is in it.
 */
import { type Command, Option } from 'commander'
import { OperatorError } from '../base/errors.ts'
import { addressIn, contains, formatPrefix, type Ip6 } from '../base/ip6.ts'
import { loadConfig, parseConfig } from '../config/load.ts'
import { underPrefix } from '../config/relay.ts'
import { advertiseOf, type Config, defaultConfigFile, type LanConfig } from '../config/schema.ts'
import { type LanPlan, lanPlan } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { formatNetworkId } from '../plane/sixplane.ts'
import { dnsmasq } from './plan-dnsmasq.ts'
import type { Format, ServedLan } from './plan-format.ts'
import { kea } from './plan-kea.ts'
import { networkd } from './plan-networkd.ts'
import { radvd } from './plan-radvd.ts'
import { addSiteOptions, type SiteOptions, siteFor } from './site.ts'
import { json, type Terminal } from './terminal.ts'

const formats: Readonly<Record<string, Format>> = { radvd, kea, dnsmasq, networkd }

interface Options extends SiteOptions {
  readonly format: string
  readonly lan?: string
  readonly interface?: string
}

export function planCommand(command: Command, terminal: Terminal): void {
  addSiteOptions(command)
    .addOption(new Option('--format <program>', 'whose').choices(Object.keys(formats)).makeOptionMandatory())
    .option('--lan <interface>', 'this LAN of the configuration alone')
    .option('--interface <name>', "what the LAN's interface is called on that machine (default: as here)")
    .option('--json', 'as one object')
    .action(async (options: Options) => {
      const config = configFor(options)
      const site = await siteFor(options)
      const plan = planFor(options.format, lansOf(config, site, options), site, options.interface)
      terminal.out(options.json ? json(plan) : showPlan(plan))
    })
}

/** The file's; where a network was typed and no file, that of a LAN with the usual settings. */
function configFor({ network, config, interface: name }: Options): Config {
  if (network === undefined || config !== undefined) return loadConfig(config ?? defaultConfigFile)
  if (name === undefined) throw new OperatorError("--interface NAME must say what the LAN's interface is called")
  const overlay = { network: formatNetworkId(network) }
  return parseConfig('--interface', JSON.stringify({ overlay, lan: [{ interface: name }] }))
}

function lansOf({ lan, overlays }: Config, site: Site, options: Options): LanConfig[] {
  const own = overlays.length === 1 ? lan : lan.filter(({ networks }) => networks.includes(site.network))
  const here = own.filter(({ relay }) => relay === undefined) // behind a relay the router there advertises already
  const chosen = options.lan === undefined ? here : here.filter(each => each.interface === options.lan)
  if (chosen.length === 0)
    throw new OperatorError(`there is no LAN on ${options.lan}: ${here.map(each => each.interface).join(', ')}`)
  if (options.interface !== undefined && chosen.length > 1)
    throw new OperatorError('--interface is for one LAN: --lan says which')
  return chosen
}

export interface Plan {
  readonly format: string
  readonly place: string
  readonly site: string
  readonly notes: readonly string[] // what else must be done, and what is not in it
  readonly configuration: string
}

export function planFor(name: string, lans: readonly LanConfig[], site: Site, there?: string): Plan {
  const format = formats[name]!
  return {
    format: name,
    place: format.place,
    site: formatPrefix(site.sitePrefix),
    notes: lans.flatMap(lan => notesOf(lan, format, name)),
    configuration: format.text(lans.map(lan => servedLan(lan, site, there))),
  }
}

function showPlan({ format, place, site, notes, configuration }: Plan): string {
  const { comment } = formats[format]!
  const lines = [`siteplane plan --format ${format}, for site ${site}: ${place}`, ...notes]
  return `${lines.map(line => `${comment} ${line}\n`).join('')}${configuration}`
}

function servedLan(lan: LanConfig, site: Site, there: string | undefined): ServedLan {
  const plan = lanPlan(site.sitePrefix, lan.subnet)
  const { lifetimes, mtu } = advertiseOf(lan)
  return {
    interface: there ?? lan.interface,
    plan,
    networkPrefix: site.networkPrefix,
    spare: (plan.router + 1n) as Ip6,
    onLinkFor: lifetimes,
    leases: lan.dhcpv6 === 'off' ? usualLeases : lan.dhcpv6.lifetimes,
    dns: lan.dns,
    mtu,
    reservations: lan.reservations.filter(isServable).map(({ duid, hwAddress, hostname, ipAddresses }) => ({
      duid,
      mac: hwAddress,
      hostname,
      addresses: [...new Set(ipAddresses.map(address => hereAs(address, plan)))],
    })),
  }
}

/** A reserved address in this network, where it may be written as that of another one of the LAN. */
function hereAs(address: Ip6, { prefix }: LanPlan): Ip6 {
  const whole = underPrefix(address, prefix.address)
  return contains(prefix, whole) ? whole : addressIn(prefix, whole & (2n ** BigInt(128 - prefix.length) - 1n))
}

// What our own server gives where nothing is said.
const usualLeases = { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 }

/** Reservations that other servers can have too: of an address, for a host known by its DUID or MAC. */
const isServable = ({ duid, iaid, hwAddress, ipAddresses }: LanConfig['reservations'][number]): boolean =>
  ipAddresses.length > 0 && iaid === undefined && (duid ?? hwAddress) !== undefined

function notesOf(lan: LanConfig, { part }: Format, format: string): string[] {
  const { interface: name, advertise } = lan
  const several = lan.networks.length > 1 ? [severalNote(lan)] : []
  if (part === 'advertisements')
    return advertise === 'off'
      ? several
      : [...several, `siteplane.yaml must say advertise: off for ${name}, where siteplane advertises itself`]
  const notes: string[] = several
  if (lan.dhcpv6 !== 'off')
    notes.push(`siteplane.yaml must say dhcpv6: off for ${name}, where siteplane has a server itself`)
  if (advertise !== 'off' && advertise.managed !== true)
    notes.push(`siteplane.yaml must say advertise: {managed: true} for ${name}: hosts ask for addresses only then`)
  const left = leftOut(lan, format)
  if (left.length > 0) notes.push(`not in it, of ${name}: ${left.join(', ')}`)
  return notes
}

const severalNote = ({ interface: name, networks }: LanConfig): string =>
  `${name} is in several networks, and this is its part of one: put those of each together, by --config FILE --network ${networks.map(formatNetworkId).join(' and ')}`

function leftOut({ reservations, ntp, delegate, dhcpv6 }: LanConfig, format: string): string[] {
  const other = reservations.filter(each => !isServable(each)).length
  return [
    ...(other > 0 ? [`${other} reservations that ${format} has no words for`] : []),
    ...(ntp.servers.length > 0 ? ['ntp'] : []),
    ...(delegate ? ['delegate'] : []),
    ...(dhcpv6 !== 'off' && dhcpv6.options.length > 0 ? ['dhcpv6.options'] : []),
  ]
}
