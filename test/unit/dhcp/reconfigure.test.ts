import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { parsePrefix } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { ClientStore } from '../../../appliance/dhcp/client-store.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { LanServer } from '../../../appliance/dhcp/lan-server.ts'
import { decodeMessage, encodeMessage, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, type Option } from '../../../appliance/dhcp/options.ts'
import { encodeReconfigure } from '../../../appliance/dhcp/reconfigure-key.ts'
import { decodeRelayForward } from '../../../appliance/dhcp/relay-message.ts'
import { Reservations } from '../../../appliance/dhcp/reservations.ts'
import { allServers } from '../../../appliance/dhcp/socket.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { Bench, fromA, fromB, linkLocal } from './lan-bench.ts'
import { forward, hop, link } from './relayed.ts'
import { host, ia, macA, message, scopeOf, site, them, us } from './scene.ts'

const accept: Option = { kind: 'reconfigure-accept' }
const offers = [{ code: 23, option: { kind: 'dns-servers', servers: [linkLocal] }, always: false }] as const

/** What a reply says of Reconfigure, and its key. */
function saidBy(options: readonly Option[]) {
  const information = findOption(options, 'authentication')?.information
  return {
    accepts: findOption(options, 'reconfigure-accept') !== undefined,
    key: information?.[0] === 1 ? information.slice(1) : undefined,
    replay: findOption(options, 'authentication')?.replay,
  }
}

const last = (bench: Bench) => saidBy(bench.replies.at(-1)!.message.options)
const request = (...more: Option[]) => message('request', [ia(), ...more])
const reconfigures = (bench: Bench) => bench.replies.filter(({ message: { type } }) => type === MessageType.reconfigure)

describe('what is agreed', () => {
  test('G01 a client that did not send Reconfigure Accept hears nothing of it', async () => {
    await using bench = new Bench()
    for (const each of [message('solicit', [ia()]), request(), message('renew', [ia()])]) {
      bench.receive([each, fromA])
      expect(last(bench)).toEqual({ accepts: false, key: undefined, replay: undefined })
    }
    expect(bench.clients.find(undefined, host)).toBeUndefined()
  })

  test('G01 G03 one that did is told so, and gets a key with its lease and not before', async () => {
    await using bench = new Bench()
    bench.receive([message('solicit', [ia(), accept]), fromA])
    expect(last(bench)).toEqual({ accepts: true, key: undefined, replay: undefined })
    bench.receive([request(accept), fromA])
    const { accepts, key } = last(bench)
    expect([accepts, key?.length]).toEqual([true, 16])
    expect(bench.clients.find(undefined, host)).toMatchObject({ address: fromA, key, route: undefined })
  })

  test('G04 a retransmitted Request gets the same key, a Renew none but that it is so; G05 each key a higher number', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    const first = last(bench)
    bench.receive([request(accept), fromA])
    const again = last(bench)
    expect(again.key).toEqual(first.key)
    expect(again.replay).toBeGreaterThan(first.replay!)
    bench.receive([message('renew', [ia(), accept]), fromA])
    expect(last(bench)).toEqual({ accepts: true, key: undefined, replay: undefined })
    bench.receive([message('request', [ia(), accept], them), fromB])
    expect(last(bench).key).not.toEqual(first.key)
  })

  test('G03 a Renew of a client that we have forgotten brings it a key', async () => {
    await using bench = new Bench()
    bench.receive([message('renew', [ia(), accept]), fromA])
    expect(last(bench).key?.length).toBe(16)
  })

  test('G01 a client that begins anew without it takes none any more', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA], [request(), fromA])
    expect(bench.clients.find(undefined, host)?.key).toBeUndefined()
    expect(bench.server.reconfigure(undefined)).toBe(0)
  })

  test('G01 nothing of it in the answer to an Information-request, which makes no lease, nor to a Release', async () => {
    await using bench = new Bench()
    bench.receive([message('informationRequest', [accept]), fromA], [message('release', [ia(), accept]), fromA])
    expect(bench.replies.length).toBe(2)
    for (const { message: reply } of bench.replies) expect(saidBy(reply.options).accepts).toBe(false)
  })
})

describe('a Reconfigure', () => {
  test('G06 G08 goes to those who take it when what they are told changes, and to no others', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA], [message('request', [ia()], them), fromB])
    const { key, replay } = saidBy(bench.replies[0]!.message.options)
    bench.server.update(scopeOf())
    bench.server.update(scopeOf({ offers }))
    await expect.poll(() => reconfigures(bench).length).toBe(1)
    const [sent] = bench.datagrams.sent.at(-1)!
    expect([sent!.address, sent!.port]).toEqual([fromA, 546])
    const number = findOption(decodeMessage(sent!.bytes).options, 'authentication')!.replay
    expect(number).toBeGreaterThan(replay!)
    const expected = { server: us, client: host, type: MessageType.renew, key: key!, replay: number }
    expect(sent!.bytes).toEqual(encodeReconfigure(expected))
    expect(bench.lines).toEqual([
      { level: 'info', fields: { count: 1 }, text: expect.stringContaining('asked to renew') },
    ])
  })

  test('G06 is not repeated once the client has renewed', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    expect(bench.server.reconfigure(undefined)).toBe(1)
    await expect.poll(() => reconfigures(bench).length).toBe(1)
    bench.receive([message('renew', [ia(), accept]), fromA])
    expect(bench.server.counters()).toMatchObject({
      reconfigured: 1,
      reconfigureTries: 1,
      reconfigureAnswered: 1,
      reconfigureUnanswered: 0,
    })
    bench.receive([message('renew', [ia(), accept]), fromA])
    expect(bench.server.counters().reconfigureAnswered).toBe(1)
  })

  test('G06 is repeated with a higher number while the client is silent', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    bench.server.reconfigure(undefined)
    await expect.poll(() => reconfigures(bench).length).toBe(1)
    await expect.poll(() => reconfigures(bench).length, { timeout: 4_000 }).toBe(2)
    const numbers = reconfigures(bench).map(({ message: { options } }) => saidBy(options).replay!)
    expect(numbers[1]).toBeGreaterThan(numbers[0]!)
  })

  test('G08 goes out when reservations change, and not when they are the same in a new reading of the file', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    const reserved = (...hosts: number[]) =>
      scopeOf({
        reservations: new Reservations([
          { identity: { kind: 'mac', mac: macA }, hosts, prefixes: [], hostname: undefined, offers: [] },
        ]),
      })
    bench.server.update(reserved(7))
    expect(bench.server.counters().reconfigured).toBe(1)
    bench.server.update(reserved(7))
    expect(bench.server.counters().reconfigured).toBe(1)
    bench.server.update(reserved(8))
    expect(bench.server.counters().reconfigured).toBe(2)
  })

  test('G08 can be asked for some clients only, as for those whose reservation changed', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA], [message('request', [ia(), accept], them), fromB])
    expect(bench.server.reconfigure(undefined, [them])).toBe(1)
    expect(bench.server.reconfigure(3)).toBe(0)
    await expect.poll(() => reconfigures(bench).map(({ to }) => to)).toEqual([fromB])
  })

  test('G06 a client whose lease has ended is left alone', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    bench.later = 90_000_000
    expect(bench.server.reconfigure(undefined)).toBe(0)
  })

  test('G06 goes through the relays of a client that is behind some', async () => {
    await using bench = new Bench()
    const plan = lanPlan(site, 5)
    const segment = { scope: scopeOf({ plan }), via: link, sources: [], linkAddresses: [] }
    bench.server.update(scopeOf(), [segment])
    const hops = [hop({ hopCount: 1, options: [{ code: 18, bytes: Uint8Array.of(0, 7) }] }), hop()]
    const bytes = forward(hops, encodeMessage(request(accept)))
    bench.datagrams.deliver([{ bytes, address: link, destination: allServers, port: 547, link: 2 }])
    expect(bench.server.reconfigure(5)).toBe(1)
    await expect.poll(() => bench.datagrams.sent.length).toBe(2)
    const [sent] = bench.datagrams.sent[1]!
    expect([sent!.address, sent!.port, sent!.bytes[0]]).toEqual([link, 547, MessageType.relayReply])
    let inner: Uint8Array = sent!.bytes
    for (const expected of hops) {
      const relayed = decodeRelayForward(Uint8Array.of(MessageType.relayForward, ...inner.subarray(1)))
      if (relayed === 'too-deep') throw new Error('too deep')
      expect(relayed.hops).toEqual([expected])
      inner = relayed.message
    }
    expect(decodeMessage(inner).type).toBe(MessageType.reconfigure)
  })

  test('G08 a server that starts with something else to tell asks those who take it', async () => {
    await using bench = new Bench()
    bench.receive([request(accept), fromA])
    await bench.server.stop()
    const options = {
      link: { name: 'eth1', index: 2, mac: macA },
      linkLocal,
      store: bench.store,
      clients: bench.clients,
      identity: { duid: us, secret: new Uint8Array(32) },
      clock: bench.clock,
      random: Math.random,
      log: silentLog,
      open: () => ({ datagrams: bench.datagrams, neighbours: bench.neighbours, frames: bench.frames }),
    }
    const moved = lanPlan({ ...site, address: (site.address + (1n << 48n)) as typeof site.address }, undefined)
    for (const [scope, count] of [
      [scopeOf(), 0],
      [scopeOf({ plan: moved }), 1],
      [scopeOf({ plan: moved, beside: [lanPlan(parsePrefix('fcaa:bbcc:dd89:e92c:eee5::/80'), undefined)] }), 1],
    ] as const) {
      const server = new LanServer({ ...options, scope })
      server.start()
      expect(server.counters().reconfigured).toBe(count)
      await server.stop()
    }
  })
})

describe('what is kept of clients', () => {
  const folder = () => {
    const path = mkdtempSync(join(tmpdir(), 'siteplane-'))
    return { file: join(path, 'clients.sqlite'), [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
  }
  const at = (seconds: number) => ({ now: () => seconds * 1000, monotonic: () => 0 })
  const client = {
    subnet: 5,
    duid: host,
    address: fromA,
    route: { relay: link, port: 547, hops: [hop({ options: [{ code: 18, bytes: Uint8Array.of(1, 2) }] })] },
    key: new Uint8Array(16).fill(9),
    until: 5_000_000,
  }

  test('G04 is there after a restart, key and route and all', () => {
    using place = folder()
    {
      using clients = new ClientStore(place.file, silentLog, at(1000))
      clients.put(client)
      clients.commit()
    }
    using clients = new ClientStore(place.file, silentLog, at(1000))
    expect(clients.find(5, host)).toEqual(client)
    expect(clients.find(undefined, host)).toBeUndefined()
    expect(clients.reconfigurable(5, 4_999_999)).toEqual([host])
    expect(clients.reconfigurable(5, 5_000_000)).toEqual([])
    expect(clients.routes(5)).toEqual(new Map([[host, client.route]]))
  })

  test('what has not changed is not written again, unless the leases end much later', () => {
    using place = folder()
    using clients = new ClientStore(place.file, silentLog, at(1000))
    const isWritten = (over: Partial<typeof client>) => {
      const before = statSync(`${place.file}-wal`).size
      clients.put({ ...client, ...over })
      clients.commit()
      return statSync(`${place.file}-wal`).size > before
    }
    expect(isWritten({})).toBe(true)
    expect(isWritten({})).toBe(false)
    expect(isWritten({ until: 5_900_000 })).toBe(false)
    expect(isWritten({ until: 6_500_000 })).toBe(true)
    expect(isWritten({ until: 6_500_000, address: fromB })).toBe(true)
    const elsewhere = { ...client.route, hops: [hop({ options: [{ code: 18, bytes: Uint8Array.of(1, 3) }] })] }
    expect(isWritten({ until: 6_500_000, address: fromB, route: elsewhere })).toBe(true)
    const key = new Uint8Array(16).fill(8)
    expect(isWritten({ until: 6_500_000, address: fromB, route: elsewhere, key })).toBe(true)
    expect(clients.find(5, host)).toEqual({ ...client, until: 6_500_000, address: fromB, route: elsewhere, key })
  })

  test('G05 numbers only grow: over restarts, with the clock set back, and with the file lost', () => {
    using place = folder()
    let before = 0n
    for (const seconds of [1000, 1000, 500, 2000]) {
      using clients = new ClientStore(place.file, silentLog, at(seconds))
      for (let i = 0; i < 3; i++) {
        const replay = clients.replay()!
        expect(replay).toBeGreaterThan(before)
        before = replay
      }
    }
    rmSync(place.file)
    using clients = new ClientStore(place.file, silentLog, at(2001))
    expect(clients.replay()).toBeGreaterThan(before)
  })

  test('of more clients than there is room for, those whose leases end first are forgotten', () => {
    using place = folder()
    using clients = new ClientStore(place.file, silentLog, at(1000), 100)
    const duidOf = (i: number) =>
      parseDuid(`00:03:00:01:02:00:00:00:${i.toString(16).padStart(4, '0').replace(/../, '$&:')}`)
    for (let i = 0; i < 1000; i++) clients.put({ ...client, duid: duidOf(i), until: 5_000_000 + i })
    clients.commit()
    const left = clients.reconfigurable(5, 0)
    expect(left.length).toBeLessThanOrEqual(100)
    expect(left.length).toBeGreaterThan(90)
    expect(clients.hasKey(5, duidOf(999))).toBe(true)
    expect(clients.hasKey(5, duidOf(0))).toBe(false)
  })

  test('what can not be written is told until something can, whatever is read meanwhile', () => {
    using place = folder()
    using clients = new ClientStore(place.file, silentLog, at(1000))
    const blocker = new DatabaseSync(place.file)
    blocker.exec('BEGIN IMMEDIATE')
    clients.put(client)
    clients.commit()
    expect(clients.find(5, host)).toBeUndefined()
    expect(clients.told(5)).toBeUndefined()
    expect(clients.reasons()).toEqual([expect.stringContaining('database is locked')])
    blocker.exec('ROLLBACK')
    blocker.close()
    clients.put(client)
    clients.commit()
    expect(clients.reasons()).toEqual([])
    expect(clients.find(5, host)).toEqual(client)
  })

  test('a file that is none is made anew, and a place that is none costs only this', () => {
    using place = folder()
    writeFileSync(place.file, 'not a database, and long enough to be looked at as one'.repeat(100))
    using clients = new ClientStore(place.file, silentLog, at(1000))
    clients.put(client)
    clients.commit()
    expect(clients.find(5, host)).toEqual(client)
    using nowhere = new ClientStore('/nowhere/clients.sqlite', silentLog, at(1000))
    nowhere.put(client)
    nowhere.commit()
    expect([nowhere.find(5, host), nowhere.replay(), nowhere.reconfigurable(5, 0)]).toEqual([undefined, undefined, []])
    expect([clients.reasons().length, nowhere.reasons()]).toEqual([0, [expect.stringContaining('ENOENT')]])
  })
})
