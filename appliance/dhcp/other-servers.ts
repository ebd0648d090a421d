/**
 * Other DHCPv6 servers of the LAN, found by a Solicit of our own. A host takes one server, so that whatever another one has to
 * give is lost to hosts that take us, and the operator must hear of it. One that grants Rapid Commit wins hosts over from us
 * whatever our preference, since they take a Reply at once: each is asked once whether it does, and gets back what it gave.
 */

import { hostName } from '../base/domain-name.ts'
import { contains, formatIp6, type Ip6, type Prefix, parseIp6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import type { Duid } from './duid.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from './message.ts'
import { findOption, findOptions, type Option, optionCode } from './options.ts'

export interface OtherServer {
  readonly linkLocal: Ip6
  readonly mac: Mac
  readonly serverDuid: Duid
  readonly preference: number
  readonly addresses: readonly Ip6[] // that it offered us
  readonly offers: readonly string[] // `address fd00::1f4`, `DNS server fd00::1` and so on
  readonly rapidCommit: boolean | undefined // undefined: it hasn't said yet
}

/** What a frame told: a server that was not known before, or a lease that one has just committed to us, and how to return it. */
export type Heard =
  | { readonly kind: 'found'; readonly server: OtherServer }
  | { readonly kind: 'committed'; readonly server: OtherServer; readonly release: Uint8Array }

interface Sender {
  readonly mac: Mac
  readonly linkLocal: Ip6
}

const clientPort = 546 // RFC 9915 section 7.2
const serverPort = 547
const allServers = parseIp6('ff02::1:2') // RFC 9915 section 7.1
const mostServers = 16 // a stranger can pretend to be any number of them
const mostOffers = 12
const mostMissed = 3 // searches that a server may leave unanswered before it counts as gone

export class OtherServers {
  readonly #own: Duid
  readonly #servers = new Map<Duid, { server: OtherServer; missed: number }>()
  #search: number | undefined // transaction of the newest plain Solicit
  #question: number | undefined // and of the newest one that asks for Rapid Commit

  constructor(own: Duid) {
    this.#own = own
  }

  list(): OtherServer[] {
    return [...this.#servers.values()].map(({ server }) => server)
  }

  /** Whether a server has not said yet if it grants Rapid Commit. */
  get uncertain(): boolean {
    return this.list().some(({ rapidCommit }) => rapidCommit === undefined)
  }

  /** A Solicit from us to all servers, as a whole frame. A server that has not answered the last few is forgotten. */
  search(from: Sender, transaction: number): Uint8Array {
    for (const [duid, entry] of this.#servers) if (++entry.missed > mostMissed) this.#servers.delete(duid)
    this.#search = transaction
    return this.#solicit(from, transaction, [])
  }

  /** The same with Rapid Commit: whoever grants it commits a lease to us, which `hear` tells how to give back. */
  ask(from: Sender, transaction: number): Uint8Array {
    this.#question = transaction
    return this.#solicit(from, transaction, [{ kind: 'rapid-commit' }])
  }

  /** A frame to a DHCPv6 client. Throws a DecodeError. */
  hear(frame: Uint8Array, from: Sender): Heard | undefined {
    const { sender, source, bytes } = decodeFrame(frame)
    const message = decodeMessage(bytes)
    const duid = findOption(message.options, 'server-id')?.duid
    if (duid === undefined || duid === this.#own) return undefined
    if (message.transaction === this.#question) return this.#answered(duid, message, from)
    if (message.transaction !== this.#search || message.type !== MessageType.advertise) return undefined
    const known = this.#servers.get(duid)
    if (!known && this.#servers.size >= mostServers) return undefined
    const server: OtherServer = {
      linkLocal: source,
      mac: sender,
      serverDuid: duid,
      preference: findOption(message.options, 'preference')?.value ?? 0,
      addresses: addressesOf(message).slice(0, mostOffers),
      offers: offersOf(message),
      rapidCommit: known?.server.rapidCommit,
    }
    this.#servers.set(duid, { server, missed: 0 })
    return known ? undefined : { kind: 'found', server }
  }

  #answered(duid: Duid, message: Message, from: Sender): Heard | undefined {
    const known = this.#servers.get(duid)
    if (!known) return undefined
    const commits = message.type === MessageType.reply && findOption(message.options, 'rapid-commit') !== undefined
    if (!commits && message.type !== MessageType.advertise) return undefined
    const server = { ...known.server, rapidCommit: commits }
    this.#servers.set(duid, { server, missed: 0 })
    if (!commits) return undefined
    const leases = findOptions(message.options, 'ia-na')
    const options: Option[] = [
      { kind: 'client-id', duid: this.#own },
      { kind: 'server-id', duid },
      { kind: 'elapsed-time', hundredths: 0 },
      ...leases,
    ]
    return {
      kind: 'committed',
      server,
      release: this.#frame(from, MessageType.release, message.transaction ^ 1, options),
    }
  }

  #solicit(from: Sender, transaction: number, more: readonly Option[]): Uint8Array {
    return this.#frame(from, MessageType.solicit, transaction, [
      { kind: 'client-id', duid: this.#own },
      ...more,
      { kind: 'elapsed-time', hundredths: 0 },
      { kind: 'option-request', codes: (['dns-servers', 'domain-list', 'sol-max-rt'] as const).map(optionCode) },
      { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [] },
    ])
  }

  #frame(from: Sender, type: Message['type'], transaction: number, options: readonly Option[]): Uint8Array {
    const ports = { sourcePort: clientPort, destinationPort: serverPort }
    const bytes = encodeMessage({ type, transaction, options })
    return encodeFrame({ sender: from.mac, source: from.linkLocal, destination: allServers, ...ports, bytes })
  }
}

const addressesOf = ({ options }: Message): Ip6[] =>
  findOptions(options, 'ia-na')
    .flatMap(ia => findOptions(ia.options, 'ia-address'))
    .map(({ address }) => address)

/** What is shown of an offer: a stranger wrote it, so the names are checked and the list has an end. */
function offersOf(message: Message): string[] {
  const { options } = message
  const names = (findOption(options, 'domain-list')?.names ?? []).map(hostName).filter(name => name !== undefined)
  return [
    ...addressesOf(message).map(address => `address ${formatIp6(address)}`),
    ...(findOption(options, 'dns-servers')?.servers ?? []).map(server => `DNS server ${formatIp6(server)}`),
    ...names.map(name => `search domain ${name}`),
  ].slice(0, mostOffers)
}

/** Whether hosts may take the other server although we serve them, with this preference. */
export function mayWin({ preference, rapidCommit }: OtherServer, ours: number): boolean {
  return preference >= ours || rapidCommit === true
}

/** What another server means for the hosts of a LAN that we serve with this preference, as a sentence. */
export function consequence(server: OtherServer, ours: number, link: string): string {
  const { linkLocal, mac, preference, rapidCommit, offers } = server
  const who = `the DHCPv6 server ${formatIp6(linkLocal)} (${mac})`
  if (preference >= ours)
    return `hosts on ${link} may take ${who}, whose preference is ${preference} and ours ${ours}, and have no address of this site then`
  if (rapidCommit)
    return `hosts on ${link} that ask for Rapid Commit (systemd-networkd, NetworkManager, dhcpcd) take ${who} if it answers first, and have no address of this site then: switch its DHCPv6 server off, their internet address by SLAAC stays`
  const loss = offers.length === 0 ? 'nothing, as it offered us nothing' : offers.join(', ')
  return `hosts on ${link} take their address from us and not from ${who}; what they lose by it: ${loss}`
}

/** What another server means for the hosts of a LAN with these prefixes where ours is off, as a sentence. */
export function served(
  { linkLocal, mac, addresses, offers }: OtherServer,
  prefixes: readonly Prefix[],
  link: string,
): string {
  const who = `the DHCPv6 server ${formatIp6(linkLocal)} (${mac})`
  if (addresses.some(address => prefixes.some(each => contains(each, address))))
    return `${who} has addresses of this site for hosts on ${link}`
  const offer = offers.length === 0 ? 'nothing' : offers.join(', ')
  return `${who} has no address of this site for hosts on ${link}; it offered us ${offer}`
}
