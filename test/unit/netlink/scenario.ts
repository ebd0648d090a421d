/** Scenarios that the twin and the real kernel both go through: what happens, and what is ours in the kernel after it. */
import { type Features, ownIn } from './scenario-table.ts'

/** A router: the program that keeps its kernel as intended, and the hands of an operator. */
export interface World extends AsyncDisposable {
  readonly features: Features
  /** Starts the program; it takes up what an earlier run left. */
  start(): Promise<void>
  /** Resolves when the program says that it is done. */
  intend(stateName: string): Promise<void>
  /** Ends the program without a word. */
  kill(): Promise<void>
  /** Stops the program for good. */
  stop(): Promise<void>
  /** What is ours, as in the table of states. */
  own(): Promise<string[]>
  /** Deletes by hand what a line of `own` names. */
  take(line: string): Promise<void>
  sysctl(path: string, value: string): Promise<void>
  link(name: string, happens: LinkEvent): Promise<void>
}

export type LinkEvent = 'down' | 'up' | 'unplugged' | 'plugged' | 'gone' | 'back'

type Act =
  | 'start'
  | 'kill'
  | 'stop'
  | { readonly intend: string }
  | { readonly take: string }
  | { readonly sysctl: string; readonly value: string }
  | { readonly link: string; readonly happens: LinkEvent }
  /** Soon, within a second on an idle machine, the kernel holds the state of this name, but for lines that have one of these words. */
  | { readonly holds: string; readonly but?: readonly string[] }

export interface Scenario {
  readonly name: string
  readonly acts: readonly Act[]
}

const usual = 'one LAN and ZeroTier'
const fast = 'one LAN and the fast path'
const both = 'one LAN in two networks'

export const scenarios: readonly Scenario[] = [
  {
    name: 'what someone deletes by hand is back within a second',
    acts: [
      'start',
      { intend: usual },
      ...[
        'route fc9c:56c2:e300::/40 dev zt0 table 80 proto 80 metric 1024',
        'route unreachable fc9c:56c2:e300::/40 table 80 proto 80 metric 65535',
        'route fc9c:56c2:e389:e930:5ee::/80 dev eth1 table 80 proto 80 metric 1024',
        'rule 1079: to fc9c:56c2:e389:e930:5ee::/80 lookup 254 suppress_prefixlength 80 proto 80',
        'rule 1080: to fc9c:56c2:e300::/40 lookup 80 proto 80',
        'rule 1081: iif zt0 prohibit proto 80',
        'rule 1082: iif eth1 prohibit proto 80',
        'addr fc9c:56c2:e389:e930:5ee::1/80 dev eth1',
        'link eth1 allmulticast on',
      ].flatMap((take): Act[] => [{ take }, { holds: usual }]),
    ],
  },
  {
    name: 'the fast path is back within a second when someone deletes a part of it, or sets the link down and up',
    acts: [
      'start',
      { intend: fast },
      ...[
        'route fc9c:56c2:e300::/40 via fe80::5 dev zt0 table 80 proto 80 metric 1024',
        'neigh fe80::5 lladdr 00:00:5e:00:53:01 dev zt0',
        'program dev zt0 egress',
        'program dev zt0 ingress',
        'program dev eth1 ingress',
      ].flatMap((take): Act[] => [{ take }, { holds: fast }]),
      { link: 'zt0', happens: 'down' },
      { holds: fast, but: ['route fc9c:56c2:e300::/40 via', 'neigh'] }, // programs stay
      { link: 'zt0', happens: 'up' },
      { holds: fast },
      { link: 'zt0', happens: 'gone' },
      { holds: fast, but: ['dev zt0', '/zt0/'] },
      { link: 'zt0', happens: 'back' },
      { holds: fast },
    ],
  },
  {
    name: 'the fast path of a LAN in two networks: that of one comes and goes beside that of the other, through a crash too',
    acts: [
      'start',
      { intend: fast },
      { holds: fast },
      { intend: both },
      { holds: both },
      { take: 'program dev eth1 ingress' },
      { holds: both },
      'kill',
      'start',
      { intend: both },
      { holds: both },
      { intend: fast },
      { holds: fast },
      'stop',
      { holds: 'nothing' },
    ],
  },
  {
    name: 'the fast path outlives a crash, is taken up or taken down by the next start, and leaves nothing at a stop',
    acts: [
      'start',
      { intend: fast },
      'kill',
      { holds: fast },
      'start',
      { intend: fast },
      { holds: fast },
      { intend: usual },
      { holds: usual },
      { intend: fast },
      'kill',
      'start',
      { intend: usual },
      { holds: usual },
      { intend: fast },
      'stop',
      { holds: 'nothing' },
    ],
  },
  {
    name: 'switches that someone turns back are turned again',
    acts: [
      'start',
      { intend: usual },
      { sysctl: 'ipv6/conf/eth1/forwarding', value: '0' },
      { holds: usual },
      { sysctl: 'ipv6/conf/eth1/force_forwarding', value: '0' }, // where there is one
      { holds: usual },
      { sysctl: 'ipv6/conf/all/forwarding', value: '0' }, // resets force_forwarding everywhere
      { holds: usual },
    ],
  },
  {
    name: 'a LAN that is set down and up, and its cable, pulled and put back',
    acts: [
      'start',
      { intend: usual },
      { link: 'eth1', happens: 'down' },
      { holds: usual, but: ['addr', 'dev eth1'] }, // the unreachable routes stay
      { link: 'eth1', happens: 'up' },
      { holds: usual },
      { link: 'eth1', happens: 'unplugged' },
      { holds: usual },
      { link: 'eth1', happens: 'plugged' },
      { holds: usual },
    ],
  },
  {
    name: 'an overlay that goes away and comes back as a new link',
    acts: [
      'start',
      { intend: usual },
      { link: 'zt0', happens: 'gone' },
      { holds: usual, but: ['dev zt0', '/zt0/'] }, // the rule waits for it
      { link: 'zt0', happens: 'back' },
      { holds: usual },
    ],
  },
  {
    name: 'a LAN that comes after the start',
    acts: [
      { link: 'eth1', happens: 'gone' },
      'start',
      { intend: usual },
      { holds: usual, but: ['dev eth1', '/eth1/', 'link eth1'] },
      { link: 'eth1', happens: 'back' },
      { holds: usual },
    ],
  },
  {
    name: 'killed, and started again with another site: nothing of the old one is left',
    acts: [
      'start',
      { intend: usual },
      'kill',
      { holds: usual },
      'start',
      { holds: usual },
      { intend: 'another site prefix' },
      { holds: 'another site prefix' },
    ],
  },
  {
    name: 'killed, and started again with the LAN on another card: the first card is as before us',
    acts: [
      'start',
      { intend: 'two LANs' },
      'kill',
      'start',
      { intend: 'the LAN on another card, without the resolver' },
      { holds: 'the LAN on another card, without the resolver' },
    ],
  },
  {
    name: 'what was deleted while nobody looked is back after the next start',
    acts: [
      'start',
      { intend: usual },
      'kill',
      { take: 'rule 1081: iif zt0 prohibit proto 80' },
      { take: 'addr fc9c:56c2:e389:e930:5ee::1/80 dev eth1' },
      { sysctl: 'ipv6/conf/all/forwarding', value: '0' },
      'start',
      { intend: usual },
      { holds: usual },
    ],
  },
  {
    name: 'stopped, the machine is as before; also after a crash and a second start',
    acts: [
      'start',
      { intend: 'a static overlay' },
      'stop',
      { holds: 'nothing' },
      'start',
      { intend: 'two LANs' },
      'kill',
      'start',
      { intend: usual },
      'stop',
      { holds: 'nothing' },
    ],
  },
]

/** What the scenarios of kernels before 6.6 are chosen by: all that such a kernel does in a way of its own. */
export const before66 = scenarios.filter(({ name }) => /fast path|switches|stopped/.test(name))

/** Goes through a scenario. `holds` compares; it gets a look every now and then until its patience is over. */
export async function play(
  scenario: Scenario,
  world: World,
  holds: (look: () => Promise<string[]>, expected: readonly string[]) => Promise<void>,
): Promise<void> {
  for (const act of scenario.acts) {
    if (typeof act === 'string') await world[act]()
    else if ('intend' in act) await world.intend(act.intend)
    else if ('take' in act) await world.take(act.take)
    else if ('sysctl' in act) {
      if (world.features.forceForwarding || !act.sysctl.endsWith('force_forwarding'))
        await world.sysctl(act.sysctl, act.value)
    } else if ('link' in act) await world.link(act.link, act.happens)
    else {
      const all = ownIn(act.holds, world.features)
      await holds(
        () => world.own(),
        all.filter(line => !act.but?.some(words => line.includes(words))),
      )
    }
  }
}
