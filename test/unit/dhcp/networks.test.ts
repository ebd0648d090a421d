/** A LAN in two networks: a host is the same `::x` in each, and has an address from both prefixes of its link. */
import { describe, expect, test } from 'vitest'
import { addressIn, type Ip6, parseIp6, parsePrefix, unspecified } from '../../../appliance/base/ip6.ts'
import { leasequery } from '../../../appliance/dhcp/leasequery.ts'
import { leaseRows } from '../../../appliance/dhcp/leases.ts'
import { type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, findOptions, type Option } from '../../../appliance/dhcp/options.ts'
import { Relays } from '../../../appliance/dhcp/relays.ts'
import { Reservations } from '../../../appliance/dhcp/reservations.ts'
import { hostIn, judge, judgePrefix, type Scope } from '../../../appliance/dhcp/scope.ts'
import { Status } from '../../../appliance/dhcp/status.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { forward, hop } from './relayed.ts'
import { host, ia, iasOf, macA, macB, message, Scene, scopeOf, site, them, us } from './scene.ts'

const plant = parsePrefix('fcaa:bbcc:dd89:e92c:eee5::/80')
const both: Partial<Scope> = { plan: lanPlan(site, undefined), beside: [lanPlan(plant, undefined)] }
const addresses = (host: bigint): [Ip6, Ip6] => [addressIn(site, host), addressIn(plant, host)]
const granted = ([a, b]: readonly [Ip6, Ip6]) => [
  [a, 3600, 86_400],
  [b, 3600, 86_400],
]

/** A host with its lease, and its address in each network. */
function leased(over: Partial<Scope> = {}): { scene: Scene; own: [Ip6, Ip6] } {
  const scene = new Scene({ ...both, ...over })
  const [first] = iasOf(scene.ask('request', [ia()]))[0]!.addresses
  return { scene, own: addresses(first![0] - site.address) }
}

describe('what a host gets', () => {
  test.for<['solicit' | 'request' | 'renew' | 'rebind', Option[]]>([
    ['solicit', []],
    ['solicit', [{ kind: 'rapid-commit' }]],
    ['request', []],
    ['renew', []],
    ['rebind', []],
  ])('a %s: an address from each prefix, with the same last bits and lifetimes', ([type, more]) => {
    const { scene, own } = leased()
    const asked = type === 'renew' || type === 'rebind' ? own : []
    expect(iasOf(scene.ask(type, [ia(asked), ...more]))[0]!.addresses).toEqual(granted(own))
    expect([...scene.table.bindings]).toHaveLength(1)
  })

  test.for([0, 1])('who renews with one of them, number %i, hears of the other', which => {
    const { scene, own } = leased()
    for (const type of ['request', 'renew', 'rebind'] as const)
      expect(iasOf(scene.ask(type, [ia([own[which]!])]))[0]!.addresses).toEqual(granted(own))
  })

  test('a database that was lost: the host keeps what it has, by either address', () => {
    for (const own of addresses(0x12345n)) {
      const scene = new Scene(both)
      expect(iasOf(scene.ask('renew', [ia([own])]))[0]!.addresses).toEqual(granted(addresses(0x12345n)))
    }
  })

  test('a network comes: the next Renew brings its address; it is gone: the address comes back with 0', () => {
    const { scene, own } = leased({ beside: [] })
    scene.scope = scopeOf(both)
    expect(iasOf(scene.ask('renew', [ia([own[0]])]))[0]!.addresses).toEqual(granted(own))
    scene.scope = scopeOf({ plan: lanPlan(plant, undefined) })
    expect(iasOf(scene.ask('renew', [ia(own)]))[0]!.addresses).toEqual([
      [own[1], 3600, 86_400],
      [own[0], 0, 0],
    ])
  })
})

describe('a network that has not said yet who we are', () => {
  const scope = (over: Partial<Scope> = {}) =>
    scopeOf({ plan: lanPlan(plant, undefined), away: [parsePrefix('fc9c:56c2:e300::/40')], ...over })

  test.for(['renew', 'rebind'] as const)('a %s keeps what is of the others, and takes nothing of its away', type => {
    const { scene, own } = leased()
    scene.scope = scope()
    const elsewhere = parseIp6('fcff::1')
    expect(iasOf(scene.ask(type, [ia([...own, elsewhere])]))[0]!.addresses).toEqual([
      [own[1], 3600, 86_400],
      [elsewhere, 0, 0],
    ])
    scene.scope = scopeOf(both)
    expect(iasOf(scene.ask(type, [ia(own)]))[0]!.addresses).toEqual(granted(own))
  })

  test('a Confirm of its address is not for us to answer', () => {
    const { scene, own } = leased()
    scene.scope = scope()
    expect(scene.decide(message('confirm', [ia(own)])).kind).toBe('ignore')
    expect(judgePrefix(scene.scope, { address: own[0], length: 96 })).toBe('foreign')
  })

  test('without room nothing of its is taken away either', () => {
    const { scene, own } = leased()
    const full = new Scene({}, new Table(0))
    full.scope = scope()
    expect(iasOf(full.ask('renew', [ia(own)]))[0]!.addresses).toEqual([[own[1], 0, 0]])
    expect([...scene.table.bindings]).toHaveLength(1)
  })
})

describe('Confirm, Release, Decline', () => {
  test('Confirm says yes to any of them, and no to one of a network that the LAN is not in', () => {
    const { scene, own } = leased()
    const said = (asked: readonly Ip6[]) => findOption(scene.ask('confirm', [ia(asked)]).options, 'status-code')?.status
    for (const asked of [own, [own[0]], [own[1]]]) expect(said(asked)).toBe(Status.success)
    expect(said([own[0], parseIp6('fc01::1')])).toBe(Status.notOnLink)
  })

  test.for([0, 1])('a Release of one, number %i, frees the host part; a Renew with the other takes it again', which => {
    const { scene, own } = leased()
    scene.ask('release', [ia([own[which]!])])
    expect([...scene.table.bindings]).toMatchObject([{ state: 'released' }])
    expect(iasOf(scene.ask('renew', [ia([own[1 - which]!])]))[0]!.addresses).toEqual(granted(own))
  })

  test.for([0, 1])('a Decline of one, number %i, declines the host part: the host gets another one in both', which => {
    const { scene, own } = leased()
    scene.ask('decline', [ia([own[which]!])])
    const next = iasOf(scene.ask('request', [ia()]))[0]!.addresses.map(([address]) => address)
    expect(next).toHaveLength(2)
    expect(next[0]! - site.address).toBe(next[1]! - plant.address)
    expect(next).not.toContain(own[0])
  })
})

describe('who else has it', () => {
  test('an address that is in use in one network is passed over in both', () => {
    const scene = new Scene({ ...both, probe: true })
    const first = iasOf(new Scene(both).ask('solicit', [ia()]))[0]!.addresses[0]![0]
    scene.users.set(addresses(first - site.address)[1], macB)
    const offered = iasOf(scene.ask('solicit', [ia()]))[0]!.addresses
    expect(offered).toHaveLength(2)
    expect(offered[0]![0]).not.toBe(first)
  })

  test('each of them is asked for before the first offer', () => {
    const scene = new Scene({ ...both, probe: true })
    scene.asksFirst = true
    const asked = [0, 1].map(() => {
      const outcome = scene.decide(message('solicit', [ia()]))
      if (outcome.kind !== 'probe') throw new Error('no probe')
      scene.users.set(outcome.probe.address, macA) // the host itself
      return outcome.probe.address
    })
    expect(asked[0]! - site.address).toBe(asked[1]! - plant.address)
    expect(scene.decide(message('solicit', [ia()])).kind).toBe('reply')
  })

  test('a copied host is found by whichever address the first one has', () => {
    const { scene, own } = leased()
    scene.now += 60_000
    scene.mac = macB
    const heard = new Map([[own[0], 'silent' as const]]) // it has not heard of the first network yet
    scene.probed = ({ address, mac }) => heard.get(address) ?? mac
    const copy = iasOf(scene.ask('request', [ia()]))[0]!.addresses
    expect(copy.map(([address]) => address)).not.toContain(own[1])
  })

  test('what one host asks for by its address in one network is not given to another in the other', () => {
    const { scene, own } = leased()
    const [first, second, taken] = iasOf(scene.ask('request', [ia([own[1]])], them))[0]!.addresses
    expect(taken).toEqual([own[1], 0, 0])
    expect([first![0] - site.address, first![1]]).toEqual([second![0] - plant.address, 3600])
  })

  test('a reservation is of the host part', () => {
    const reserved = { identity: { kind: 'duid', duid: host, iaid: undefined }, hosts: [0x55], prefixes: [] } as const
    const reservations = new Reservations([{ ...reserved, hostname: undefined, offers: [] }])
    expect(leased({ reservations }).own).toEqual(addresses(0x55n))
  })
})

test('a delegated prefix is the same part of each site', () => {
  const delegate = {
    prefix: { address: addressIn(site, 0xc0n << 40n), length: 82 },
    delegatedLength: 96,
    shortestLength: 88,
  }
  const scene = new Scene({ ...both, delegate })
  const asked = (prefixes: readonly Option[] = []): Option => ({
    kind: 'ia-pd',
    iaid: 1,
    t1: 0,
    t2: 0,
    options: prefixes,
  })
  const given = (type: 'request' | 'renew' | 'rebind', prefixes: readonly Option[]) => {
    const option = scene.ask(type, [asked(prefixes)]).options.find(each => each.kind === 'ia-pd')!
    return findOptions(option.options, 'ia-prefix')
  }
  const first = given('request', [])
  expect(first.map(({ prefix, valid }) => [prefix.length, valid])).toEqual([
    [96, 86_400],
    [96, 86_400],
  ])
  expect(first[0]!.prefix.address - site.address).toBe(first[1]!.prefix.address - plant.address)
  for (const { prefix } of first) expect(judgePrefix(scene.scope, prefix)).toBe('ours')
  for (const known of [first, [first[0]!], [first[1]!]])
    for (const type of ['renew', 'rebind'] as const) expect(given(type, known)).toEqual(first)

  scene.scope = { ...scene.scope, beside: [] }
  const [kept, gone] = given('renew', first)
  expect([kept, gone!.valid, gone!.prefix]).toEqual([first[0], 0, first[1]!.prefix])
  scene.ask('release', [asked(first)])
  expect([...scene.table.bindings]).toMatchObject([{ state: 'released' }])
})

test('what is of the LAN', () => {
  const scope = scopeOf(both)
  const [here, there] = addresses(7n)
  expect([here, there].map(each => [judge(scope, each), hostIn(scope, each)])).toEqual([
    ['on-link', 7],
    ['on-link', 7],
  ])
  expect(judge(scope, parseIp6('fcaa:bbcc:dd00::1'))).toBe('off-link')
  expect(judge(scope, parseIp6('2001:db8::1'))).toBe('foreign')
})

test('the leases are shown with the address in each network', () => {
  const { scene, own } = leased()
  const lan = { interface: 'eth1', subnet: undefined, prefixes: [site, plant] }
  const { rows } = leaseRows(scene.table.bindings, [], [lan], scene.now)
  expect(rows.map(({ address, state }) => [address, state])).toEqual(own.toSorted().map(each => [each, 'bound']))
})

describe('others who ask', () => {
  const query = (address: Ip6): Message => {
    const about: Option = { kind: 'ia-address', address, preferred: 0, valid: 0, options: [] }
    const options: Option[] = [
      { kind: 'client-id', duid: them },
      { kind: 'lq-query', queryType: 1, link: unspecified, options: [about] },
    ]
    return { type: MessageType.leasequery, transaction: 7, options }
  }

  test.for([0, 1])('about a lease, by its address in network %i: it has one in each', which => {
    const { scene, own } = leased()
    const view = { duid: us, scopes: [scene.scope], bindings: scene.table, now: scene.now }
    const data = findOption(leasequery(query(own[which]!), view).options, 'client-data')!
    expect(findOptions(data.options, 'ia-address').map(({ address }) => address)).toEqual(own)
  })

  test('for the hosts of a segment: its relay is known by the link in either network', () => {
    const plans = [lanPlan(site, 5), lanPlan(plant, 5)] as const
    const scope = scopeOf({ plan: plans[0], beside: [plans[1]] })
    const relays = new Relays('eth1')
    relays.replace([{ scope, via: parseIp6('fe80::7'), sources: [], linkAddresses: [] }])
    for (const linkAddress of plans.map(({ router }) => router)) {
      const bytes = forward([hop({ linkAddress })], Uint8Array.of(1, 0, 0, 7))
      for (const from of [parseIp6('fe80::7'), linkAddress])
        expect(relays.open(bytes, from, 547, scopeOf(both), 0)).toMatchObject({ kind: 'client', scope })
    }
  })
})
