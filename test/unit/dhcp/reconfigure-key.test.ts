import { createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex, Writer } from '../../../appliance/base/bytes.ts'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { decodeMessage, encodeMessage, MessageType } from '../../../appliance/dhcp/message.ts'
import { encodeOptions } from '../../../appliance/dhcp/options.ts'
import { encodeReconfigure, keyOption } from '../../../appliance/dhcp/reconfigure-key.ts'
import { ReconfigureSchedule } from '../../../appliance/dhcp/reconfigure-schedule.ts'
import { refusal } from '../../../appliance/dhcp/validate.ts'
import { dhcp6, readPcap } from '../pcap.ts'
import { message, us } from './scene.ts'

const key = fromHex('f27ac85177f21c8954d8355f9b563a06')
const reconfigure = (over: object = {}) => ({
  server: parseDuid('00:03:00:01:02:00:00:00:00:01'),
  client: parseDuid('00:01:00:01:32:97:63:8d:02:00:00:00:0c:0d'),
  type: MessageType.renew,
  key,
  replay: 0x6b04a70b0014n,
  ...over,
})

describe('the Reconfigure Key Authentication Protocol', () => {
  test('G02 G03 G04 a Reconfigure is, octet by octet, one that dhcpcd obeyed', () => {
    const captured = dhcp6(readPcap('dhcpcd-reconfigure')).map(({ bytes }) => toHex(bytes))
    expect(captured).toContain(toHex(encodeReconfigure(reconfigure())))
    expect(captured).toContain(toHex(encodeReconfigure(reconfigure({ type: 11, replay: 0x6b04a70b0029n }))))
  })

  test('G02 it has transaction 0, both identifiers, the type, the authentication, and nothing else', () => {
    const { type, transaction, options } = decodeMessage(encodeReconfigure(reconfigure()))
    expect([type, transaction]).toEqual([MessageType.reconfigure, 0])
    expect(options.map(({ kind }) => kind)).toEqual(['client-id', 'server-id', 'reconfigure-message', 'authentication'])
  })

  test('G04 the digest covers the whole message, with 0 in its place', () => {
    const bytes = encodeReconfigure(reconfigure())
    const zeroed = bytes.slice()
    zeroed.fill(0, zeroed.length - 16)
    expect(toHex(bytes.subarray(bytes.length - 16))).toBe(createHmac('md5', key).update(zeroed).digest('hex'))
    expect(encodeReconfigure(reconfigure({ key: new Uint8Array(16) }))).not.toEqual(bytes)
  })

  test('G03 the key travels as protocol 3, algorithm 1, RDM 0, type 1', () => {
    const out = new Writer()
    encodeOptions([keyOption(key, 0x6b04a70b0006n)], out)
    expect(toHex(out.take())).toBe('000b001c03010000006b04a70b000601f27ac85177f21c8954d8355f9b563a06')
  })

  test('G07 a message with two authentication options is discarded, and one with one is not', () => {
    const auth = keyOption(key, 1n)
    expect(refusal(message('renew', [auth]), us)).toBeUndefined()
    expect(refusal(message('renew', [auth, auth]), us)).toBe('repeatedAuthentication')
  })

  test('G07 a malformed one has the message discarded', () => {
    const cut = { kind: 'unknown', code: 11, bytes: new Uint8Array(10) } as const
    expect(() => decodeMessage(encodeMessage(message('renew', [cut])))).toThrow('octets wanted')
  })
})

describe('when clients are asked', () => {
  /** The times at which the schedule has somebody to ask, in seconds. */
  const timeline = (schedule: ReconfigureSchedule, until: number) => {
    const times: [number, string, boolean][] = []
    for (let now = 0; now <= until; now = Math.max(now, schedule.wakeAt)) {
      for (const { key: client, last } of schedule.due(now)) times.push([now / 1000, client, last])
      if (schedule.wakeAt === Number.POSITIVE_INFINITY) break
    }
    return times
  }

  test('G06 M04 at once, then after 2 s and twice as long each time, 8 times, and then no more', () => {
    const schedule = new ReconfigureSchedule()
    schedule.add(['a'])
    const times = timeline(schedule, 10_000_000)
    expect(times.map(([at]) => at)).toEqual([0, 2, 6, 14, 30, 62, 126, 254])
    expect(times.map(([, , last]) => last)).toEqual([...Array(7).fill(false), true])
  })

  test('G06 one that answers is asked no more, one that is asked anew begins anew', () => {
    const schedule = new ReconfigureSchedule()
    schedule.add(['a', 'b'])
    expect(schedule.due(0).length).toBe(2)
    expect(schedule.due(2_000).length).toBe(2)
    expect(schedule.delete('a')).toBe(true)
    expect(schedule.delete('a')).toBe(false)
    schedule.add(['b'])
    expect(schedule.due(2_100)).toEqual([{ key: 'b', last: false }])
    expect(schedule.wakeAt).toBe(4_100)
  })

  test('G08 of thousands some fifty are asked in a second, and every one of them', () => {
    const schedule = new ReconfigureSchedule()
    schedule.add(Array.from({ length: 1000 }, (_, i) => `${i}`))
    const times = timeline(schedule, 600_000)
    const firstSecond = times.filter(([at]) => at < 1)
    expect(firstSecond.length).toBe(50)
    expect(new Set(times.map(([, client]) => client)).size).toBe(1000)
    const last = times.filter(([, , isLast]) => isLast)
    expect(last.length).toBe(1000)
  })
})
