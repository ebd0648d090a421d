import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../../appliance/base/bytes.ts'
import { KernelError } from '../../../appliance/base/errors.ts'
import { type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { encodeMessage, MessageType } from '../../../appliance/dhcp/message.ts'
import type { Option } from '../../../appliance/dhcp/options.ts'
import { allServers } from '../../../appliance/dhcp/socket.ts'
import { advertisement, Bench, fromA, fromB, hidden, linkLocal } from './lan-bench.ts'
import { host, ia, macA, macB, message, onlyAddress, them } from './scene.ts'

const request = (iaid: number, options: readonly Option[] = []) => message('request', [ia([], iaid), ...options])

describe('a turn of the event loop', () => {
  test('F10 is stored before its Replies leave, which go in one call to port 546; an Advertise does not wait for them', async () => {
    await using bench = new Bench()
    let stored = -1
    bench.datagrams.onSend = () => {
      const db = new DatabaseSync(join(bench.folder, 'leases.sqlite'), { readOnly: true })
      stored = Number(db.prepare('SELECT count(*) AS n FROM lease').get()?.['n'])
      db.close()
    }
    bench.receive([request(1), fromA], [request(2), fromA], [message('solicit', [ia([], 3)]), fromB])
    expect(stored).toBe(2)
    expect(bench.datagrams.sent.length).toBe(2)
    expect(bench.replies.map(({ to, port, message }) => [to, port, message.type])).toEqual([
      [fromB, 546, MessageType.advertise],
      [fromA, 546, MessageType.reply],
      [fromA, 546, MessageType.reply],
    ])
    expect(bench.server.activeLeases()).toBe(2)
  })

  test('what could not be stored is not answered; Confirm still is; Solicit not until the disk is fit again', async () => {
    await using bench = new Bench()
    const blocker = new DatabaseSync(join(bench.folder, 'leases.sqlite'), { timeout: 0 })
    blocker.exec('BEGIN EXCLUSIVE')
    bench.receive([request(1), fromA], [message('confirm', [ia(['fc9c:56c2:e389:e92c:eee5::1:2345'])]), fromA])
    expect(bench.replies.length).toBe(1)
    expect(bench.server.activeLeases()).toBe(0)
    expect(bench.store.reasons()).toEqual([expect.stringContaining('database is locked')])
    bench.receive([message('solicit', [ia()]), fromA])
    expect(bench.replies.length).toBe(1)
    expect(bench.server.counters()).toMatchObject({ unstored: 2, answered: 1 })
    blocker.exec('ROLLBACK')
    blocker.close()
    bench.receive([request(1), fromA])
    expect(bench.replies.length).toBe(2)
    expect(bench.store.reasons()).toEqual([])
  })

  test('J13 an exchange, a renewal and a release make no line above debug', async () => {
    await using bench = new Bench()
    bench.receive([message('solicit', [ia()]), fromA])
    bench.receive([request(1), fromA])
    const address = onlyAddress(bench.replies.at(-1)!.message)
    bench.receive([message('renew', [ia([address])]), fromA])
    bench.receive([message('release', [ia([address])]), fromA])
    expect(bench.replies.length).toBe(4)
    expect(bench.lines).toEqual([])
  })

  test('a malformed message costs nobody else an answer, and no line', async () => {
    await using bench = new Bench()
    bench.datagrams.deliver([
      { bytes: fromHex('01 000001 0001 00ff 00'), address: fromA, destination: allServers, port: 546, link: 2 },
      { bytes: encodeMessage(message('solicit', [ia()])), address: fromA, destination: allServers, port: 546, link: 2 },
      { bytes: new Uint8Array(), address: fromA, destination: allServers, port: 546, link: 2 },
    ])
    expect(bench.replies.length).toBe(1)
    expect(bench.server.counters()).toMatchObject({ received: 3, malformed: 2, answered: 1, bugs: 0 })
    expect(bench.lines).toEqual([])
  })

  test('D12 a message to us alone is not answered; each kind of drop has a counter', async () => {
    await using bench = new Bench()
    const bytes = encodeMessage(request(1))
    const base = { bytes, address: fromA, destination: allServers, port: 546, link: 2 }
    bench.datagrams.deliver([
      { ...base, destination: linkLocal }, // as udhcpc6 renews
      { ...base, address: parseIp6('fc9c:56c2:e389:e92c:eee5::1:2345') },
      { ...base, bytes: fromHex('0c00 00000000000000000000000000000000 fe80000000000000000000fffe00000a') },
      { ...base, bytes: encodeMessage(message('advertise', [])) },
      {
        ...base,
        address: hidden,
        bytes: encodeMessage({ ...request(1), options: [{ kind: 'server-id', duid: them }] }),
      },
    ])
    expect(bench.replies).toEqual([])
    expect(bench.server.counters()).toMatchObject({
      received: 5,
      ignored: 5,
      'ignored.unicast': 1,
      'ignored.notLinkLocal': 1,
      'ignored.noRelays': 1,
      'ignored.notForServers': 1,
      'ignored.noClientId': 1,
      questions: 0,
    })
  })

  test('a message for another server costs no question to the LAN, nor does a Confirm', async () => {
    await using bench = new Bench()
    const toThem: Option[] = [{ kind: 'client-id', duid: host }, { kind: 'server-id', duid: them }, ia()]
    bench.receive([{ ...request(1), options: toThem }, hidden])
    bench.receive([message('confirm', [ia(['fc9c:56c2:e389:e92c:eee5::1:2345'])]), hidden])
    expect(bench.replies.length).toBe(1)
    expect(bench.server.counters()).toMatchObject({ questions: 0, 'ignored.foreignServerId': 1 })
  })

  test('a reply that does not leave is counted, and the rest left', async () => {
    await using bench = new Bench()
    bench.datagrams.failures = [{ index: 1, errno: 'ENOBUFS' }]
    bench.receive([request(1), fromA], [request(2), fromA])
    expect(bench.server.counters()).toMatchObject({ answered: 1, unsent: 1 })
  })
})

test.for([86_400_000, -86_400_000])(
  'L06 the clock set by %i ms costs nobody a lease and makes no address free',
  async set => {
    await using bench = new Bench()
    bench.receive([request(1), fromA])
    const address = onlyAddress(bench.replies[0]!.message)
    bench.set = set
    bench.receive([message('request', [ia([address])], them), fromB], [message('renew', [ia([address])]), fromA])
    const [, other, renewed] = bench.replies.map(({ message }) => message)
    expect(onlyAddress(other!)).not.toBe(address)
    expect(onlyAddress(renewed!)).toBe(address)
    expect(bench.server.activeLeases()).toBe(2)
    expect(
      [...bench.store.all()].map(({ validUntil }) => Math.round((validUntil - bench.clock.now()) / 60_000)),
    ).toEqual([1440, 1440])
    bench.later += 86_300_000
    expect(bench.server.activeLeases()).toBe(2)
    bench.later += 200_000
    expect(bench.server.activeLeases()).toBe(0)
  },
)

describe('questions to the LAN', () => {
  test('a MAC that the source address hides is asked for once, and remembered', async () => {
    await using bench = new Bench()
    bench.present.set(hidden, macB)
    bench.receive([request(1), hidden])
    expect(bench.replies.length).toBe(0)
    await expect.poll(() => bench.replies.length).toBe(1)
    bench.receive([request(1), hidden])
    expect(bench.replies.length).toBe(2)
    expect([...bench.store.all()].map(({ mac }) => mac)).toEqual([macB])
    expect(bench.server.counters().questions).toBe(1)
    const { source, destination } = bench.neighbours.sent[0]![0]!
    expect([source, destination]).toEqual([linkLocal, parseIp6('ff02::1:ff4c:1f98')])
  })

  test('a host that does not answer is served without', async () => {
    await using bench = new Bench()
    bench.receive([request(1), hidden])
    await expect.poll(() => bench.replies.length).toBe(1)
    expect(bench.neighbours.sent.length).toBe(2) // the first may have been lost
    expect([...bench.store.all()].map(({ mac }) => mac)).toEqual([undefined])
  })

  test('a copied host gets an address of its own while the first one answers for its', async () => {
    await using bench = new Bench()
    bench.receive([request(1), fromA])
    const first = onlyAddress(bench.replies[0]!.message)
    bench.present.set(first, macA)
    bench.later = 10_000
    bench.receive([request(1), fromB])
    await expect.poll(() => bench.replies.length).toBe(2)
    const copy = onlyAddress(bench.replies[1]!.message)
    expect(copy).not.toBe(first)
    expect(bench.server.clones()).toEqual([
      { duid: host, iaid: 1, mac: macB, address: copy, original: { mac: macA, address: first } },
    ])
  })

  test('a copy is news while it has a lease, and of a flood of them a few are told', async () => {
    await using bench = new Bench()
    bench.receive([request(1), fromA])
    for (let i = 0; i < 50; i++) bench.receive([request(1), (fromA + 256n + BigInt(i)) as Ip6])
    expect(bench.server.activeLeases()).toBe(51)
    expect(bench.server.clones().length).toBe(16)
    bench.later = 2 * 86_400_000
    expect(bench.server.activeLeases()).toBe(0)
    expect(bench.server.clones()).toEqual([])
  })

  test('the answer of another host than the first does not count: the host has a new card', async () => {
    await using bench = new Bench()
    bench.receive([request(1), fromA])
    const first = onlyAddress(bench.replies[0]!.message)
    bench.present.set(first, macB) // the host itself, which had the address from before
    bench.later = 10_000
    const began = performance.now()
    bench.receive([request(1), fromB])
    await expect.poll(() => bench.replies.length).toBe(2)
    expect(performance.now() - began).toBeGreaterThanOrEqual(290)
    expect(onlyAddress(bench.replies[1]!.message)).toBe(first)
    expect(bench.server.clones()).toEqual([])
  })

  test('strangers with many source addresses do not stop it: beyond a bound nobody is asked', async () => {
    await using bench = new Bench()
    // Solicits, since a Request takes a sync of the disk each.
    for (let i = 0; i < 1000; i++) bench.receive([message('solicit', [ia([], i)]), (hidden + BigInt(i)) as Ip6])
    expect(bench.server.counters().questions).toBe(256)
    expect(bench.replies.length).toBe(744)
    await expect.poll(() => bench.replies.length).toBe(1000)
  })

  test('after stop nothing is answered any more', async () => {
    await using bench = new Bench()
    bench.receive([request(1), hidden])
    await bench.server.stop()
    bench.present.set(hidden, macB)
    bench.neighbours.deliver([advertisement(hidden, macB)])
    expect(bench.replies).toEqual([])
    expect([bench.datagrams.closed, bench.neighbours.closed, bench.frames.closed]).toEqual([true, true, true])
  })
})

test('a port that another server holds is no crash but a reason', async () => {
  await using bench = new Bench(() => {
    throw new KernelError('bind UDP port 547 on', 'eth1', 'EADDRINUSE')
  })
  expect(bench.server.reasons()).toEqual(["DHCPv6 on eth1 can't be served: bind UDP port 547 on eth1: EADDRINUSE"])
})
