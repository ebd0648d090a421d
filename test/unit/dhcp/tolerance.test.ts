import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { findOption, findOptions, type Option } from '../../../appliance/dhcp/options.ts'
import { allServers } from '../../../appliance/dhcp/socket.ts'
import { Status } from '../../../appliance/dhcp/status.ts'
import { Bench, fromA, fromB } from './lan-bench.ts'
import { ia, iasOf, message, oro, pd, Scene, them } from './scene.ts'

const unknown = (code: number, hex: string): Option => ({ kind: 'unknown', code, bytes: fromHex(hex) })
const iaTa = unknown(4, '00000001') // IA_TA with IAID 1
const sameAs = (options: readonly Option[], type: 'solicit' | 'request' = 'request') =>
  expect(new Scene().ask(type, options).options)

describe('what a client sends besides', () => {
  test.for<[string, Option[]]>([
    ['a preference', [{ kind: 'preference', value: 7 }]],
    ['a status', [{ kind: 'status-code', status: 1, text: 'odd' }]],
    [
      'servers of names and of time',
      [
        { kind: 'dns-servers', servers: [] },
        { kind: 'ntp-server', source: 'a.b' },
      ],
    ],
    ['an address outside an IA', [{ kind: 'ia-address', address: 1n as never, preferred: 1, valid: 1, options: [] }]],
    ['a question about leases', [{ kind: 'lq-query', queryType: 1, link: 0n as never, options: [] }]],
    ['a vendor class of an enterprise that nobody knows', [unknown(16, 'ffffffff0001ab')]],
  ])('D08 D10 %s is ignored, and the rest answered as without', ([, options]) => {
    for (const type of ['solicit', 'request'] as const)
      sameAs([...options, ia()], type).toEqual(new Scene().ask(type, [ia()]).options)
  })

  test('D11 IA_TA is ignored, alone and beside an IA_NA, and nothing obsolete is ever sent', () => {
    sameAs([iaTa, ia()]).toEqual(new Scene().ask('request', [ia()]).options)
    const everything: Option = { kind: 'option-request', codes: [4, 12, 13] }
    const alone = new Scene().ask('solicit', [iaTa, everything])
    expect(alone.options.map(({ kind }) => kind)).toEqual(['client-id', 'server-id'])
  })

  test('E12 T1, T2 and lifetimes of its own change nothing, whatever they are', () => {
    const own = ia()
    for (const times of [
      { t1: 0, t2: 0 },
      { t1: 3600, t2: 5400 },
      { t1: 0xffff_ffff, t2: 0xffff_ffff },
      { t1: 9, t2: 1 },
    ])
      sameAs([{ ...own, ...times }]).toEqual(new Scene().ask('request', [own]).options)
    const scene = new Scene()
    const address = scene.lease()
    const zero: Option = { kind: 'ia-address', address, preferred: 9, valid: 0, options: [] } // preferred above valid
    expect(iasOf(scene.ask('renew', [{ ...own, options: [zero] }]))[0]!.addresses).toEqual([[address, 3600, 86_400]])
  })

  test('F29 it is answered at once, however short or long it has been trying', () => {
    for (const hundredths of [0, 0xffff])
      sameAs([{ kind: 'elapsed-time', hundredths }, ia()], 'solicit').toEqual(
        new Scene().ask('solicit', [ia()]).options,
      )
  })

  test('D16 the same IAID in an IA_NA and an IA_PD are two', () => {
    const reply = new Scene().ask('request', [ia([], 5), pd([], 5)])
    expect(iasOf(reply)).toMatchObject([{ status: undefined }, { status: Status.noPrefixAvail }])
  })
})

describe('what a client hears', () => {
  test('D18 lifetimes for ever are 0xffffffff on the wire, T1 and T2 with them', () => {
    const forever = 0xffff_ffff
    const scene = new Scene({ lifetimes: { preferred: forever, valid: forever, t1: forever, t2: forever } })
    const bytes = encodeMessage(scene.ask('request', [ia()]))
    expect(toHex(bytes)).toMatch(/0003002800000001ffffffffffffffff00050018.{32}ffffffffffffffff$/)
    const [lease] = findOptions(findOption(decodeMessage(bytes).options, 'ia-na')!.options, 'ia-address')
    expect(lease).toMatchObject({ preferred: forever, valid: forever })
  })

  test('F26 status codes are those of the registry, and their words plain text', () => {
    expect(Status).toMatchObject({
      success: 0,
      unspecFail: 1,
      noAddrsAvail: 2,
      noBinding: 3,
      notOnLink: 4,
      noPrefixAvail: 6,
    })
    expect(Object.values(Status)).not.toContain(5)
    const scene = new Scene()
    const taken = scene.lease()
    const replies: Message[] = [
      scene.ask('solicit', [ia(), pd()]),
      scene.ask('renew', [ia([taken])], them),
      scene.ask('release', [ia([], 9)]),
      scene.ask('confirm', [ia([taken])]),
    ]
    const texts = replies.flatMap(({ options }) => statusTexts(options))
    expect(texts.length).toBe(5)
    for (const text of texts) expect(text).toMatch(/^[ -~]+$/)
  })

  test('D02 D20 goes to the source of the message and port 546, whatever port it came from', async () => {
    await using bench = new Bench()
    const bytes = encodeMessage(message('solicit', [ia(), oro('dns-servers')]))
    const from = (address: typeof fromA, port: number) =>
      bench.datagrams.deliver([{ bytes, address, destination: allServers, port, link: 2 }])
    from(fromA, 546)
    from(fromB, 33_000)
    expect(bench.replies.map(({ to, port, message: { type } }) => [to, port, type])).toEqual([
      [fromA, 546, MessageType.advertise],
      [fromB, 546, MessageType.advertise],
    ])
  })
})

/** The words of every status, those inside IAs too. */
function statusTexts(options: readonly Option[]): string[] {
  return options.flatMap(option => {
    if (option.kind === 'status-code') return [option.text]
    return option.kind === 'ia-na' || option.kind === 'ia-pd' ? statusTexts(option.options) : []
  })
}
