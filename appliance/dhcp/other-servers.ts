/**
 * Other DHCPv6 servers of the LAN, found by a Solicit of our own. A host takes one server, so that whatever another one has to
 * give is lost to hosts that take us, and the operator must hear of it.
 */
import { formatIp6, type Ip6 } from '../base/ip6.ts'
import type { Mac } from '../base/mac.ts'
import { hostName } from './domain-name.ts'
import type { Duid } from './duid.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from './message.ts'
import { findOption, findOptions, optionCode } from './options.ts'

export interface OtherServer {
  readonly linkLocal: Ip6
  readonly mac: Mac
  readonly serverDuid: Duid
  readonly preference: number
  readonly offers: readonly string[] // `address fd00::1f4`, `DNS server fd00::1` and so on
}

const clientPort = 546 // RFC 9915 section 7.2
const serverPort = 547
const mostServers = 16 // a stranger can pretend to be any number of them
const mostOffers = 12
const mostMissed = 3 // searches that a server may leave unanswered before it counts as gone

export class OtherServers {
  readonly #own: Duid
  readonly #servers = new Map<Duid, { server: OtherServer; missed: number }>()
  #transaction: number | undefined

  constructor(own: Duid) {
    this.#own = own
  }

  list(): OtherServer[] {
    return [...this.#servers.values()].map(({ server }) => server)
  }

  /** A Solicit from us to all servers, as a whole frame. A server that has not answered the last few is forgotten. */
  search(from: { readonly mac: Mac; readonly linkLocal: Ip6 }, to: Ip6, transaction: number): Uint8Array {
    for (const [duid, entry] of this.#servers) if (++entry.missed > mostMissed) this.#servers.delete(duid)
    this.#transaction = transaction
    const bytes = encodeMessage({
      type: MessageType.solicit,
      transaction,
      options: [
        { kind: 'client-id', duid: this.#own },
        { kind: 'elapsed-time', hundredths: 0 },
        { kind: 'option-request', codes: (['dns-servers', 'domain-list', 'sol-max-rt'] as const).map(optionCode) },
        { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [] },
      ],
    })
    const ports = { sourcePort: clientPort, destinationPort: serverPort }
    return encodeFrame({ sender: from.mac, source: from.linkLocal, destination: to, ...ports, bytes })
  }

  /** A frame to a DHCPv6 client. Returns a server that was not known before. Throws a DecodeError. */
  hear(frame: Uint8Array): OtherServer | undefined {
    const { sender, source, bytes } = decodeFrame(frame)
    const message = decodeMessage(bytes)
    const duid = findOption(message.options, 'server-id')?.duid
    if (message.type !== MessageType.advertise || message.transaction !== this.#transaction) return undefined
    if (duid === undefined || duid === this.#own) return undefined
    const known = this.#servers.has(duid)
    if (!known && this.#servers.size >= mostServers) return undefined
    const preference = findOption(message.options, 'preference')?.value ?? 0
    const server = { linkLocal: source, mac: sender, serverDuid: duid, preference, offers: offersOf(message) }
    this.#servers.set(duid, { server, missed: 0 })
    return known ? undefined : server
  }
}

/** What is shown of an offer: a stranger wrote it, so the names are checked and the list has an end. */
function offersOf({ options }: Message): string[] {
  const addresses = findOptions(options, 'ia-na').flatMap(ia => findOptions(ia.options, 'ia-address'))
  const names = (findOption(options, 'domain-list')?.names ?? []).map(hostName).filter(name => name !== undefined)
  return [
    ...addresses.map(({ address }) => `address ${formatIp6(address)}`),
    ...(findOption(options, 'dns-servers')?.servers ?? []).map(server => `DNS server ${formatIp6(server)}`),
    ...names.map(name => `search domain ${name}`),
  ].slice(0, mostOffers)
}

/** What another server means for the hosts of a LAN that we serve with this preference, as a sentence. */
export function consequence({ linkLocal, mac, preference, offers }: OtherServer, ours: number, link: string): string {
  const who = `the DHCPv6 server ${formatIp6(linkLocal)} (${mac})`
  if (preference >= ours)
    return `hosts on ${link} may take ${who}, whose preference is ${preference} and ours ${ours}, and have no address of this site then`
  const loss = offers.length === 0 ? 'nothing, as it offered us nothing' : offers.join(', ')
  return `hosts on ${link} take their address from us and not from ${who}; what they lose by it: ${loss}`
}
