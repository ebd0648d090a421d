import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { fromHex, Writer } from '../../../appliance/base/bytes.ts'
import { type Clock, systemClock } from '../../../appliance/base/clock.ts'
import { KernelError } from '../../../appliance/base/errors.ts'
import { bytesOf, fromBytes, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { type Log, silentLog } from '../../../appliance/base/log.ts'
import { type Mac, macBytes, parseMac } from '../../../appliance/base/mac.ts'
import { encodeFrame } from '../../../appliance/dhcp/frame.ts'
import { LanServer } from '../../../appliance/dhcp/lan-server.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import type { Option } from '../../../appliance/dhcp/options.ts'
import {
  allServers,
  type FrameIn,
  type IcmpIn,
  type IcmpOut,
  type Sockets,
  type UdpIn,
  type UdpOut,
} from '../../../appliance/dhcp/socket.ts'
import { openStore, type Store } from '../../../appliance/dhcp/store.ts'
import { host, ia, macA, macB, message, onlyAddress, scopeOf, them, us } from './scene.ts'

/** An endpoint in memory: a test delivers batches and sees what is sent. */
class Fake<In, Out> {
  sent: Out[][] = []
  closed = false
  deliver: (batch: readonly In[]) => void = () => {}
  onSend: (batch: readonly Out[]) => void = () => {}
  failures: { index: number; errno: string }[] = []

  listen(onBatch: (batch: readonly In[]) => void): void {
    this.deliver = onBatch
  }

  send(batch: readonly Out[]): { index: number; errno: string }[] {
    this.sent.push([...batch])
    this.onSend(batch)
    return this.failures
  }

  close(): void {
    this.closed = true
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const linkLocal = parseIp6('fe80::ff:fe00:1')
const fromA = parseIp6('fe80::ff:fe00:a') // made of macA
const fromB = parseIp6('fe80::ff:fe00:b')
const hidden = parseIp6('fe80::16c0:d3ef:3f4c:1f98')

class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  readonly datagrams = new Fake<UdpIn, UdpOut>()
  readonly neighbours = new Fake<IcmpIn, IcmpOut>()
  readonly frames = new Fake<FrameIn, { frame: Uint8Array }>()
  readonly lines: { level: string; text: string; fields: object }[] = []
  readonly store: Store
  readonly server: LanServer
  /** Moved by a test. */
  later = 0
  readonly clock: Clock = {
    now: () => systemClock.now() + this.later,
    monotonic: () => systemClock.monotonic() + this.later,
  }
  /** Who answers solicitations, at once. */
  readonly present = new Map<Ip6, Mac>()

  constructor(open?: () => Sockets) {
    this.store = openStore(join(this.folder, 'leases.sqlite'), silentLog, this.clock)
    const line = (level: string) => (fields: object, text: string) => void this.lines.push({ level, text, fields })
    const log: Log = {
      debug() {},
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: () => log,
    }
    this.server = new LanServer({
      link: { name: 'eth1', index: 2, mac: parseMac('02:00:00:00:00:01') },
      linkLocal,
      scope: scopeOf(),
      store: this.store,
      identity: { duid: us, secret: new Uint8Array(32) },
      clock: this.clock,
      random: () => 0.5,
      log,
      open: open ?? (() => ({ datagrams: this.datagrams, neighbours: this.neighbours, frames: this.frames })),
    })
    this.neighbours.onSend = batch => {
      for (const { bytes } of batch) {
        const target = fromBytes(bytes.subarray(8, 24))
        const mac = this.present.get(target)
        if (mac) queueMicrotask(() => this.neighbours.deliver([advertisement(target, mac)]))
      }
    }
    this.server.start()
  }

  receive(...messages: [Message, Ip6][]): void {
    this.datagrams.deliver(
      messages.map(([message, address]) => ({
        bytes: encodeMessage(message),
        address,
        destination: allServers,
        port: 546,
        link: 2,
      })),
    )
  }

  /** All replies so far, oldest first. */
  get replies(): { to: Ip6; port: number; message: Message }[] {
    return this.datagrams.sent.flat().map(({ bytes, address, port }) => ({
      to: address,
      port,
      message: decodeMessage(bytes),
    }))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop()
    this.store[Symbol.dispose]()
    rmSync(this.folder, { recursive: true })
  }
}

function advertisement(target: Ip6, mac: Mac): IcmpIn {
  const out = new Writer()
  out.u8(136).u8(0).u16(0).u32(0x6000_0000).bytes(bytesOf(target)).u8(2).u8(1).bytes(macBytes(mac))
  return { bytes: out.take(), source: target, destination: linkLocal, hopLimit: 255, link: 2 }
}

const request = (iaid: number, options: readonly Option[] = []) => message('request', [ia([], iaid), ...options])

describe('a turn of the event loop', () => {
  test('F10 is stored before its replies leave, which go in one call to port 546', async () => {
    await using bench = new Bench()
    let stored = -1
    bench.datagrams.onSend = () => {
      const db = new DatabaseSync(join(bench.folder, 'leases.sqlite'), { readOnly: true })
      stored = Number(db.prepare('SELECT count(*) AS n FROM binding').get()?.['n'])
      db.close()
    }
    bench.receive([request(1), fromA], [request(2), fromA], [message('solicit', [ia([], 3)]), fromB])
    expect(stored).toBe(2)
    expect(bench.datagrams.sent.length).toBe(1)
    expect(bench.replies.map(({ to, port, message }) => [to, port, message.type])).toEqual([
      [fromA, 546, MessageType.reply],
      [fromA, 546, MessageType.reply],
      [fromB, 546, MessageType.advertise],
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
      'ignored.relayed': 1,
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
    for (let i = 0; i < 1000; i++) bench.receive([request(i), (hidden + BigInt(i)) as Ip6])
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

describe('other servers', () => {
  const advertise = (options: readonly Option[], duid = them): FrameIn =>
    answer(MessageType.advertise, 0x80_0000, options, duid)
  const answer = (type: Message['type'], transaction: number, options: readonly Option[], duid = them): FrameIn => ({
    outgoing: false,
    frame: encodeFrame({
      sender: macB,
      source: fromB,
      destination: parseIp6('ff02::1'), // unicast in life; the frame's maker knows only multicast
      sourcePort: 547,
      destinationPort: 546,
      bytes: encodeMessage({
        type,
        transaction,
        options: [{ kind: 'server-id', duid }, ...options],
      }),
    }),
  })

  test('one that has a higher preference than ours', async () => {
    await using bench = new Bench()
    await expect.poll(() => bench.frames.sent.length).toBeGreaterThan(0)
    bench.server.update(scopeOf({ preference: 10 }))
    bench.frames.deliver([
      advertise([{ kind: 'preference', value: 200 }]),
      advertise([{ kind: 'preference', value: 200 }]),
    ])
    expect(bench.server.otherServers()).toEqual([
      {
        linkLocal: fromB,
        mac: macB,
        serverDuid: them,
        preference: 200,
        offers: [],
        rapidCommit: undefined,
        mayWin: true,
        consequence:
          'hosts on eth1 may take the DHCPv6 server fe80::ff:fe00:b (02:00:00:00:00:0b), whose preference is 200 and ours 10, and have no address of this site then',
      },
    ])
    expect(bench.lines.map(({ level }) => level)).toEqual(['warn'])
  })

  test('one that grants Rapid Commit wins hosts whatever our preference; what it gave us goes back', async () => {
    const transactions = [0.25, 0.5] // of the search, and of the question that follows
    let dice = 0
    await using bench = new Bench({ random: () => transactions[Math.min(dice++, 1)]! })
    await expect.poll(() => bench.frames.sent.length).toBe(1)
    bench.frames.deliver([answer(MessageType.advertise, 0x40_0000, [])])
    expect(bench.server.otherServers()).toMatchObject([{ rapidCommit: undefined, mayWin: false }])
    await expect.poll(() => bench.frames.sent.length).toBe(2)
    const question = decodeMessage(decodeFrame(bench.frames.sent[1]!.frame).bytes)
    expect(question.options).toContainEqual({ kind: 'rapid-commit' })

    const lease: Option = { kind: 'ia-address', address: parseIp6('fd00::7'), preferred: 1, valid: 2, options: [] }
    const ia: Option = { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [lease] }
    bench.frames.deliver([answer(MessageType.reply, 0x80_0000, [{ kind: 'rapid-commit' }, ia])])
    expect(bench.server.otherServers()).toMatchObject([
      { rapidCommit: true, mayWin: true, consequence: expect.stringContaining('switch its DHCPv6 server off') },
    ])
    const release = decodeMessage(decodeFrame(bench.frames.sent[2]!.frame).bytes)
    expect(release.type).toBe(MessageType.release)
    expect(release.options).toContainEqual(ia)
    expect(release.options).toContainEqual({ kind: 'server-id', duid: them })
  })

  test('one that answers the question by an Advertise does not', async () => {
    await using bench = new Bench()
    await expect.poll(() => bench.frames.sent.length).toBe(1)
    bench.frames.deliver([advertise([])])
    await expect.poll(() => bench.frames.sent.length).toBe(2)
    bench.frames.deliver([advertise([])])
    expect(bench.server.otherServers()).toMatchObject([{ rapidCommit: false, mayWin: false }])
  })

  test('what a stranger wrote is shown in words that are safe, and not without end', async () => {
    await using bench = new Bench()
    await expect.poll(() => bench.frames.sent.length).toBeGreaterThan(0)
    const servers = Array.from({ length: 100 }, () => fromB)
    bench.frames.deliver([advertise([{ kind: 'domain-list', names: ['<script>', 'home.example'] }])])
    expect(bench.server.otherServers()[0]!.offers).toEqual(['search domain home.example'])
    bench.frames.deliver([advertise([{ kind: 'dns-servers', servers }])])
    expect(bench.server.otherServers()[0]!.offers.length).toBe(12)
  })

  test('our own answer and a stranger’s noise are none; a flood of servers is bounded', async () => {
    await using bench = new Bench()
    await expect.poll(() => bench.frames.sent.length).toBeGreaterThan(0)
    bench.frames.deliver([advertise([], us), { frame: new Uint8Array(10), outgoing: false }])
    expect(bench.server.otherServers()).toEqual([])
    for (let i = 0; i < 100; i++)
      bench.frames.deliver([advertise([], `00:04:${i.toString(16).padStart(2, '0')}` as typeof them)])
    expect(bench.server.otherServers().length).toBe(16)
    expect(bench.lines.length).toBe(1)
  })
})

test('a port that another server holds is no crash but a reason', async () => {
  await using bench = new Bench(() => {
    throw new KernelError('bind UDP port 547 on', 'eth1', 'EADDRINUSE')
  })
  expect(bench.server.reasons()).toEqual(["DHCPv6 on eth1 can't be served: bind UDP port 547 on eth1: EADDRINUSE"])
})
