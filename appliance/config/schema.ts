/**
 * What the file may say. Text goes in, numbers of the right kind come out: nothing past this folder parses an id or an address.
 * Keys that are left out get defaults that suit a LAN which already has its own default router and DNS.
 */
import * as z from 'zod'
import { type Prefix, unspecified } from '../base/ip6.ts'
import { maxSubnet, translationBlock } from '../plane/plan.ts'
import { delegation } from './delegation.ts'
import { ownOption } from './dhcp-option.ts'
import { checkIpv4, ipv4 } from './ipv4.ts'
import { checkOverlays, mostOverlays, networksOf, type OverlayConfig, overlay } from './overlay.ts'
import { checkRelays, relay } from './relay.ts'
import { reservation } from './reservation.ts'
import { checkReservations } from './reservation-rules.ts'
import {
  checkFlags,
  checkInterval,
  checkLans,
  checkLeaseTimes,
  checkLinks,
  checkOptions,
  checkRouteLifetimes,
  checkSlaac,
  checkSlaacTurbo,
} from './rules.ts'
import { dns, ntp, server } from './servers.ts'
import { interfaceName, listen, path } from './text.ts'

export const defaultConfigFile = '/etc/siteplane/siteplane.yaml'
export const defaultSocket = '/run/siteplane/api.sock'

const infinite = 0xffff_ffff // seconds; RFC 4861 section 4.6.2, RFC 9915 section 7.7

const seconds = z.int().min(1).max(infinite)

// MaxRtrAdvInterval goes up to 65535 by RFC 8319 section 4; MinRtrAdvInterval follows it by RFC 4861 section 6.2.1.
const interval = z
  .strictObject({
    max: z.int().min(4).max(65_535).default(600).describe('seconds'),
    min: z.int().min(3).optional().describe('seconds; a third of max unless given'),
  })
  .superRefine(checkInterval, { when: () => true })
  .transform(({ min, max }) => ({ min: min ?? (max < 9 ? max : Math.floor(max / 3)), max }))

const advertise = z
  .strictObject({
    networkOnLink: z.boolean().default(true).describe('say the /40 is on-link and answer solicitations for it'),
    managed: z.boolean().optional().describe('hosts get addresses by DHCPv6; with a server of ours always true'),
    otherConfig: z.boolean().optional().describe('hosts get other settings by DHCPv6; as managed unless given'),
    mtu: z.int().min(1280).max(65_535).optional().describe('octets; no MTU option unless given'),
    interval: interval.prefault({}),
    lifetimes: z
      .strictObject({
        network: seconds.default(1800).describe('seconds that hosts keep the route to the /40'),
        lan: seconds.default(86_400).describe("seconds that hosts keep the LAN's own prefix"),
      })
      .prefault({}),
  })
  .superRefine(checkRouteLifetimes, { when: () => true })

const leastT1 = 20 // seconds, unless one says otherwise; wide-dhcp6c raises less to 18 by itself, systemd-networkd is up to 10 s late
const leastT2 = 30

// T1 and T2 follow the preferred lifetime unless they are given. RFC 9915 section 21.4.
const leaseTimes = z
  .strictObject({
    preferred: seconds.default(3600).describe('seconds'),
    valid: seconds.default(86_400).describe('seconds'),
    t1: seconds.optional().describe('seconds; half of preferred unless given, and then at least 20'),
    t2: seconds.optional().describe('seconds; four fifths of preferred unless given, and then at least 30'),
  })
  .superRefine(checkLeaseTimes, { when: () => true })
  .transform(({ preferred, valid, t1, t2 }) => {
    const part = (share: number, least: number) =>
      preferred === infinite ? infinite : Math.min(preferred, Math.max(least, Math.floor(preferred * share)))
    const renew = t1 ?? Math.min(part(0.5, leastT1), t2 ?? infinite)
    return { preferred, valid, t1: renew, t2: t2 ?? Math.max(part(0.8, leastT2), renew) }
  })

/** The settings of something, or that it isn't done at all. */
const orOff = <Settings extends z.ZodType>(settings: Settings) =>
  z.union([z.enum(['off']), settings], { error: 'must be off, or a mapping of keys to values' })

const lan = z
  .strictObject({
    interface: interfaceName.describe('the interface of the LAN'),
    subnet: z
      .int()
      .min(0)
      .max(maxSubnet)
      .optional()
      .describe('absent on at most one LAN: the first, on-link as the whole /80'),
    overlays: z
      .array(z.string())
      .min(1)
      .optional()
      .describe('the names or networks of the overlays that it is in, where there are several'),
    relay: relay.optional().describe('for a LAN behind a router on the LAN of this interface'),
    advertise: orOff(advertise).prefault({}),
    dhcpv6: orOff(
      z.strictObject({
        preference: z.int().min(0).max(255).default(255).describe('255: clients take this server at once'),
        rapidCommit: z
          .boolean()
          .default(true)
          .describe('answer at once who asks for that, unless another server is there'),
        probe: z.boolean().default(false).describe('ask the LAN for an address before its first offer'),
        allowAddressRegistration: z.boolean().default(true).describe('hosts may tell of addresses of their own making'),
        lifetimes: leaseTimes.prefault({}),
        options: z.array(ownOption).max(64).default([]).describe('options of your own'),
        leasequery: z
          .strictObject({
            requesters: z.array(server).max(64).default([]).describe('addresses that may ask about leases'),
          })
          .prefault({}),
      }),
    ).prefault({}),
    reservations: z.array(reservation).max(16_384).default([]).describe('what certain hosts always get'),
    delegate: delegation.optional().describe('prefixes for what lies behind a host; none unless given'),
    ipv4: ipv4.optional().describe('DHCPv4 for the hosts; nothing of it unless given'),
    slaac: z
      .boolean()
      .default(false)
      .describe('hosts without DHCPv6 make addresses of their own, and are translated on their way to other sites'),
    dns: dns.prefault({}),
    ntp: ntp.prefault({}),
  })
  .superRefine(checkSlaac, { when: () => true })
  .superRefine(checkOptions, { when: () => true })
  .superRefine(checkFlags, { when: () => true })

const fastPathMode = z
  .enum(['auto', 'stateless', 'emulate', 'netlink', 'off'])
  .describe('how packets find their next hop on the overlay; auto: the best of them that works here')

const fastPath = z
  .union([
    fastPathMode.transform(mode => ({ mode, turbo: false as boolean | 'force' })),
    z.strictObject({
      mode: fastPathMode.default('auto'),
      turbo: z
        .union([z.boolean(), z.literal('force')])
        .default(false)
        .describe(
          'LAN packets go straight to the overlay, past netfilter; force: although it has rules for forwarding',
        ),
    }),
  ])
  .describe('a mode alone, or an object with mode and turbo')

const usualAdvertise = advertise.parse({})

export const configSchema = z
  .strictObject({
    overlay: overlay.optional(),
    overlays: z.array(overlay).min(1).max(mostOverlays).optional().describe('several, in place of overlay'),
    lan: z
      .array(lan)
      .superRefine(checkLans, { when: () => true })
      .superRefine(checkIpv4, { when: () => true })
      .superRefine(checkRelays(usualAdvertise), { when: () => true }),
    fastPath: fastPath.prefault('auto'),
    http: z
      .strictObject({
        listen: listen.prefault('127.0.0.1:8680').describe('address:port, or off'),
        socket: path.max(107).default(defaultSocket).describe('Unix socket of the API'),
      })
      .prefault({}),
    stateDirectory: path.default('/var/lib/siteplane').describe('leases, identity and bookkeeping'),
    log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') }).prefault({}),
  })
  .superRefine(checkOverlays, { when: () => true })
  .superRefine(checkLinks, { when: () => true })
  .superRefine(checkSlaacTurbo, { when: () => true })
  .superRefine(checkReservations, { when: () => true })
  .transform(({ overlay: short, overlays: list, lan, ...rest }) => {
    const overlays: readonly OverlayConfig[] = list ?? [short!]
    return {
      ...rest,
      overlay: overlays[0]!,
      overlays,
      lan: lan.map(({ overlays: place, ...each }, i) => ({
        ...each,
        networks: networksOf(lan[i]!, lan, overlays),
        ...elsewhere(lan[i]!, lan),
      })),
    }
  })

/** LANs may delegate from one pool: what is reserved on the others is for nobody here, nor what hosts are translated to. */
interface Reserving {
  readonly slaac: boolean
  readonly reservations: readonly { readonly prefixes: readonly Prefix[] }[]
}
function elsewhere<Lan extends Reserving>(
  here: Lan,
  lans: readonly Lan[],
): { readonly reservedElsewhere: readonly Prefix[] } {
  const others = lans.filter(each => each !== here)
  const reserved = others.flatMap(({ reservations }) => reservations.flatMap(({ prefixes }) => prefixes))
  return { reservedElsewhere: [...reserved, ...translatedIn(lans, anySite)] }
}

const anySite: Prefix = { address: unspecified, length: 80 }

/** What hosts of these LANs are translated to, in the site's prefix. */
export const translatedIn = (lans: readonly { readonly slaac: boolean }[], sitePrefix: Prefix): readonly Prefix[] =>
  lans.some(({ slaac }) => slaac) ? [translationBlock(sitePrefix)] : []

export type { OverlayConfig }
/** `overlay` is the first of `overlays`; `networks` of a LAN are those that it is in, one or more. */
export type Config = z.output<typeof configSchema>
export type LanConfig = Config['lan'][number]

/** The configuration of each overlay, with the LANs that are in it. */
export function configsByOverlay(config: Config): Config[] {
  return config.overlays.map(overlay => ({
    ...config,
    overlay,
    overlays: [overlay],
    lan: config.lan.filter(({ networks }) => networks.includes(overlay.network)),
  }))
}

/** What hosts of a LAN shall hear: from us, or where that is off from another router. */
export const advertiseOf = (lan: Pick<LanConfig, 'advertise'>): typeof usualAdvertise =>
  lan.advertise === 'off' ? usualAdvertise : lan.advertise

/** The JSON Schema (2020-12) of the file, for editors. Relations between keys are not in it. */
export function jsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, { io: 'input' }) as JsonSchema
  return { title: 'siteplane.yaml', ...schema }
}

/** The part of a JSON Schema that walks of it need. */
export interface JsonSchema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly [keyword: string]: unknown
}
