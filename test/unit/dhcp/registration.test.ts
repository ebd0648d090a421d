import { describe, expect, test } from 'vitest'
import { addressIn, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import { allServers } from '../../../appliance/dhcp/socket.ts'
import { refusal } from '../../../appliance/dhcp/validate.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { Bench, linkLocal } from './lan-bench.ts'
import { forward, hop } from './relayed.ts'
import { host, ia, macA, message, offered, onlyAddress, oro, Scene, scopeOf, site, them, us } from './scene.ts'

const own = addressIn(site, 0x1234_5678n)
const told = (address = own, valid = 3600): Option => ({
  kind: 'ia-address',
  address,
  preferred: Math.min(valid, 1800),
  valid,
  options: [],
})
const register = (scene: Scene, option = told(), duid = host, from = own) => {
  scene.from = from
  return scene.decide(message('registration', [option], duid))
}
const why = (outcome: ReturnType<typeof register>) => (outcome.kind === 'ignore' ? outcome.reason : outcome.kind)
const registered = (scene: Scene) =>
  [...scene.table.quarantined].filter(({ until }) => until > scene.now).map(({ duid, mac }) => [duid, mac])

describe('an address that a host made itself', () => {
  test('J05 who asks is told that such may be registered, unless that is switched off', () => {
    const scene = new Scene({ offers: offered({ allowAddressRegistration: true }) })
    for (const type of ['solicit', 'request', 'informationRequest'] as const) {
      const options = [...(type === 'informationRequest' ? [] : [ia()]), oro('address-registration')]
      expect(findOption(scene.ask(type, options).options, 'address-registration')).toEqual({
        kind: 'address-registration',
      })
    }
    const { options } = new Scene({ offers: offered() }).ask('solicit', [ia(), oro('address-registration')])
    expect(findOption(options, 'address-registration')).toBeUndefined()
    expect(why(register(new Scene({ allowAddressRegistration: false })))).toBe('notForServers')
  })

  test('J06 is acknowledged as it was told, kept with DUID and MAC for its lifetime, and given to nobody else', () => {
    const scene = new Scene()
    const outcome = register(scene)
    expect(outcome.kind === 'reply' && outcome.reply).toEqual({
      type: MessageType.registrationReply,
      transaction: 0xabcdef,
      options: [told()],
    })
    expect(registered(scene)).toEqual([[host, macA]])
    expect(onlyAddress(scene.ask('request', [ia([own])], them))).not.toBe(own)
    expect(onlyAddress(scene.ask('request', [ia([own])]))).not.toBe(own)
    scene.now += 3_600_001
    expect(registered(scene)).toEqual([])
    expect(onlyAddress(scene.ask('request', [ia([own], 7)], them))).toBe(own)
  })

  test('J07 a lifetime of 0 takes it back', () => {
    const scene = new Scene()
    register(scene)
    expect(why(register(scene, told(own, 0)))).toBe('reply')
    expect(registered(scene)).toEqual([])
  })

  test('J07 another host that registers it is believed, and the operator hears of it', () => {
    const scene = new Scene()
    register(scene)
    const again = register(scene)
    expect(again.kind === 'reply' && again.news).toBeUndefined()
    const other = register(scene, told(), them)
    expect(other.kind === 'reply' && other.news).toEqual({ kind: 'registeredByAnother', duid: them, address: own })
    expect(registered(scene)).toEqual([[them, macA]])
  })

  test('J06 one that another host has by lease is left to it; one that it has itself needs no keeping', () => {
    const scene = new Scene()
    const leased = onlyAddress(scene.ask('request', [ia([own])]))
    expect(leased).toBe(own)
    expect(why(register(scene, told(), them))).toBe('notRegistrable')
    expect(why(register(scene))).toBe('reply')
    expect(registered(scene)).toEqual([])
  })

  test.for<[string, Ip6, Ip6]>([
    ['from another address', own, addressIn(site, 0x9999n)],
    ['of another network', parseIp6('2001:db8::1'), parseIp6('2001:db8::1')],
    ['of another LAN of the site', addressIn(site, 0x81n << 40n), addressIn(site, 0x81n << 40n)],
    ['of the link', parseIp6('fe80::a'), parseIp6('fe80::a')],
    ['of the router', lanPlan(site, undefined).router, lanPlan(site, undefined).router],
  ])('E11 one %s is dropped', ([, address, from]) => {
    expect(why(register(new Scene(), told(address), host, from))).toBe('foreignRegistration')
  })

  const client: Option = { kind: 'client-id', duid: host }
  test.for<[string, Option[], string | undefined]>([
    ['as it must be', [client, told()], undefined],
    ['without a client', [told()], 'noClientId'],
    ['to a server', [client, told(), { kind: 'server-id', duid: us }], 'serverIdToAll'],
    ['that asks for options', [client, told(), oro('dns-servers')], 'badRegistration'],
    ['without an address', [client], 'badRegistration'],
    ['of two addresses', [client, told(), told()], 'badRegistration'],
    ['with an IA', [client, told(), ia()], 'iaNotAllowed'],
  ])('E11 a registration %s', ([, options, reason]) => {
    const inform: Message = { type: MessageType.registration, transaction: 1, options }
    expect(refusal(inform, us)).toBe(reason)
  })

  test('D04 J06 on the wire: from the address itself, answered there, and in the list of leases', async () => {
    await using bench = new Bench()
    bench.present.set(own, macA)
    bench.receive([message('registration', [told()]), own])
    await expect.poll(() => bench.replies).toMatchObject([{ to: own, port: 546, message: { type: 37 } }])
    const lans = [{ interface: 'eth1', subnet: undefined, prefixes: [site] }]
    expect(bench.store.leases(lans).rows).toMatchObject([{ address: own, state: 'registered', linkLayerAddress: macA }])
    bench.receive([message('registration', [told()], them), own])
    await expect.poll(() => bench.replies.length).toBe(2)
    expect(bench.lines.map(({ text }) => text)).toEqual([
      'a host registered an address that another one had registered',
    ])
    bench.server.update(scopeOf({ allowAddressRegistration: false }))
    bench.receive([message('registration', [told()]), own])
    expect(bench.server.counters()).toMatchObject({ received: 3, 'ignored.notForServers': 1 })
    expect(bench.neighbours.sent[0]![0]!.source).toBe(linkLocal)
  })

  test('E11 J06 behind a relay: the address of the host is the innermost peer address', async () => {
    await using bench = new Bench()
    const plan = lanPlan(site, 5)
    const via = addressIn(site, 2n)
    bench.server.update(scopeOf(), [{ scope: scopeOf({ plan }), via, sources: [], linkAddresses: [] }])
    const there = addressIn(plan.prefix, 0x777777n)
    const relayed = (peerAddress: Ip6) => {
      const bytes = forward([hop({ peerAddress })], encodeMessage(message('registration', [told(there)])))
      bench.datagrams.deliver([{ bytes, address: via, destination: allServers, port: 547, link: 2 }])
    }
    relayed(addressIn(plan.prefix, 0x888888n))
    expect(bench.server.counters()).toMatchObject({ 'ignored.foreignRegistration': 1, answered: 0 })
    relayed(there)
    expect(bench.server.counters().answered).toBe(1)
    expect([...bench.store.quarantined()].map(({ subnet, duid }) => [subnet, duid])).toEqual([[5, host]])
  })
})
