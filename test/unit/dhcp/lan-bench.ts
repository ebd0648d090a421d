import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writer } from '../../../appliance/base/bytes.ts'
import { type Clock, systemClock } from '../../../appliance/base/clock.ts'
import { bytesOf, fromBytes, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { type Log, silentLog } from '../../../appliance/base/log.ts'
import { type Mac, macBytes, parseMac } from '../../../appliance/base/mac.ts'
import { ClientStore } from '../../../appliance/dhcp/client-store.ts'
import { LanServer, type LanServerOptions } from '../../../appliance/dhcp/lan-server.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../appliance/dhcp/message.ts'
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
import { scopeOf, us } from './scene.ts'

/** An endpoint in memory: a test delivers batches and sees what is sent. */
export class Fake<In, Out> {
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

export const linkLocal = parseIp6('fe80::ff:fe00:1')
export const fromA = parseIp6('fe80::ff:fe00:a') // made of macA
export const fromB = parseIp6('fe80::ff:fe00:b')
export const hidden = parseIp6('fe80::16c0:d3ef:3f4c:1f98')

/** A LAN server over sockets in memory, its store on disk, and what it logs. */
export class Bench implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
  readonly datagrams = new Fake<UdpIn, UdpOut>()
  readonly neighbours = new Fake<IcmpIn, IcmpOut>()
  readonly frames = new Fake<FrameIn, { frame: Uint8Array }>()
  readonly lines: { level: string; text: string; fields: object }[] = []
  readonly store: Store
  readonly clients: ClientStore
  readonly server: LanServer
  managedElsewhere = false
  /** Moved by a test. */
  later = 0
  /** How far the wall clock was set. */
  set = 0
  readonly clock: Clock = {
    now: () => systemClock.now() + this.later + this.set,
    monotonic: () => systemClock.monotonic() + this.later,
  }
  /** Who answers solicitations, at once. */
  readonly present = new Map<Ip6, Mac>()

  constructor(open?: () => Sockets, random = () => 0.5, over: Partial<LanServerOptions> = {}) {
    this.store = openStore(join(this.folder, 'leases.sqlite'), silentLog, this.clock, true)
    this.clients = new ClientStore(join(this.folder, 'clients.sqlite'), silentLog, this.clock)
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
      clients: this.clients,
      identity: { duid: us, secret: new Uint8Array(32) },
      managedElsewhere: () => this.managedElsewhere,
      clock: this.clock,
      random,
      log,
      open: open ?? (() => ({ datagrams: this.datagrams, neighbours: this.neighbours, frames: this.frames })),
      ...over,
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
    this.clients[Symbol.dispose]()
    this.store[Symbol.dispose]()
    rmSync(this.folder, { recursive: true })
  }
}

export function advertisement(target: Ip6, mac: Mac): IcmpIn {
  const out = new Writer()
  out.u8(136).u8(0).u16(0).u32(0x6000_0000).bytes(bytesOf(target)).u8(2).u8(1).bytes(macBytes(mac))
  return { bytes: out.take(), source: target, destination: linkLocal, hopLimit: 255, link: 2 }
}
