import { type Ip4, ip4Bytes, parseInterfaceAddress4, parseIp4 } from '../../../appliance/base/ip4.ts'
import { type Mac, parseMac } from '../../../appliance/base/mac.ts'
import type { Context4 } from '../../../appliance/dhcp4/choice.ts'
import { type Lease4, Table4 } from '../../../appliance/dhcp4/lease.ts'
import { type Message4, option, type Type4, type4 } from '../../../appliance/dhcp4/message.ts'
import { Offers } from '../../../appliance/dhcp4/offers.ts'
import type { Scope4 } from '../../../appliance/dhcp4/scope.ts'

export const us = parseIp4('192.168.8.1')
export const macA = parseMac('02:00:00:00:00:0a')
export const macB = parseMac('02:00:00:00:00:0b')
export const start = 1_800_000_000_000

export const scope: Scope4 = {
  subnet: parseInterfaceAddress4('192.168.8.1/24'),
  pool: { first: parseIp4('192.168.8.100'), last: parseIp4('192.168.8.199') },
  routers: [],
  dns: { servers: [], search: [] },
  lifetimes: { valid: 3600, t1: 1800, t2: 3150 },
  v6OnlyPreferred: undefined,
  reservations: [],
  besideOthers: false,
}

/** A context in which nobody answers probes, with leases and offers that a test may fill. */
export function contextOf(
  over: Partial<Context4> = {},
): Context4 & { readonly leases: Table4; readonly offers: Offers } {
  return {
    scope,
    secret: new Uint8Array(32),
    now: start,
    others: 'none',
    probed: () => 'silent',
    ...over,
    leases: (over.leases as Table4) ?? new Table4(),
    offers: (over.offers as Offers) ?? new Offers(),
  }
}

const nothing = 0 as Ip4

export interface Asked {
  readonly mac?: Mac
  readonly ciaddr?: string
  readonly giaddr?: string
  readonly wants?: string // the requested address
  readonly server?: string
  readonly id?: Uint8Array
  readonly broadcast?: boolean
  readonly parameters?: readonly number[]
}

export function message(type: Type4, asked: Asked = {}): Message4 {
  const { mac = macA, ciaddr, giaddr, wants, server, id, broadcast = false, parameters } = asked
  const options = new Map<number, Uint8Array>([[option.messageType, Uint8Array.of(type4[type])]])
  if (wants !== undefined) options.set(option.requestedAddress, ip4Bytes(parseIp4(wants)))
  if (server !== undefined) options.set(option.serverIdentifier, ip4Bytes(parseIp4(server)))
  if (id) options.set(option.clientIdentifier, id)
  if (parameters) options.set(option.parameterRequestList, Uint8Array.from(parameters))
  return {
    op: 'request',
    xid: 0x1234_5678,
    broadcast,
    ciaddr: ciaddr === undefined ? nothing : parseIp4(ciaddr),
    yiaddr: nothing,
    giaddr: giaddr === undefined ? nothing : parseIp4(giaddr),
    mac,
    options,
  }
}

export const leaseOf = (address: string, over: Partial<Lease4> = {}): Lease4 => ({
  address: parseIp4(address),
  client: macA,
  clientId: undefined,
  mac: macA,
  hostname: undefined,
  state: 'bound',
  grantedAt: start,
  validUntil: start + 3_600_000,
  ...over,
})
export const holds = (context: ReturnType<typeof contextOf>, lease: Lease4) =>
  context.leases.apply([{ address: lease.address, lease }])
