/**
 * Relations between keys of the file. Each rule looks at what it is given only where that has the right type, so that all
 * problems of a file are told at once: a wrong type is a problem of its own, and not this one.
 */
import type * as z from 'zod'

type Context = z.core.$RefinementCtx

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** The keys of a mapping; none where something else stands in its place. */
export function keysOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

export function problem(context: Context, path: (string | number)[], message: string): void {
  context.addIssue({ code: 'custom', path, message })
}

/** A static overlay says what ZeroTier would; ZeroTier is not told what it knows better. */
export function checkOverlay(value: unknown, context: Context): void {
  const { kind, ...given } = keysOf(value)
  if (kind === 'static') {
    if (given['node'] === undefined) problem(context, ['node'], 'is missing: a static overlay needs its node address')
    if (given['interface'] === undefined) problem(context, ['interface'], 'is missing: a static overlay needs one')
    if (given['home'] !== undefined) problem(context, ['home'], 'has no meaning for a static overlay')
  } else if (kind === 'zerotier') {
    for (const key of ['node', 'interface'] as const) {
      if (given[key] !== undefined) problem(context, [key], `is for kind: static; ZeroTier says its ${key} itself`)
    }
  }
}

/** The interval between unsolicited advertisements. RFC 4861 section 6.2.1. */
export function checkInterval(value: unknown, context: Context): void {
  const { min, max } = keysOf(value)
  if (!isNumber(min) || !isNumber(max)) return
  const most = Math.floor(max * 0.75)
  if (min > most && min >= 3) problem(context, ['min'], `must be at most ${most}, three quarters of max`)
}

/** What an advertisement says must last until the next one. RFC 4861 section 6.2.1. */
export function checkRouteLifetimes(value: unknown, context: Context): void {
  const { interval, lifetimes } = keysOf(value)
  const { max } = keysOf(interval)
  if (!isNumber(max)) return
  for (const key of ['network', 'lan']) {
    const lifetime = keysOf(lifetimes)[key]
    if (isNumber(lifetime) && lifetime < max) {
      problem(context, ['lifetimes', key], `must be at least interval.max (${max}), or hosts forget it in between`)
    }
  }
}

/** T1 <= T2 <= preferred <= valid. RFC 9915 section 21.4. */
export function checkLeaseTimes(value: unknown, context: Context): void {
  const times = keysOf(value)
  const order = ['t1', 't2', 'preferred', 'valid'].filter(key => isNumber(times[key]))
  for (const [i, key] of order.entries()) {
    const next = order[i + 1]
    if (next === undefined || Number(times[key]) <= Number(times[next])) continue
    problem(context, [key], `must not be longer than ${next} (${times[next]})`)
  }
}

/** Hosts that aren't told to ask for an address don't, and have none then. RFC 4861 section 4.2. */
export function checkFlags(value: unknown, context: Context): void {
  const { advertise, dhcpv6 } = keysOf(value)
  if (dhcpv6 === 'off') return
  for (const key of ['managed', 'otherConfig']) {
    if (keysOf(advertise)[key] === false)
      problem(context, ['advertise', key], 'is always true with our own DHCPv6 server: hosts would not ask it')
  }
}

/** Hosts make addresses of what we advertise, and only on our own link. */
export function checkSlaac(value: unknown, context: Context): void {
  const { slaac, advertise, relay } = keysOf(value)
  if (slaac !== true) return
  if (relay !== undefined) problem(context, ['slaac'], 'has no meaning here: hosts behind a relay hear another router')
  else if (advertise === 'off')
    problem(context, ['slaac'], 'needs advertise: hosts make addresses of a prefix that this router tells them')
}

/** What passes netfilter by is not translated. */
export function checkSlaacTurbo(value: unknown, context: Context): void {
  const { fastPath, lan } = keysOf(value)
  if (!Array.isArray(lan) || ![true, 'force'].includes(keysOf(fastPath)['turbo'] as true)) return
  const i = lan.findIndex(each => keysOf(each)['slaac'] === true)
  if (i >= 0) problem(context, ['fastPath', 'turbo'], `can't be with lan[${i}].slaac, whose hosts netfilter translates`)
}

const repeatable = [16, 17] // once for each enterprise, RFC 9915 section 21.16

/** Each option of a LAN once, and none that another key makes. */
export function checkOptions(value: unknown, context: Context): void {
  const { dhcpv6, ntp } = keysOf(value)
  checkEachOnce(keysOf(dhcpv6)['options'], ntp, ['dhcpv6', 'options'], context)
}

/** The same of a reservation, where another path leads to them. */
export function checkOwnOptions(value: unknown, context: Context): void {
  const { options, ntp } = keysOf(value)
  checkEachOnce(options, ntp, ['options'], context)
}

function checkEachOnce(options: unknown, ntp: unknown, path: readonly string[], context: Context): void {
  const { servers } = keysOf(ntp)
  const taken = new Map<unknown, string>()
  if (Array.isArray(servers) && servers.length > 0) for (const code of [31, 56]) taken.set(code, 'ntp.servers')
  for (const [i, option] of (Array.isArray(options) ? options : []).entries()) {
    const { code } = keysOf(option)
    if (!isNumber(code) || repeatable.includes(code)) continue
    const before = taken.get(code)
    if (before === undefined) taken.set(code, `options[${i}]`)
    else problem(context, [...path, i], `option ${code} is given by ${before} already`)
  }
}

/** No two LANs share an interface or a part of the /80; those behind a relay share the interface of the LAN that it stands on. */
export function checkLans(value: unknown, context: Context): void {
  const interfaces = new Map<unknown, number>()
  const subnets = new Map<unknown, number>()
  if (!Array.isArray(value)) return
  for (const [i, entry] of value.entries()) {
    if (typeof entry !== 'object') continue
    const { interface: name, subnet, relay } = keysOf(entry)

    const same = interfaces.get(name)
    if (relay === undefined && same === undefined) interfaces.set(name, i)
    else if (relay === undefined && typeof name === 'string')
      problem(context, [i, 'interface'], `${name} is the interface of lan[${same}] already`)

    const { delegate } = keysOf(entry)
    if ('delegate' in keysOf(entry) && delegate === undefined)
      problem(context, [i, 'delegate'], 'says nothing: write "delegate: {}" for the usual prefixes')
    if (relay !== undefined && delegate !== undefined)
      problem(context, [i, 'delegate'], 'has no meaning here: what is behind a relay gets no prefixes')

    if (relay !== undefined && subnet === undefined) continue // checkRelays has a sentence for it
    const taken = subnets.get(subnet)
    if (taken === undefined) subnets.set(subnet, i)
    else if (subnet === undefined)
      problem(context, [i], `needs a subnet (0 to 63): only one LAN may be without, and lan[${taken}] is`)
    else if (isNumber(subnet)) problem(context, [i, 'subnet'], `${subnet} is the subnet of lan[${taken}] already`)
  }
}

/** A LAN and the overlay are different links, or nothing would be routed. */
export function checkLinks(value: unknown, context: Context): void {
  const { overlay, overlays, lan } = keysOf(value)
  const names = [overlay, ...(Array.isArray(overlays) ? overlays : [])].map(each => keysOf(each)['interface'])
  if (!Array.isArray(lan)) return
  for (const [i, entry] of lan.entries()) {
    const { interface: name } = keysOf(entry)
    if (name === undefined || !names.includes(name)) continue
    problem(context, ['lan', i, 'interface'], `${String(name)} is the interface of the overlay already`)
  }
}
