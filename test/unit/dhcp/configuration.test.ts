import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { encodeFitting, mostOctets } from '../../../appliance/dhcp/fit.ts'
import { decodeMessage, encodeMessage, type Message } from '../../../appliance/dhcp/message.ts'
import { findOption, findOptions, type Option, optionCode } from '../../../appliance/dhcp/options.ts'
import { type OptionData, ownOptions } from '../../../appliance/dhcp/own-option.ts'
import { ia, iasOf, message, offered, oro, Scene, scopeOf } from './scene.ts'

const dns = { servers: [parseIp6('fd00::53')], search: ['site.example'] }
const ntp = { servers: [parseIp6('fd00::123'), parseIp6('ff05::101'), 'ntp.example'] }
const kinds = ({ options }: Message) => options.map(({ kind }) => kind)

describe('options that are asked for', () => {
  test('F01 F27 J10 DNS goes to those who ask, in the Advertise as in the Reply, repeated codes or not', () => {
    const scene = new Scene({ offers: offered({ dns }) })
    const asked: Option = { kind: 'option-request', codes: [23, 24, 23, 1, 24] } // as NetworkManager with dhclient
    for (const type of ['solicit', 'request', 'renew', 'rebind', 'informationRequest'] as const) {
      const { options } = scene.ask(type, type === 'informationRequest' ? [asked] : [ia(), asked])
      expect(findOptions(options, 'dns-servers')).toEqual([{ kind: 'dns-servers', servers: dns.servers }])
      expect(findOption(options, 'domain-list')).toEqual({ kind: 'domain-list', names: dns.search })
    }
    expect(findOption(scene.ask('solicit', [ia()]).options, 'dns-servers')).toBeUndefined()
  })

  test('F27 J10 nothing is sent that is not configured, nor what only clients and relays send', () => {
    const everything: Option = { kind: 'option-request', codes: Array.from({ length: 150 }, (_, code) => code) }
    expect(kinds(new Scene().ask('solicit', [ia(), everything]))).toEqual([
      'client-id',
      'server-id',
      'preference',
      'ia-na',
      'sol-max-rt',
      'inf-max-rt',
    ])
  })

  test('F27 an answer to Confirm, Release and Decline tells how it went and nothing else', () => {
    const scene = new Scene({ offers: offered({ dns }) })
    const address = scene.lease()
    for (const type of ['confirm', 'release', 'decline'] as const)
      expect(findOption(scene.ask(type, [ia([address]), oro('dns-servers')]).options, 'dns-servers')).toBeUndefined()
  })

  test('F28 SOL_MAX_RT and INF_MAX_RT if asked, both between 60 and 86400 seconds', () => {
    const { options } = new Scene().ask('solicit', [ia(), oro('sol-max-rt', 'inf-max-rt')])
    expect(findOption(options, 'sol-max-rt')).toEqual({ kind: 'sol-max-rt', seconds: 300 })
    expect(findOption(options, 'inf-max-rt')).toEqual({ kind: 'inf-max-rt', seconds: 300 })
    expect(findOption(new Scene().ask('solicit', [ia()]).options, 'sol-max-rt')).toBeUndefined()
  })

  test('J11 NTP: each source an option of its own, and the servers as SNTP to those who ask for that', () => {
    const scene = new Scene({ offers: offered({ ntp }) })
    const { options } = scene.ask('solicit', [ia(), oro('ntp-server', 'sntp-servers')])
    expect(findOptions(options, 'ntp-server').map(({ source }) => source)).toEqual(ntp.servers)
    expect(findOptions(options, 'sntp-servers')).toEqual([{ kind: 'sntp-servers', servers: [ntp.servers[0]] }])
    expect(findOptions(scene.ask('solicit', [ia(), oro('sntp-servers')]).options, 'ntp-server')).toEqual([])
    const names = new Scene({ offers: offered({ ntp: { servers: ['ntp.example'] } }) })
    expect(findOption(names.ask('solicit', [ia(), oro('sntp-servers')]).options, 'sntp-servers')).toBeUndefined()
  })

  test('an option of the operator goes to those who ask, or to all', () => {
    const data: OptionData = { type: 'uint16', values: [1, 2] }
    const options = [
      { code: 65_001, data, alwaysSend: false },
      { code: 65_002, data, alwaysSend: true },
    ]
    const scene = new Scene({ offers: offered({ options }) })
    const codesFor = (...asked: Option[]) =>
      findOptions(scene.ask('solicit', [ia(), ...asked]).options, 'unknown').map(({ code }) => code)
    expect(codesFor()).toEqual([65_002])
    expect(codesFor({ kind: 'option-request', codes: [65_001] })).toEqual([65_001, 65_002])
  })
})

describe('Information-request', () => {
  const asked = oro('dns-servers', 'domain-list', 'inf-max-rt')

  test('F21 F22 brings options only, and when to ask again: in 600 s at least', () => {
    const { t1: _, ...rest } = scopeOf().lifetimes
    const scene = new Scene({ offers: offered({ dns }), lifetimes: { ...rest, t1: 20 } })
    const reply = scene.ask('informationRequest', [oro('information-refresh-time', 'dns-servers')])
    expect(findOption(reply.options, 'information-refresh-time')).toEqual({
      kind: 'information-refresh-time',
      seconds: 600,
    })
    expect(iasOf(reply)).toEqual([])
    expect(scene.table.size).toBe(0)
    const unasked = scene.ask('informationRequest', [oro('dns-servers')])
    expect(findOption(unasked.options, 'information-refresh-time')).toBeUndefined()
  })

  test('D19 F21 without a client identifier it is answered without one', () => {
    const scene = new Scene({ offers: offered({ dns }) })
    const outcome = scene.decide({ ...message('informationRequest', []), options: [oro('dns-servers')] })
    expect(outcome.kind === 'reply' && kinds(outcome.reply)).toEqual(['server-id', 'dns-servers'])
  })

  test('F21 with nothing to tell it is left to another server of the LAN, whose answer would come too late', () => {
    const scene = new Scene()
    expect(scene.decide(message('informationRequest', [asked])).kind).toBe('reply') // alone: ifupdown would fail without
    scene.rivals = true
    expect(scene.decide(message('informationRequest', [asked]))).toEqual({ kind: 'ignore', reason: 'nothingToTell' })
    scene.scope = scopeOf({ offers: offered({ dns: { servers: [], search: ['site.example'] } }) })
    expect(scene.decide(message('informationRequest', [asked])).kind).toBe('reply')
  })
})

describe('a body of the operator’s own', () => {
  test.for<{ data: OptionData; hex: string }>([
    { data: { type: 'uint8', values: [1, 255] }, hex: '01ff' },
    { data: { type: 'uint16', values: [1, 65_535] }, hex: '0001ffff' },
    { data: { type: 'uint32', values: [0xffff_ffff] }, hex: 'ffffffff' },
    { data: { type: 'boolean', values: [true, false] }, hex: '0100' },
    {
      data: { type: 'ipv6-address', values: [parseIp6('fd00::1'), parseIp6('::')] },
      hex: `fd${'00'.repeat(14)}01${'00'.repeat(16)}`,
    },
    { data: { type: 'string', values: ['hé'] }, hex: '68c3a9' },
    { data: { type: 'fqdn', values: ['a.b', 'c'] }, hex: '0161016200016300' },
    { data: { type: 'binary', values: [fromHex('00ff')] }, hex: '00ff' },
    { data: { type: 'empty', values: [] }, hex: '' },
  ])('of type $data.type', ({ data, hex }) => {
    const [option, ...more] = ownOptions({ code: 4001, data, alwaysSend: false })
    expect(option?.kind === 'unknown' && [option.code, toHex(option.bytes)]).toEqual([4001, hex])
    expect(more).toEqual([])
  })

  test('J11 sources of time are options of their own', () => {
    expect(ownOptions({ code: 56, data: { type: 'ntp-server', values: ntp.servers }, alwaysSend: false })).toEqual(
      ntp.servers.map(source => ({ kind: 'ntp-server', source })),
    )
    expect(optionCode('ntp-server')).toBe(56)
  })
})

describe('the size of a reply', () => {
  const own = (code: number, size: number): Option => ({ kind: 'unknown', code, bytes: new Uint8Array(size) })
  const reply = (needed: Option[], optional: Option[]): [Message, number] => [
    { type: 7, transaction: 1, options: [...needed, ...optional] },
    optional.length,
  ]

  test('D21 one that fits is sent whole', () => {
    const [whole, optional] = reply([ia()], [own(4001, 1200), own(4002, 4)])
    expect(encodeMessage(whole).length).toBe(1232)
    expect(encodeFitting(whole, optional, mostOctets)).toEqual({ bytes: encodeMessage(whole), leftOut: 0 })
  })

  test('D21 of what is told, the first that fit are kept, and never an address left out', () => {
    const [whole, optional] = reply([ia()], [own(4001, 600), own(4002, 900), own(4003, 500), own(4004, 300)])
    const { bytes, leftOut } = encodeFitting(whole, optional, mostOctets)
    expect(bytes.length).toBeLessThanOrEqual(1232)
    expect(leftOut).toBe(2)
    expect(decodeMessage(bytes).options).toEqual([ia(), own(4001, 600), own(4003, 500)])
  })

  test('D21 what is needed is sent however long it is', () => {
    const [whole] = reply([own(4001, 2000)], [own(4002, 1)])
    expect(encodeFitting(whole, 1, mostOctets).leftOut).toBe(1)
    expect(encodeFitting(whole, 1, mostOctets).bytes.length).toBe(2008)
  })

  test('D21 a LAN that has more to tell than a packet holds: the address and the DNS come through', () => {
    const options = Array.from({ length: 4 }, (_, i) => ({
      code: 4001 + i,
      data: { type: 'binary', values: [new Uint8Array(500)] } as OptionData,
      alwaysSend: true,
    }))
    const outcome = new Scene({ offers: offered({ dns, options }) }).decide(
      message('request', [ia(), oro('dns-servers')]),
    )
    if (outcome.kind !== 'reply') throw new Error(outcome.kind)
    const { bytes, leftOut } = encodeFitting(outcome.reply, outcome.optional, mostOctets)
    expect(leftOut).toBe(2)
    expect(kinds(decodeMessage(bytes))).toEqual([
      'client-id',
      'server-id',
      'ia-na',
      'dns-servers',
      'unknown',
      'unknown',
    ])
  })
})
