import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { decodeFrame, encodeFrame } from '../../../appliance/dhcp/frame.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import type { Option } from '../../../appliance/dhcp/options.ts'
import { ServerSearch } from '../../../appliance/dhcp/server-search.ts'
import type { FrameIn } from '../../../appliance/dhcp/socket.ts'
import { Bench, fromB, linkLocal } from './lan-bench.ts'
import { ia, macA, macB, message, scopeOf, them, us } from './scene.ts'

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

  test('they are looked for three times at the start, and every five minutes from then on', () => {
    const later: { at: number; body: () => void }[] = []
    const sent: Uint8Array[] = []
    const search = new ServerSearch({
      link: { name: 'eth1', mac: macA },
      linkLocal,
      duid: us,
      clock: systemClock,
      random: () => 0.5,
      log: silentLog,
      describe: () => ({ consequence: '', mayWin: false }),
      send: frame => void sent.push(frame),
      after: (at, body) => void later.push({ at, body }),
    })
    search.start()
    const searches: number[] = []
    for (let now = 0, left = 9; left > 0 && later.length > 0; left--) {
      later.sort((a, b) => a.at - b.at)
      const { at, body } = later.shift()!
      const before = sent.length
      const known = later.length
      body()
      now = at
      for (const each of later.slice(known)) each.at += now // what it wants later counts from now
      if (sent.length > before) searches.push(now / 1000)
    }
    expect(searches).toEqual([0, 1, 3, 300, 600, 900, 1200, 1500])
    expect(decodeMessage(decodeFrame(sent[7]!).bytes).type).toBe(MessageType.solicit)
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
        addresses: [],
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
    await using bench = new Bench(undefined, () => transactions[Math.min(dice++, 1)]!)
    await expect.poll(() => bench.frames.sent.length).toBe(1)
    bench.frames.deliver([answer(MessageType.advertise, 0x40_0000, [])])
    expect(bench.server.otherServers()).toMatchObject([{ rapidCommit: undefined, mayWin: false }])
    await expect.poll(() => bench.frames.sent.length).toBe(2)
    const question = decodeMessage(decodeFrame(bench.frames.sent[1]![0]!.frame).bytes)
    expect(question.options).toContainEqual({ kind: 'rapid-commit' })

    const lease: Option = { kind: 'ia-address', address: parseIp6('fd00::7'), preferred: 1, valid: 2, options: [] }
    const ia: Option = { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [lease] }
    bench.frames.deliver([answer(MessageType.reply, 0x80_0000, [{ kind: 'rapid-commit' }, ia])])
    expect(bench.server.otherServers()).toMatchObject([
      { rapidCommit: true, mayWin: true, consequence: expect.stringContaining('switch its DHCPv6 server off') },
    ])
    const release = decodeMessage(decodeFrame(bench.frames.sent[2]![0]!.frame).bytes)
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

  test('F07 Rapid Commit waits for the first search, and is off while another server or a router that names one is there', async () => {
    await using bench = new Bench()
    const solicit = (): Message['type'] => {
      bench.receive([message('solicit', [{ kind: 'rapid-commit' }, ia()]), fromB])
      return bench.replies.at(-1)!.message.type
    }
    expect(solicit()).toBe(MessageType.advertise)
    await expect.poll(solicit).toBe(MessageType.reply)
    bench.managedElsewhere = true
    expect(solicit()).toBe(MessageType.advertise)
    bench.managedElsewhere = false
    expect(solicit()).toBe(MessageType.reply)
    bench.frames.deliver([advertise([])])
    expect(solicit()).toBe(MessageType.advertise)
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
