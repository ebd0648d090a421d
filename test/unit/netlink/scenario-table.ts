/** What the twin and the real kernel must both do, as data: intents, and what is in the kernel then, in the words of `ip -6`. */
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { type Intent, noIntent } from '../../../appliance/netlink/intent.ts'
import type { KernelState } from '../../../appliance/netlink/kernel.ts'
import { formatOwn } from '../../../appliance/netlink/reconcile-text.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const network = parseNetworkId('8056c2e21c000001') // fc9c:56c2:e300::/40
export const siteA = siteOf(network, parseNodeAddress('89e93005ee')) // fc9c:56c2:e389:e930:5ee::/80
export const siteB = siteOf(network, parseNodeAddress('0a0b0c0d0e')) // fc9c:56c2:e30a:b0c:d0e::/80

/** Of another network. */
export const siteC = siteOf(parseNetworkId('610252ad3bc0ffee'), parseNodeAddress('3f0f010c29'))

/** The links of every scenario: two LANs, an overlay, and the way to the internet, which is none of ours. */
export const links = ['eth1', 'eth2', 'zt0', 'wan0'] as const

interface Given {
  readonly site?: typeof siteA
  readonly overlay?: string
  readonly assignAddress?: boolean
  readonly lans?: readonly { readonly link: string; readonly subnet?: number }[]
  readonly resolver?: Intent['resolver']
  readonly routes?: Intent['routes']
  readonly fastPath?: boolean // the stateless next hop, and programs on overlay and LANs
}

/** What a test's programs are: numbers that a world has for those that it has loaded. */
export const testPrograms = { overlayIngress: 1, overlayEgress: 2, lanIngress: 3, besideLanIngress: 4 } as const
const overlayPrograms = [
  { point: 'ingress', id: testPrograms.overlayIngress },
  { point: 'egress', id: testPrograms.overlayEgress },
] as const

export function intent({
  site = siteA,
  overlay,
  assignAddress = false,
  lans = [],
  resolver,
  routes = [],
  fastPath = false,
}: Given): Intent {
  const programs = [
    ...(overlay === undefined ? [] : overlayPrograms.map(each => ({ link: overlay, ...each }))),
    ...lans.map(({ link }) => ({ link, point: 'ingress', id: testPrograms.lanIngress }) as const),
  ]
  return {
    site,
    overlay: overlay === undefined ? undefined : { link: overlay, assignAddress },
    lans: lans.map(({ link, subnet }) => ({ link, plan: lanPlan(site.sitePrefix, subnet) })),
    resolver: resolver ?? 'off',
    nextHop: fastPath ? 'stateless' : 'on-link',
    programs: fastPath ? programs : [],
    routes,
  }
}

const acceptRa = `
  sysctl ipv6/conf/eth1/accept_ra=2
  sysctl ipv6/conf/eth2/accept_ra=2
  sysctl ipv6/conf/wan0/accept_ra=2`

const overlayZt0 = `
  route fc9c:56c2:e300::/40 dev zt0 table 80 proto 80 metric 1024
  rule 1081: iif zt0 prohibit proto 80
  sysctl ipv6/conf/zt0/accept_ra=0
  sysctl ipv6/conf/zt0/accept_redirects=0
  sysctl ipv6/conf/zt0/force_forwarding=1`

const fastZt0 = `
  ${overlayZt0.replace('dev zt0', 'via fe80::5 dev zt0')}
  neigh fe80::5 lladdr 00:00:5e:00:53:01 dev zt0
  program dev zt0 egress
  program dev zt0 ingress`

const resolverZt0 = `
  sysctl ipv6/neigh/zt0/app_solicit=1
  sysctl ipv6/neigh/zt0/mcast_resolicit=3
  sysctl ipv6/neigh/zt0/ucast_solicit=0`

const everywhereA = `
  route unreachable fc9c:56c2:e300::/80 table 80 proto 80 metric 1024
  route unreachable fc9c:56c2:e3ff::/48 table 80 proto 80 metric 1024
  route unreachable fc9c:56c2:e300::/40 table 80 proto 80 metric 65535
  route unreachable fc9c:56c2:e389:e930:5ee:8000::/81 table 80 proto 80 metric 1024
  route unreachable fc9c:56c2:e389:e930:5ee::/80 table 80 proto 80 metric 65535
  rule 1079: to fc9c:56c2:e389:e930:5ee::/80 lookup 254 suppress_prefixlength 80 proto 80
  rule 1080: to fc9c:56c2:e300::/40 lookup 80 proto 80`

const lanSettings = (link: string) => `
  link ${link} allmulticast on
  rule 1082: iif ${link} prohibit proto 80
  sysctl ipv6/conf/${link}/force_forwarding=1
  sysctl ipv6/conf/${link}/forwarding=1
  sysctl ipv6/conf/${link}/ignore_routes_with_linkdown=1`

const containers = (link: string) => `
  rule 1082: iif ${link} prohibit proto 80
  sysctl ipv6/conf/${link}/force_forwarding=1
  sysctl ipv6/conf/${link}/forwarding=1`

const firstLanA = (link: string) => `
  addr fc9c:56c2:e389:e930:5ee::1/80 dev ${link}
  route fc9c:56c2:e389:e930:5ee::/80 dev ${link} table 80 proto 80 metric 1024
  ${lanSettings(link)}`

/** Named intents with what is then ours in the kernel, whatever was there before. */
export const states: readonly { readonly name: string; readonly intent: Intent; readonly own: string }[] = [
  { name: 'nothing', intent: noIntent, own: '' },
  {
    name: 'one LAN and ZeroTier',
    intent: intent({ overlay: 'zt0', lans: [{ link: 'eth1' }], resolver: 'netlink' }),
    own: everywhereA + acceptRa + overlayZt0 + resolverZt0 + firstLanA('eth1'),
  },
  {
    name: 'the LAN on another card, without the resolver',
    intent: intent({ overlay: 'zt0', lans: [{ link: 'eth2' }] }),
    own: everywhereA + acceptRa + overlayZt0 + firstLanA('eth2'),
  },
  {
    name: 'two LANs',
    intent: intent({ overlay: 'zt0', lans: [{ link: 'eth1' }, { link: 'eth2', subnet: 5 }] }),
    own: `${everywhereA + acceptRa + overlayZt0 + firstLanA('eth1') + lanSettings('eth2')}
      addr fc9c:56c2:e389:e930:5ee:8500:0:1/88 dev eth2
      route fc9c:56c2:e389:e930:5ee:8500::/88 dev eth2 table 80 proto 80 metric 1024`,
  },
  {
    name: 'a static overlay',
    intent: intent({ overlay: 'zt0', assignAddress: true, lans: [{ link: 'eth1' }], resolver: 'netlink' }),
    own: `${everywhereA + acceptRa + overlayZt0 + resolverZt0 + firstLanA('eth1')}
      addr fc9c:56c2:e389:e930:5ee::1/40 dev zt0`,
  },
  {
    name: 'one LAN and the fast path',
    intent: intent({ overlay: 'zt0', lans: [{ link: 'eth1' }], fastPath: true }),
    own: `${everywhereA + acceptRa + fastZt0 + firstLanA('eth1')}
      program dev eth1 ingress`,
  },
  {
    name: 'one-armed',
    intent: intent({ overlay: 'zt0', lans: [{ link: 'wan0' }] }),
    own: everywhereA + acceptRa + overlayZt0 + firstLanA('wan0'),
  },
  {
    name: 'an overlay and a LAN that are not there yet',
    intent: intent({ overlay: 'zt9', lans: [{ link: 'eth1' }, { link: 'eth9', subnet: 0 }] }),
    own: `${everywhereA + acceptRa + firstLanA('eth1')}
      sysctl ipv6/conf/zt0/accept_ra=2
      rule 1081: iif zt9 prohibit proto 80
      rule 1082: iif eth9 prohibit proto 80`,
  },
  {
    name: 'a delegated prefix',
    intent: intent({
      overlay: 'zt0',
      lans: [{ link: 'eth1' }],
      routes: [{ prefix: parsePrefix('fc9c:56c2:e389:e930:5ee:c000::/96'), link: 'eth1', via: parseIp6('fe80::5') }],
    }),
    own: `${everywhereA + acceptRa + overlayZt0 + firstLanA('eth1')}
      route fc9c:56c2:e389:e930:5ee:c000::/96 via fe80::5 dev eth1 table 80 proto 80 metric 1024`,
  },
  {
    name: 'a bridge of containers beside the LAN',
    intent: intent({
      overlay: 'zt0',
      lans: [{ link: 'eth1' }],
      routes: [{ prefix: parsePrefix('fc9c:56c2:e389:e930:5ee:c123::/96'), link: 'eth2', via: undefined }],
    }),
    own: `${everywhereA + acceptRa + overlayZt0 + firstLanA('eth1') + containers('eth2')}
      route fc9c:56c2:e389:e930:5ee:c123::/96 dev eth2 table 80 proto 80 metric 1024`,
  },
  {
    name: 'a host of the overlay, whose containers have all of the site',
    intent: intent({
      overlay: 'zt0',
      routes: [{ prefix: parsePrefix('fc9c:56c2:e389:e930:5ee::/80'), link: 'eth2', via: undefined }],
      fastPath: true,
    }),
    own: `${everywhereA.replace(/.*::\/81.*/, '') + acceptRa + fastZt0 + containers('eth2')}
      route fc9c:56c2:e389:e930:5ee::/80 dev eth2 table 80 proto 80 metric 1024`,
  },
  {
    name: 'a host of the overlay, which forwards nothing',
    intent: intent({ overlay: 'zt0' }),
    own: everywhereA.replace(/.*::\/81.*/, '') + overlayZt0.replace(/.*force_forwarding.*/, ''),
  },
  {
    name: 'one LAN in two networks',
    intent: {
      ...intent({ overlay: 'zt0', lans: [{ link: 'eth1' }], fastPath: true }),
      beside: [
        {
          ...intent({ site: siteC, overlay: 'eth2', lans: [{ link: 'eth1' }] }),
          programs: [{ link: 'eth1', point: 'ingress', id: testPrograms.besideLanIngress }],
          slot: 1,
        },
      ],
    },
    own: `${everywhereA + acceptRa.replace(/.*eth2.*/, '') + fastZt0 + overlayZt0.replaceAll('zt0', 'eth2').replace(/fc\S*/, 'fc5a:c2ad:4300::/40') + firstLanA('eth1')}
      program dev eth1 ingress
      program dev eth1 ingress
      addr fc5a:c2ad:433f:f01:c29::1/80 dev eth1
      route fc5a:c2ad:433f:f01:c29::/80 dev eth1 table 80 proto 80 metric 1024
      route unreachable fc5a:c2ad:4300::/40 table 80 proto 80 metric 65535
      route unreachable fc5a:c2ad:4300::/80 table 80 proto 80 metric 1024
      route unreachable fc5a:c2ad:43ff::/48 table 80 proto 80 metric 1024
      route unreachable fc5a:c2ad:433f:f01:c29:8000::/81 table 80 proto 80 metric 1024
      route unreachable fc5a:c2ad:433f:f01:c29::/80 table 80 proto 80 metric 65535
      rule 1077: from fc9c:56c2:e300::/40 to fc5a:c2ad:4300::/40 iif eth1 prohibit proto 80
      rule 1077: from fc5a:c2ad:4300::/40 to fc9c:56c2:e300::/40 iif eth1 prohibit proto 80
      rule 1077: to fc5a:c2ad:4300::/40 iif zt0 prohibit proto 80
      rule 1077: to fc9c:56c2:e300::/40 iif eth2 prohibit proto 80
      rule 1079: to fc5a:c2ad:433f:f01:c29::/80 lookup 254 suppress_prefixlength 80 proto 80
      rule 1080: to fc5a:c2ad:4300::/40 lookup 80 proto 80`,
  },
  {
    name: 'another site prefix',
    intent: intent({ site: siteB, overlay: 'zt0', lans: [{ link: 'eth1' }] }),
    own: `${acceptRa + overlayZt0 + lanSettings('eth1')}
      addr fc9c:56c2:e30a:b0c:d0e::1/80 dev eth1
      route fc9c:56c2:e30a:b0c:d0e::/80 dev eth1 table 80 proto 80 metric 1024
      route unreachable fc9c:56c2:e300::/40 table 80 proto 80 metric 65535
      route unreachable fc9c:56c2:e300::/80 table 80 proto 80 metric 1024
      route unreachable fc9c:56c2:e3ff::/48 table 80 proto 80 metric 1024
      route unreachable fc9c:56c2:e30a:b0c:d0e:8000::/81 table 80 proto 80 metric 1024
      route unreachable fc9c:56c2:e30a:b0c:d0e::/80 table 80 proto 80 metric 65535
      rule 1079: to fc9c:56c2:e30a:b0c:d0e::/80 lookup 254 suppress_prefixlength 80 proto 80
      rule 1080: to fc9c:56c2:e300::/40 lookup 80 proto 80`,
  },
]

export const stateNamed = (name: string) => {
  const found = states.find(state => state.name === name)
  if (!found) throw new Error(`there is no state ${name}`)
  return found
}

/** Text as sorted lines, to compare with `ownLines`. */
export const lines = (text: string): string[] =>
  text
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '')
    .sort()

/** What a kernel has of what newer ones have: programs directly on links (6.6), forwarding by interface (6.17). */
export interface Features {
  readonly direct: boolean
  readonly forceForwarding: boolean
}

/** What is ours in a state, as sorted lines, to compare with `ownLines`. */
export function ownIn(name: string, { forceForwarding }: Features): string[] {
  const own = lines(stateNamed(name).own)
  return forceForwarding ? own : whole(own).sort()
}

/** The same where the kernel forwards on the whole machine or not at all: then rules refuse what comes in elsewhere. */
function whole(own: readonly string[]): string[] {
  const isForced = (link: string) => own.includes(`sysctl ipv6/conf/${link}/force_forwarding=1`)
  if (!links.some(isForced)) return [...own]
  return [
    ...own.filter(line => !/\/(force_)?forwarding=1$/.test(line)),
    ...['all', 'default', 'lo', ...links].map(link => `sysctl ipv6/conf/${link}/forwarding=1`),
    'sysctl ipv6/conf/default/accept_ra=2',
    ...links.filter(link => !isForced(link)).map(link => `rule 1078: iif ${link} prohibit proto 80`),
  ]
}

/** What is ours in a state, and every sysctl that is not what it was at first. */
export function ownLines(state: KernelState, first: ReadonlyMap<string, string>): string[] {
  const changed = [...state.sysctls].filter(([path, value]) => (first.get(path) ?? value) !== value)
  return [...formatOwn(state), ...changed.map(([path, value]) => `sysctl ${path}=${value}`)].sort()
}
