import { describe, expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { addressIn, formatIp6, type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { decodeFrame, encodeFrame } from '../../../appliance/dhcp/frame.ts'
import { LanWatch } from '../../../appliance/dhcp/lan-watch.ts'
import { decodeMessage, encodeMessage, MessageType } from '../../../appliance/dhcp/message.ts'
import type { FrameIn } from '../../../appliance/dhcp/socket.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { Fake, fromB, linkLocal } from './lan-bench.ts'
import { ia, macA, macB, site, them, us } from './scene.ts'

const plan = lanPlan(site, undefined)

class WatchBench implements AsyncDisposable {
  readonly frames = new Fake<FrameIn, { frame: Uint8Array }>()
  elsewhere = false
  readonly watch: LanWatch

  constructor(managed: boolean, advertised = true) {
    this.watch = new LanWatch({
      link: { name: 'eth1', index: 2, mac: macA },
      linkLocal,
      watched: { plans: [plan], managed, advertised },
      duid: us,
      managedElsewhere: () => this.elsewhere,
      clock: systemClock,
      random: () => 0.5,
      log: silentLog,
      open: () => this.frames,
    })
    this.watch.start()
  }

  /** Once it has asked, another server offers this address. */
  async offer(address: Ip6): Promise<void> {
    await expect.poll(() => this.frames.sent.length).toBeGreaterThan(0)
    const { transaction } = decodeMessage(decodeFrame(this.frames.sent[0]![0]!.frame).bytes)
    const options = [{ kind: 'server-id', duid: them } as const, ia([address])]
    const frame = encodeFrame({
      sender: macB,
      source: fromB,
      destination: parseIp6('ff02::1'),
      sourcePort: 547,
      destinationPort: 546,
      bytes: encodeMessage({ type: MessageType.advertise, transaction, options }),
    })
    this.frames.deliver([{ frame, outgoing: false }])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.watch.stop()
  }
}

const here = addressIn(site, 0x12345n)

describe('a LAN where our DHCPv6 server is off', () => {
  test('another server with addresses of the site, and hosts are told of it: all is well', async () => {
    await using bench = new WatchBench(true)
    await bench.offer(here)
    expect(bench.watch.otherServers()).toMatchObject([
      {
        mayWin: false,
        consequence: `the DHCPv6 server ${formatIp6(fromB)} (${macB}) has addresses of this site for hosts on eth1`,
      },
    ])
    expect(bench.watch.notices()).toEqual([])
  })

  test('such a server, and nobody tells hosts of it', async () => {
    await using bench = new WatchBench(false)
    await bench.offer(here)
    expect(bench.watch.notices()).toEqual([expect.stringContaining('advertise.managed: true')])
  })

  test('the same, where another router advertises in our place', async () => {
    await using bench = new WatchBench(false, false)
    await bench.offer(here)
    expect(bench.watch.notices()).toEqual([expect.stringMatching(/no router has the managed flag set$/)])
    bench.elsewhere = true // another router does
    expect(bench.watch.notices()).toEqual([])
  })

  test('a server with other addresses only: hosts have none of the site', async () => {
    await using bench = new WatchBench(true)
    await bench.offer(parseIp6('2001:db8::1'))
    expect(bench.watch.otherServers()).toMatchObject([
      { consequence: expect.stringContaining('has no address of this site for hosts on eth1; it offered us address') },
    ])
    await expect
      .poll(() => bench.watch.notices())
      .toEqual([
        'hosts on eth1 are told to ask a DHCPv6 server, but ours is off on eth1 and no other DHCPv6 server offers addresses of this site: hosts have one only where it is set by hand',
      ])
  })

  test('nobody else, as is said once all have had the time to answer', async () => {
    await using bench = new WatchBench(false)
    expect(bench.watch.notices()).toEqual([])
    await expect.poll(() => bench.watch.notices()).toEqual([expect.stringMatching(/^ours is off on eth1 and no other/)])
  })

  test('garbage costs nothing, and after stop nothing is sent', async () => {
    await using bench = new WatchBench(false)
    bench.frames.deliver([{ frame: new Uint8Array(20), outgoing: false }])
    expect(bench.watch.otherServers()).toEqual([])
    await bench.watch.stop()
    expect(bench.frames.closed).toBe(true)
  })
})
