import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError } from '../../../appliance/base/bytes.ts'
import {
  contains,
  formatIp6,
  formatPrefix,
  isLinkLocal,
  isMulticast,
  parseIp6,
  parsePrefix,
} from '../../../appliance/base/ip6.ts'
import { mostOctets } from '../../../appliance/dhcp/fit.ts'
import { decodeMessage, encodeMessage, type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import { macOfInterfaceId } from '../../../appliance/dhcp/neighbours.ts'
import { findOption, findOptions, optionCode } from '../../../appliance/dhcp/options.ts'
import { judge } from '../../../appliance/dhcp/scope.ts'
import { askedOf } from '../../../appliance/dhcp/turn.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { type Dhcp6Packet, dhcp6, readPcap } from '../pcap.ts'
import { iasOf, offered, Scene, us } from './scene.ts'

const readCapture = (name: string) => dhcp6(readPcap(name))
const names = readdirSync(new URL('../../golden/captures/', import.meta.url))
  .map(name => name.replace('.pcap', ''))
  .filter(name => readCapture(name).length > 0) // others hold advertisements only
const captured = parsePrefix('fc5a:c2ad:43be:3ff0:1c29::/80') // the site of the captures

/** The message as the client would have sent it to us. */
function toUs(message: Message): Message {
  const options = message.options.map(option => (option.kind === 'server-id' ? { ...option, duid: us } : option))
  return { ...message, options }
}

const dns = { servers: [parseIp6('fd00::53')], search: ['site.example'] }
const ntp = { servers: [parseIp6('fd00::123')] }
const sceneOf = () => new Scene({ plan: lanPlan(captured, undefined), offers: offered({ dns, ntp }) })

describe.for(names)('%s', name => {
  const packets = readCapture(name)

  test('every packet decodes, and encodes to the same bytes', () => {
    for (const { bytes } of packets) expect(encodeMessage(decodeMessage(bytes))).toEqual(bytes)
  })

  test('every client message gets the answer that its kind must get', () => {
    const scene = sceneOf()
    for (const packet of packets.filter(({ fromClient }) => fromClient)) {
      scene.now += 1000
      scene.mac = packet.mac
      expect(check(packet, scene)).toBe('right')
    }
  })
})

/** `right`, or what is wrong with our answer to one packet. */
function check({ bytes }: Dhcp6Packet, scene: Scene): string {
  const message = toUs(decodeMessage(bytes))
  const outcome = scene.decide(message)
  if (outcome.kind !== 'reply') return `no reply: ${JSON.stringify(outcome)}`
  const { reply } = outcome
  if (reply.transaction !== message.transaction) return 'another transaction'
  const rapid = findOption(message.options, 'rapid-commit') !== undefined
  const advertise = message.type === MessageType.solicit && !rapid
  if (reply.type !== (advertise ? MessageType.advertise : MessageType.reply)) return 'type'
  if ((findOption(reply.options, 'rapid-commit') !== undefined) !== rapid) return 'Rapid Commit'
  if (findOption(reply.options, 'server-id')?.duid !== us) return 'server identifier'
  if (findOption(reply.options, 'client-id')?.duid !== findOption(message.options, 'client-id')?.duid) return 'client'
  if (encodeMessage(reply).length > mostOctets) return 'too long'
  const missing = told(message, reply)
  if (missing !== undefined) return `${missing} is told or not told wrongly`
  const ias = iasOf(reply)
  switch (message.type) {
    case MessageType.solicit:
    case MessageType.request:
    case MessageType.renew:
    case MessageType.rebind: {
      if (ias.length !== [...findOptions(message.options, 'ia-na'), ...findOptions(message.options, 'ia-pd')].length)
        return 'IAs'
      for (const ia of findOptions(message.options, 'ia-na')) {
        const answer = findOptions(reply.options, 'ia-na').find(({ iaid }) => iaid === ia.iaid)
        const addresses = findOptions(answer?.options ?? [], 'ia-address')
        const live = addresses.filter(({ valid }) => valid > 0)
        if (live.length !== 1) return `${live.length} addresses`
        for (const address of askedOf(ia))
          if (message.type !== MessageType.solicit && !addresses.some(each => each.address === address))
            return `nothing said about ${formatIp6(address)}`
      }
      for (const ia of findOptions(reply.options, 'ia-pd'))
        if (findOption(ia.options, 'status-code')?.status !== 6) return 'IA_PD without NoPrefixAvail'
      return 'right'
    }
    case MessageType.confirm: {
      const here = findOptions(message.options, 'ia-na')
        .flatMap(askedOf)
        .every(address => judge(scene.scope, address) === 'on-link')
      return findOption(reply.options, 'status-code')?.status === (here ? 0 : 4) ? 'right' : 'status of a Confirm'
    }
    case MessageType.release:
      return findOption(reply.options, 'status-code')?.status === 0 ? 'right' : 'status of a Release'
    case MessageType.informationRequest:
      return ias.length === 0 ? 'right' : 'an address in an answer to an Information-request'
    default:
      return `a message of type ${message.type}`
  }
}

/** A kind of option that the client asked for and wasn't told, or the other way round. */
function told(message: Message, reply: Message): string | undefined {
  const asked = findOption(message.options, 'option-request')?.codes ?? []
  const configures = message.type !== MessageType.confirm && message.type !== MessageType.release
  const has = (kind: (typeof tellable)[number]) => findOption(reply.options, kind) !== undefined
  const named = (findOption(message.options, 'client-fqdn')?.name ?? '') !== ''
  return tellable.find(kind => {
    const wanted = configures && asked.includes(optionCode(kind)) && (kind !== 'client-fqdn' || named)
    return wanted !== has(kind)
  })
}
const tellable = [
  'dns-servers',
  'domain-list',
  'ntp-server',
  'sntp-servers',
  'sol-max-rt',
  'inf-max-rt',
  'client-fqdn',
] as const

describe.for(names.filter(name => name.endsWith('-pd96')))('%s, where prefixes are delegated', name => {
  test('I01 every IA_PD gets one prefix of the pool, the same each time', () => {
    const prefix = parsePrefix('fc5a:c2ad:43be:3ff0:1c29:c000::/82')
    const scene = new Scene({
      plan: lanPlan(captured, undefined),
      delegate: { prefix, delegatedLength: 96, shortestLength: 96 },
    })
    const given = new Set<string>()
    for (const { bytes, fromClient, mac } of readCapture(name)) {
      const message = toUs(decodeMessage(bytes))
      if (!fromClient || findOptions(message.options, 'ia-pd').length === 0) continue
      scene.mac = mac
      const outcome = scene.decide(message)
      if (outcome.kind !== 'reply') throw new Error(outcome.kind)
      if (message.type === MessageType.release) continue
      const delegated = findOptions(outcome.reply.options, 'ia-pd')
        .flatMap(({ options }) => findOptions(options, 'ia-prefix'))
        .filter(({ valid }) => valid > 0)
      expect(delegated.length).toBe(1)
      expect(contains(prefix, delegated[0]!.prefix)).toBe(true)
      given.add(formatPrefix(delegated[0]!.prefix))
    }
    expect(given.size).toBe(1)
  })
})

test('a host that had its lease from another server software keeps its address when it renews with us', () => {
  const scene = sceneOf()
  const renew = readCapture('networkd')
    .map(({ bytes }) => toUs(decodeMessage(bytes)))
    .find(({ type }) => type === MessageType.renew)!
  const outcome = scene.decide(renew)
  const had = findOptions(renew.options, 'ia-na').flatMap(askedOf)
  expect(had.length).toBe(1)
  expect(outcome.kind === 'reply' && iasOf(outcome.reply)[0]!.addresses).toEqual([[had[0], 3600, 86_400]])
})

test('the MAC is read from an EUI-64 source, and not from a random one', () => {
  for (const { source, mac } of readCapture('dhclient').filter(({ fromClient }) => fromClient))
    expect(macOfInterfaceId(source)).toBe(mac)
  for (const { source } of readCapture('dhcpcd').filter(({ fromClient }) => fromClient))
    expect(macOfInterfaceId(source)).toBeUndefined()
})

test('D12 udhcpc6 renews by unicast, and multicasts when no answer comes: dropping the first costs it nothing', () => {
  const sent = readCapture('udhcpc6').filter(({ fromClient }) => fromClient)
  expect(sent.some(({ source, destination }) => !isLinkLocal(source) && !isMulticast(destination))).toBe(true)
  const alone = sent.findIndex(({ destination }) => !isMulticast(destination))
  expect(sent.slice(alone).some(({ destination }) => isMulticast(destination))).toBe(true)
})

test('damaged copies of what clients sent are refused, ignored or answered, and nothing else', () => {
  const samples = names.flatMap(readCapture).filter(({ fromClient }) => fromClient)
  const damage = fc.record({
    which: fc.nat(samples.length - 1),
    edits: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 8 }),
    cut: fc.option(fc.nat(400), { nil: undefined }),
  })
  const scene = sceneOf()
  fc.assert(
    fc.property(damage, ({ which, edits, cut }) => {
      const bytes = samples[which]!.bytes.slice(0, cut)
      for (const [at, value] of edits) if (bytes.length > 0) bytes[at % bytes.length] = value
      let message: Message
      try {
        message = toUs(decodeMessage(bytes))
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
        return
      }
      const outcome = scene.decide(message)
      if (outcome.kind === 'reply') expect(decodeMessage(encodeMessage(outcome.reply))).toEqual(outcome.reply)
    }),
    { numRuns: 5000 },
  )
})
