import { describe, expect, test } from 'vitest'
import { addressIn, contains, parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import type { Scope } from '../../../appliance/dhcp/scope.ts'
import { Status } from '../../../appliance/dhcp/status.ts'
import { Table } from '../../../appliance/dhcp/table.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { host, ia, iasOf, message, onlyAddress, pd, Scene, scopeOf, site, statusOf, them, us } from './scene.ts'

const elsewhere = parseIp6('fc9c:56c2:e3aa:aaaa:aaaa::1234') // another site's
const internet = parseIp6('2001:db8::1234') // another server's

describe('Solicit', () => {
  test('F01 is answered by an Advertise with what a Request then gets', () => {
    const scene = new Scene()
    const offered = scene.ask('solicit', [ia()])
    expect(offered.type).toBe(MessageType.advertise)
    const reply = scene.ask('request', [ia([onlyAddress(offered)])])
    expect(reply.type).toBe(MessageType.reply)
    expect(iasOf(reply)).toEqual(iasOf(offered))
    expect(iasOf(reply)).toEqual([{ iaid: 1, addresses: [[onlyAddress(offered), 3600, 86_400]], status: undefined }])
  })

  test('D19 carries both identifiers and the transaction; F05 the preference, which a Reply does not', () => {
    const scene = new Scene()
    const offered = scene.ask('solicit', [ia()])
    expect(offered.transaction).toBe(0xabcdef)
    expect(offered.options.slice(0, 3)).toEqual([
      { kind: 'client-id', duid: host },
      { kind: 'server-id', duid: us },
      { kind: 'preference', value: 255 },
    ])
    expect(findOption(scene.ask('request', [ia()]).options, 'preference')).toBeUndefined()
    expect(findOption(new Scene({ preference: 0 }).ask('solicit', [ia()]).options, 'preference')).toBeUndefined()
  })

  test('F05 who gets no address here is not drawn away from a server that may have one', () => {
    const preferenceOf = (scene: Scene, ...options: Option[]) =>
      findOption(scene.ask('solicit', options).options, 'preference')?.value
    expect(preferenceOf(new Scene(), pd())).toBeUndefined() // whoever delegates prefixes is another
    expect(preferenceOf(new Scene({}, new Table(0)), ia())).toBeUndefined()
    expect(preferenceOf(new Scene(), ia(), pd())).toBe(255)
  })

  test('stores nothing', () => {
    const scene = new Scene()
    scene.ask('solicit', [ia()])
    expect(scene.table.size).toBe(0)
  })

  test('F04 a hint that is not assigned does not come back', () => {
    const offered = new Scene().ask('solicit', [ia([elsewhere, internet])])
    expect(iasOf(offered)[0]!.addresses.length).toBe(1)
    expect(contains(site, onlyAddress(offered))).toBe(true)
  })

  test('F02 without room: NoAddrsAvail inside the IA', () => {
    const offered = new Scene({}, new Table(0)).ask('solicit', [ia()])
    expect(iasOf(offered)).toEqual([{ iaid: 1, addresses: [], status: Status.noAddrsAvail }])
    expect(statusOf(offered)).toBeUndefined()
  })

  test('F03 F31 a prefix is refused inside its IA_PD, and the address is given all the same', () => {
    for (const type of ['solicit', 'request', 'renew'] as const) {
      const [address, prefix] = iasOf(new Scene().ask(type, [ia(), pd([], 7)]))
      expect(address!.addresses.length).toBe(1)
      expect(prefix).toEqual({ iaid: 7, addresses: [], status: Status.noPrefixAvail })
    }
  })

  test('F30 several IAs get one address each, all different, and one IAID twice is one IA', () => {
    const reply = new Scene().ask('request', [ia([], 1), ia([], 2), ia([], 3), ia([], 2)])
    expect(iasOf(reply).map(({ iaid }) => iaid)).toEqual([1, 2, 3])
    expect(new Set(iasOf(reply).map(({ addresses }) => addresses[0]![0])).size).toBe(3)
  })

  test('F30 of thousands of IAs a few are served, whatever they want', () => {
    const many = Array.from({ length: 4000 }, (_, i) => [pd([], i), ia([], i), pd([], i)]).flat()
    const reply = new Scene().ask('request', many)
    expect(reply.options.filter(({ kind }) => kind === 'ia-na').length).toBe(8)
    expect(reply.options.flatMap(option => (option.kind === 'ia-pd' ? [option.iaid] : []))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7,
    ])
  })

  test('two IAs that ask for one address do not both get it', () => {
    const wanted = addressIn(site, 0x12345n)
    const ias = iasOf(new Scene().ask('request', [ia([wanted], 1), ia([wanted], 2)]))
    expect(ias[0]!.addresses[0]![0]).toBe(wanted)
    expect(ias[1]!.addresses[0]![0]).not.toBe(wanted)
  })
})

describe('Rapid Commit', () => {
  const rapid: Option = { kind: 'rapid-commit' }

  test('F06 a Solicit that asks for it is answered by a Reply that says so, and the lease is made', () => {
    const scene = new Scene()
    const reply = scene.ask('solicit', [rapid, ia(), pd([], 7), ia([], 2)])
    expect(reply.type).toBe(MessageType.reply)
    expect(reply.options.map(({ kind }) => kind)).toEqual([
      'client-id',
      'server-id',
      'rapid-commit',
      'ia-na',
      'ia-na',
      'ia-pd',
    ])
    expect([...scene.table.bindings].map(({ iaid, state }) => [iaid, state])).toEqual([
      [1, 'bound'],
      [2, 'bound'],
    ])
    expect(iasOf(scene.ask('renew', [ia([iasOf(reply)[0]!.addresses[0]![0]])]))[0]).toEqual(iasOf(reply)[0])
  })

  test('F04 F06 a hint that is not assigned does not come back, not even withdrawn', () => {
    const reply = new Scene().ask('solicit', [rapid, ia([elsewhere, internet])])
    expect(iasOf(reply)[0]!.addresses).toEqual([[onlyAddress(reply), 3600, 86_400]])
  })

  test.for<{ name: string; over?: Partial<Scope>; table?: Table; alone?: boolean; options: Option[] }>([
    { name: 'that does not ask for it', options: [ia()] },
    { name: 'where it is switched off', over: { rapidCommit: false }, options: [rapid, ia()] },
    { name: 'beside another server (F07)', alone: false, options: [rapid, ia()] },
    { name: 'that gets no lease', table: new Table(0), options: [rapid, ia()] },
    { name: 'that wants no lease', options: [rapid] },
  ])('F06 a Solicit $name is answered by an Advertise, and nothing is stored', ({ over, table, alone, options }) => {
    const scene = new Scene(over, table)
    scene.alone = alone ?? true
    const offered = scene.ask('solicit', options)
    expect(offered.type).toBe(MessageType.advertise)
    expect(findOption(offered.options, 'rapid-commit')).toBeUndefined()
    expect(scene.table.size).toBe(0)
  })
})

describe('Request', () => {
  test('F08 an address of another place: NotOnLink inside the IA, and nothing is stored', () => {
    const scene = new Scene()
    for (const address of [elsewhere, internet, addressIn(site, 0xc0n << 40n)]) {
      expect(iasOf(scene.ask('request', [ia([address])]))).toEqual([
        { iaid: 1, addresses: [], status: Status.notOnLink },
      ])
    }
    expect(scene.table.size).toBe(0)
  })

  test('F09 again for a binding that exists: the same address, lifetimes afresh', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 1_000_000
    expect(iasOf(scene.ask('request', [ia([address])]))).toEqual([
      { iaid: 1, addresses: [[address, 3600, 86_400]], status: undefined },
    ])
    expect([...scene.table.bindings].map(({ validUntil }) => validUntil)).toEqual([scene.now + 86_400_000])
  })

  test('an empty IA_NA gets what was advertised, as udhcpc6 expects', () => {
    const scene = new Scene()
    const offered = onlyAddress(scene.ask('solicit', [ia()]))
    expect(onlyAddress(scene.ask('request', [ia()]))).toBe(offered)
  })

  test('an address that another host has is not given twice; the asker gets its own and the other back with 0', () => {
    const scene = new Scene()
    const taken = scene.lease()
    const reply = scene.ask('request', [ia([taken])], them)
    expect(iasOf(reply)[0]!.addresses).toEqual([
      [onlyAddress(reply), 3600, 86_400],
      [taken, 0, 0],
    ])
  })
})

describe('Renew and Rebind', () => {
  test('F12 F18 F20 extend the lease with the same T1 and T2 in every IA', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 1_800_000
    for (const type of ['renew', 'rebind'] as const) {
      const reply = scene.ask(type, [ia([address], 1), ia([], 2), pd([], 3)])
      expect(iasOf(reply)[0]!.addresses).toEqual([[address, 3600, 86_400]])
      const times = reply.options.flatMap(option =>
        option.kind === 'ia-na' || option.kind === 'ia-pd' ? [[option.t1, option.t2]] : [],
      )
      expect(times).toEqual([
        [1800, 2880],
        [1800, 2880],
        [1800, 2880],
      ]) // prettier table
    }
  })

  test('F15 an unknown binding is made again with the same address', () => {
    const address = new Scene().lease()
    for (const type of ['renew', 'rebind', 'request'] as const) {
      const scene = new Scene() // the lease file is lost
      expect(onlyAddress(scene.ask(type, [ia([address])]))).toBe(address)
      expect(scene.table.size).toBe(1)
      const odd = addressIn(site, 0x4242_4242n) // not where its name hashes to: given by an earlier secret
      expect(onlyAddress(new Scene().ask(type, [ia([odd])]))).toBe(odd)
    }
  })

  test('F14 NoBinding only where another host has the address; a Rebind gets another one and the old back with 0', () => {
    const scene = new Scene()
    const taken = scene.lease()
    expect(iasOf(scene.ask('renew', [ia([taken])], them))).toEqual([
      { iaid: 1, addresses: [], status: Status.noBinding },
    ])
    const reply = scene.ask('rebind', [ia([taken])], them)
    expect(iasOf(reply)[0]!.addresses).toEqual([
      [onlyAddress(reply), 3600, 86_400],
      [taken, 0, 0],
    ])
  })

  test('F32 L04 a renumbered site: the new address keeps its last bits, the old comes back with 0', () => {
    const scene = new Scene()
    const old = scene.lease()
    const moved = parsePrefix('fc9c:56c2:e311:2222:3333::/80')
    scene.scope = scopeOf({ plan: lanPlan(moved, undefined) })
    const renumbered = addressIn(moved, old - site.address)
    for (const type of ['renew', 'rebind'] as const)
      expect(iasOf(scene.ask(type, [ia([old])]))[0]!.addresses).toEqual([
        [renumbered, 3600, 86_400],
        [old, 0, 0],
      ])
  })

  test('F17 a Rebind to another server is none of ours', () => {
    expect(new Scene().decide(message('rebind', [ia([internet])])).kind).toBe('ignore')
  })

  test('F13 without room the addresses come back with 0', () => {
    const reply = new Scene({}, new Table(0)).ask('renew', [ia([elsewhere])])
    expect(iasOf(reply)).toEqual([{ iaid: 1, addresses: [[elsewhere, 0, 0]], status: Status.noAddrsAvail }])
  })
})

describe('Confirm', () => {
  const own = addressIn(site, 0x12345n)
  test.for([
    { name: 'all here', addresses: [own], says: Status.success },
    { name: 'one of another site', addresses: [own, elsewhere], says: Status.notOnLink },
    { name: 'one for another LAN of this site', addresses: [addressIn(site, 0x80n << 40n)], says: Status.notOnLink },
    { name: 'none', addresses: [], says: undefined },
    { name: 'one of another server', addresses: [own, internet], says: undefined },
  ])('F11 $name', ({ addresses, says }) => {
    const outcome = new Scene().decide(message('confirm', [ia(addresses)]))
    expect(outcome.kind === 'reply' ? statusOf(outcome.reply) : undefined).toBe(says)
  })
})

describe('Release and Decline', () => {
  test('F23 Release frees what the client owns, and F33 the same host gets it again', () => {
    const scene = new Scene()
    const address = scene.lease()
    expect(statusOf(scene.ask('release', [ia([address])]))).toBe(Status.success)
    expect([...scene.table.bindings].map(({ state }) => state)).toEqual(['released'])
    expect(scene.lease()).toBe(address)
  })

  test('F23 an unknown IA is answered NoBinding, the message Success', () => {
    const reply = new Scene().ask('release', [ia([elsewhere])])
    expect(statusOf(reply)).toBe(Status.success)
    expect(iasOf(reply)).toEqual([{ iaid: 1, addresses: [], status: Status.noBinding }])
  })

  test('F23 an address that is not its own stays whose it is', () => {
    const scene = new Scene()
    const taken = scene.lease()
    const own = scene.lease(1, them)
    scene.ask('release', [ia([taken])], them)
    expect([...scene.table.bindings].map(({ state }) => state)).toEqual(['bound', 'bound'])
    expect(own).not.toBe(taken)
  })

  test('F24 F25 a declined address goes into quarantine for a day, and the host gets another', () => {
    const scene = new Scene()
    const address = scene.lease()
    expect(statusOf(scene.ask('decline', [ia([address])]))).toBe(Status.success)
    const next = scene.lease()
    expect(next).not.toBe(address)
    expect(onlyAddress(scene.ask('request', [ia([address])], them))).not.toBe(address)
    scene.now += 25 * 3_600_000
    expect(onlyAddress(scene.ask('request', [ia([address], 2)]))).toBe(address)
  })

  test('F33 an expired lease is kept for its host, and given away only when asked for', () => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 30 * 86_400_000
    expect(onlyAddress(scene.ask('solicit', [ia()]))).toBe(address)
    expect(onlyAddress(scene.ask('request', [ia([address])], them))).toBe(address)
    expect(scene.lease()).not.toBe(address)
  })
})

describe('further LANs', () => {
  test('the same host has an address of each, each where it belongs', () => {
    const scene = new Scene()
    const first = scene.lease()
    const plan = lanPlan(site, 3)
    scene.scope = scopeOf({ plan })
    const second = scene.lease()
    expect(contains(plan.prefix, second)).toBe(true)
    expect(contains(plan.prefix, first)).toBe(false)
    expect(scene.table.size).toBe(2)
    expect(statusOf(scene.ask('confirm', [ia([first])]))).toBe(Status.notOnLink)
  })
})
