import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Clock } from '../../../appliance/base/clock.ts'
import { KernelError } from '../../../appliance/base/errors.ts'
import { broadcast4, formatIp4, type Ip4, parseIp4 } from '../../../appliance/base/ip4.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { type Mac, parseMac } from '../../../appliance/base/mac.ts'
import { decodeMessage, encodeMessage } from '../../../appliance/dhcp4/codec.ts'
import {
  clientPort,
  decodeArp,
  decodeDatagram,
  encodeDatagram,
  encodeProbe,
  everyone,
  serverPort,
} from '../../../appliance/dhcp4/frame.ts'
import { LanServer4 } from '../../../appliance/dhcp4/lan-server.ts'
import { type Message4, option, typeOf } from '../../../appliance/dhcp4/message.ts'
import type { FrameIn, Sockets4 } from '../../../appliance/dhcp4/socket.ts'
import { Store4 } from '../../../appliance/dhcp4/store.ts'
import { Folder } from '../dhcp/stored.ts'
import { macA, macB, message, scope, start, us } from './scene.ts'

const ours = parseMac('02:00:00:00:00:01')
const wants = '192.168.8.150'

/** A server on two wires that a test holds the other ends of. */
class Bench {
  readonly sent: string[] = []
  readonly folder = new Folder()
  readonly clock: Clock = { now: () => start + Date.now(), monotonic: () => Date.now() }
  readonly store = new Store4(this.folder.file, silentLog, this.clock, true)
  readonly server: LanServer4
  #datagram: (batch: readonly FrameIn[]) => void = () => {}
  #arp: (batch: readonly FrameIn[]) => void = () => {}

  /** With `busy` another program has the port at first. */
  constructor(busy = 0) {
    let tries = 0
    const endpoint = (kind: 'datagrams' | 'arp') => ({
      listen: (onBatch: (batch: readonly FrameIn[]) => void) => {
        if (kind === 'arp') this.#arp = onBatch
        else this.#datagram = onBatch
      },
      send: (batch: readonly { readonly frame: Uint8Array }[]) => {
        for (const { frame } of batch) this.sent.push(kind === 'arp' ? this.#probe(frame) : this.#reply(frame))
        return []
      },
      close() {},
      [Symbol.dispose]() {},
    })
    const open = () => {
      if (tries++ < busy) throw new KernelError('bind UDP port 67 on', 'eth1', 'EADDRINUSE')
      return sockets
    }
    const sockets = { datagrams: endpoint('datagrams'), arp: endpoint('arp'), [Symbol.dispose]() {} } satisfies Sockets4
    const link = { name: 'eth1', index: 2, mac: ours }
    const common = { secret: new Uint8Array(32), random: () => 0.5, log: silentLog, clock: this.clock }
    this.server = new LanServer4({ link, scope, store: this.store, open, ...common })
    this.server.start()
  }

  says(said: Message4, to: Ip4 = broadcast4): void {
    const source = { mac: said.mac, address: said.ciaddr, port: clientPort }
    const bytes = encodeMessage(said)
    const frame = encodeDatagram({ source, destination: { mac: everyone, address: to, port: serverPort }, bytes })
    this.#datagram([{ frame, outgoing: false }])
  }

  /** Another server says something to a client. */
  rival(address: string): void {
    const said = message('offer', { server: address })
    const source = { mac: macB, address: parseIp4(address), port: serverPort }
    const destination = { mac: everyone, address: broadcast4, port: clientPort }
    const bytes = encodeMessage({ ...said, op: 'reply' })
    this.#datagram([{ frame: encodeDatagram({ source, destination, bytes }), outgoing: false }])
  }

  /** A host says that it has an address. */
  has(address: string, mac: Mac): void {
    const frame = encodeProbe(mac, parseIp4(address))
    frame.set([192, 168, 8, Number(address.split('.')[3])], 28) // the sender's own
    this.#arp([{ frame, outgoing: false }])
  }

  #probe(frame: Uint8Array): string {
    return `probe ${formatIp4(decodeArp(frame).target)}`
  }

  #reply(frame: Uint8Array): string {
    const said = decodeMessage(decodeDatagram(frame).bytes)
    const stored = [...this.store.all].map(({ address, state }) => `${formatIp4(address)} ${state}`)
    return said.op === 'request' ? 'search' : [`${typeOf(said)} ${formatIp4(said.yiaddr)}`, ...stored].join(', ')
  }

  [Symbol.dispose](): void {
    this.server.stop()
    this.store[Symbol.dispose]()
    this.folder[Symbol.dispose]()
  }
}

beforeEach(() => void vi.useFakeTimers({ now: 0 }))
afterEach(() => void vi.useRealTimers())

/** The search at the start is over. */
function settled(): Bench {
  const bench = new Bench()
  vi.advanceTimersByTime(3_000)
  expect(bench.sent.splice(0)).toEqual(['search', 'search'])
  return bench
}

describe('a new host', () => {
  test('hears nothing before other servers had time to answer, and then needs not ask again', () => {
    using bench = new Bench()
    bench.says(message('discover', { wants }))
    vi.advanceTimersByTime(2_999)
    expect(bench.sent.splice(0)).toEqual(['search', 'search'])
    vi.advanceTimersByTime(1)
    expect(bench.sent).toEqual([`probe ${wants}`])
  })

  test('hears nothing at all where another server has answered', () => {
    using bench = new Bench()
    bench.says(message('discover', { wants }))
    bench.rival('192.168.8.2')
    vi.advanceTimersByTime(4_000)
    expect(bench.sent.filter(each => each !== 'search')).toEqual([])
    expect(bench.server.counters()['dropped.other-server-known']).toBe(1)
  })

  test('is offered what nobody answers for, and the lease is stored when it is acknowledged', () => {
    using bench = settled()
    bench.says(message('discover', { wants }))
    bench.says(message('discover', { wants })) // again, while the LAN is asked: one question, one answer
    expect(bench.sent.splice(0)).toEqual([`probe ${wants}`])
    vi.advanceTimersByTime(500)
    expect(bench.sent.splice(0)).toEqual([`offer ${wants}`])
    bench.says(message('request', { wants, server: formatIp4(us) }))
    expect(bench.sent).toEqual([`ack ${wants}, ${wants} bound`])
  })

  test('is offered another address where a host answers', () => {
    using bench = settled()
    bench.says(message('discover', { wants }))
    bench.has(wants, macB)
    const [first, second] = bench.sent.splice(0)
    expect([first, second]).toEqual([`probe ${wants}`, expect.stringMatching(/^probe 192\.168\.8\.1/)])
    vi.advanceTimersByTime(500)
    expect(bench.sent).toEqual([expect.stringMatching(/^offer .*, 192\.168\.8\.150 declined$/)])
  })
})

test('another server on this machine is a reason, and its end is noticed', () => {
  using bench = new Bench(1)
  expect(bench.server.reasons()).toEqual(["DHCPv4 on eth1 can't be served: bind UDP port 67 on eth1: EADDRINUSE"])
  vi.advanceTimersByTime(2_000)
  expect([bench.server.failure, bench.sent]).toEqual([undefined, ['search']])
  bench.says(message('discover', { wants }))
  vi.advanceTimersByTime(2_999) // the search begins only now
  expect(bench.sent).toEqual(['search', 'search'])
})

test('what can not be stored is not promised', () => {
  using bench = settled()
  vi.spyOn(bench.store, 'commit').mockImplementationOnce(done => done(false))
  bench.says(message('request', { ciaddr: wants }))
  expect(bench.sent).toEqual([])
  expect(bench.server.counters()['unstored']).toBe(1)
})

test('the disk works beside us, and an acknowledgement leaves when the lease is on it', () => {
  using bench = settled()
  let stored: (stored: boolean) => void = () => {}
  vi.spyOn(bench.store, 'commit').mockImplementationOnce(done => {
    stored = done
  })
  bench.says(message('request', { ciaddr: wants }))
  bench.says(message('request', { ciaddr: '10.0.0.5', mac: macB })) // a refusal promises nothing
  expect(bench.sent).toEqual([expect.stringMatching(/^nak 0\.0\.0\.0/)])
  stored(true)
  expect(bench.sent.slice(1)).toEqual([expect.stringMatching(`^ack ${wants}`)])
})

test('what passes through to a server elsewhere is not refused: this router is only its way', () => {
  using bench = settled()
  bench.says(message('request', { ciaddr: '10.0.0.5' }), parseIp4('10.9.0.1'))
  expect(bench.sent).toEqual([])
  bench.says(message('request', { ciaddr: '10.0.0.5' }))
  expect(bench.sent).toEqual(['nak 0.0.0.0'])
})

test('a relay is named, and its messages are counted', () => {
  using bench = settled()
  expect(bench.server.notices()).toEqual([])
  bench.says(message('discover', { giaddr: '10.1.0.1' }))
  expect(bench.sent).toEqual([])
  expect(bench.server.counters()['dropped.relayed']).toBe(1)
  expect(bench.server.notices()).toEqual([
    'messages of the relay 10.1.0.1 are dropped: DHCPv4 on eth1 serves no relays',
  ])
  vi.advanceTimersByTime(600_000)
  expect(bench.server.notices()).toEqual([])
})

test('another server is named, and no new host hears from us until it is silent', () => {
  using bench = settled()
  bench.rival('192.168.8.2')
  expect(bench.server.reasons()).toEqual([
    `another DHCPv4 server is on eth1: 192.168.8.2 (${macB}): hosts get no new address from us until it is off (or ipv4.besideOthers is true)`,
  ])
  bench.says(message('discover', { wants, mac: macA }))
  expect(bench.server.counters()['dropped.other-server-known']).toBe(1)
  vi.advanceTimersByTime(70_000)
  expect(bench.server.reasons()).toEqual([])
  bench.says(message('discover', { wants }))
  expect(bench.sent.at(-1)).toBe(`probe ${wants}`)
})

test('a frame that is no message is counted', () => {
  using bench = settled()
  const said = message('discover')
  bench.says({ ...said, options: new Map([...said.options, [option.requestedAddress, Uint8Array.of(1)]]) })
  expect(bench.server.counters()['dropped.malformed']).toBe(1)
})
