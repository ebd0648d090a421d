import { describe, expect, test } from 'vitest'
import { addressIn, type Ip6, parseIp6, parsePrefix, unspecified } from '../../../appliance/base/ip6.ts'
import { leasequery } from '../../../appliance/dhcp/leasequery.ts'
import { encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import { Status } from '../../../appliance/dhcp/status.ts'
import { refusal } from '../../../appliance/dhcp/validate.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { Bench, fromB, linkLocal } from './lan-bench.ts'
import { host, ia, macA, message, onlyAddress, pd, Scene, scopeOf, site, statusOf, them, us } from './scene.ts'

const requester = parseIp6('fd00::5')
const leased = (address: Ip6): Option => ({ kind: 'ia-address', address, preferred: 0, valid: 0, options: [] })
const named = (duid = host): Option => ({ kind: 'client-id', duid })
const fqdn: Option = { kind: 'client-fqdn', flags: 0, name: 'pc', partial: true }

const query = (queryType: number, options: readonly Option[], link = unspecified): Message => ({
  type: MessageType.leasequery,
  transaction: 7,
  options: [
    { kind: 'client-id', duid: them },
    { kind: 'lq-query', queryType, link, options },
  ],
})

const further = scopeOf({ plan: lanPlan(site, 3) })
const delegate = { prefix: parsePrefix('fc9c:56c2:e389:e92c:eee5:c000::/82'), delegatedLength: 96, shortestLength: 96 }

/** What is answered about the leases of a scene whose router serves two LANs. */
const asked = (scene: Scene, message: Message): Message =>
  leasequery(message, { duid: us, scopes: [scopeOf({ delegate }), further], bindings: scene.table, now: scene.now })

const dataOf = (reply: Message) => findOption(reply.options, 'client-data')?.options

describe('a question about leases', () => {
  test('J12 by address: who has it, since when, and for how long', () => {
    const scene = new Scene()
    const address = onlyAddress(scene.ask('request', [ia(), fqdn]))
    scene.now += 100_500
    const reply = asked(scene, query(1, [leased(address)]))
    expect(reply).toMatchObject({ type: MessageType.leasequeryReply, transaction: 7 })
    expect(reply.options.slice(0, 2)).toEqual([named(them), { kind: 'server-id', duid: us }])
    expect(statusOf(reply)).toBe(Status.success)
    expect(dataOf(reply)).toEqual([
      named(),
      { kind: 'clt-time', seconds: 100 },
      { kind: 'ia-address', address, preferred: 3499, valid: 86_299, options: [] },
    ])
  })

  test('a client that has taken thousands of addresses is told of in one datagram', () => {
    const scene = new Scene()
    for (let iaid = 0; iaid < 4000; iaid += 8)
      scene.ask(
        'request',
        Array.from({ length: 8 }, (_, i) => ia([], iaid + i)),
      )
    const bytes = encodeMessage(asked(scene, query(2, [named()])))
    expect(bytes.length).toBeGreaterThan(20_000)
    expect(bytes.length).toBeLessThan(60_000)
  })

  test('J12 by client: everything that it has on the link, and its name where that is asked for', () => {
    const scene = new Scene({ delegate })
    const reply = scene.ask('request', [ia(), ia([], 2), pd([], 3), fqdn])
    const wants: Option = { kind: 'option-request', codes: [39] }
    const data = dataOf(asked(scene, query(2, [named(), wants])))!
    const [prefix] = findOption(reply.options, 'ia-pd')!.options
    expect(data.map(({ kind }) => kind)).toEqual([
      'client-id',
      'clt-time',
      'ia-address',
      'ia-address',
      'ia-prefix',
      'client-fqdn',
    ])
    expect(data).toContainEqual(prefix)
    const inside = (prefix as { prefix: { address: bigint } }).prefix.address + 0x1234n
    expect(dataOf(asked(scene, query(1, [leased(inside as Ip6)])))![0]).toEqual(named())
  })

  test('J12 a client on two links is told by the links, and then on each', () => {
    const scene = new Scene()
    scene.lease()
    scene.scope = further
    const second = scene.lease()
    const links = findOption(asked(scene, query(2, [named()])).options, 'lq-client-link')!.links
    expect(links).toEqual([addressIn(site, 1n), further.plan.router])
    const data = dataOf(asked(scene, query(2, [named()], links[1]!)))!
    expect(data.flatMap(option => (option.kind === 'ia-address' ? [option.address] : []))).toEqual([second])
  })

  test.for<{ name: string; message: (address: Ip6) => Message; says: number }>([
    { name: 'an address that nobody has', message: () => query(1, [leased(addressIn(site, 0x77777n))]), says: 0 },
    { name: 'a client that nobody knows', message: () => query(2, [named(them)]), says: 0 },
    { name: 'a lease that has ended', message: address => query(1, [leased(address)]), says: 0 },
    { name: 'an address of elsewhere', message: () => query(1, [leased(parseIp6('2001:db8::1'))]), says: 9 },
    { name: 'a link of elsewhere', message: () => query(2, [named()], parseIp6('2001:db8::1')), says: 9 },
    { name: 'by address without one', message: () => query(1, [named()]), says: 8 },
    { name: 'by client without one', message: () => query(2, []), says: 8 },
    { name: 'of a kind that nobody answers', message: () => query(5, [named()]), says: 7 },
  ])('J12 $name: status $says and no data', ({ message, says }) => {
    const scene = new Scene()
    const address = scene.lease()
    scene.now += 90_000_000
    const reply = asked(scene, message(address))
    expect(statusOf(reply)).toBe(says)
    expect(dataOf(reply)).toBeUndefined()
  })

  test('J12 one without a client, without the question or for another server is discarded', () => {
    const whole = query(2, [named()])
    const [client, what] = whole.options as [Option, Option]
    expect(refusal(whole, us)).toBeUndefined()
    expect(refusal({ ...whole, options: [what] }, us)).toBe('noClientId')
    expect(refusal({ ...whole, options: [client] }, us)).toBe('noQuery')
    expect(refusal({ ...whole, options: [client, what, { kind: 'server-id', duid: them }] }, us)).toBe(
      'foreignServerId',
    )
  })
})

test('D12 J12 only those named in the configuration are answered, at the port that they ask from', async () => {
  await using bench = new Bench()
  bench.receive([message('request', [ia()]), fromB])
  const ask = (address: Ip6) =>
    bench.datagrams.deliver([
      { bytes: encodeMessage(query(2, [named()])), address, destination: linkLocal, port: 1547, link: 2 },
    ])
  ask(requester)
  expect(bench.server.counters()).toMatchObject({ 'ignored.notRequester': 1, answered: 1 })
  bench.server.update(scopeOf({ requesters: [requester] }))
  ask(requester)
  const { to, port, message: reply } = bench.replies.at(-1)!
  expect([to, port, reply.type]).toEqual([requester, 1547, MessageType.leasequeryReply])
  expect(dataOf(reply)!.length).toBe(3)
  ask(fromB)
  expect(bench.server.counters()).toMatchObject({ 'ignored.notRequester': 2, answered: 2, received: 4 })
  expect([...bench.store.all()].map(({ mac }) => mac)).not.toContain(macA)
})
