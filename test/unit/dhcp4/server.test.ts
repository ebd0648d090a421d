import { describe, expect, test } from 'vitest'
import { formatIp4, ip4FromBytes, parseIp4 } from '../../../appliance/base/ip4.ts'
import type { Context4 } from '../../../appliance/dhcp4/choice.ts'
import { option } from '../../../appliance/dhcp4/message.ts'
import { decide, type Outcome4 } from '../../../appliance/dhcp4/server.ts'
import { contextOf, holds, leaseOf, macA, macB, message, scope, start, us } from './scene.ts'

/** An outcome in a line: the reply and its address, what is stored, or why nothing is said. */
function text(outcome: Outcome4): string {
  if (outcome.kind === 'probe') return `probe ${formatIp4(outcome.address)}`
  const stored = (outcome.changes ?? []).map(({ address, lease }) => `${formatIp4(address)} ${lease?.state ?? 'gone'}`)
  const said =
    outcome.kind === 'reply'
      ? `${outcome.reply.type} ${formatIp4(outcome.reply.message.yiaddr)} to ${outcome.reply.mac} ${formatIp4(outcome.reply.address)}`
      : outcome.kind === 'ignore'
        ? outcome.reason
        : 'silent'
  return [said, ...stored].join(', ')
}

const wants = '192.168.8.150'
const server = formatIp4(us)

describe('DHCPDISCOVER', () => {
  test('gets the address that it asks for, after the LAN was asked', () => {
    const ask = message('discover', { wants })
    expect(text(decide(ask, contextOf({ probed: () => undefined })))).toBe(`probe ${wants}`)
    expect(text(decide(ask, contextOf()))).toBe(`offer ${wants} to ${macA} ${wants}`)
  })

  test('an address that another host answers for is nobody’s for a day, and another one is offered', () => {
    const used = parseIp4(wants)
    const context = contextOf({ probed: address => (address === used ? macB : 'silent') })
    expect(text(decide(message('discover', { wants }), context))).toMatch(
      /^offer 192\.168\.8\.1\d\d .*, 192\.168\.8\.150 declined$/,
    )
    holds(context, leaseOf(wants, { client: '', state: 'declined', validUntil: start + 1 }))
    expect(text(decide(message('discover', { wants }), context))).not.toContain(wants)
  })

  test('the same client gets the same address from an empty store, another client another one', () => {
    const first = text(decide(message('discover'), contextOf()))
    expect(text(decide(message('discover'), contextOf()))).toBe(first)
    expect(text(decide(message('discover', { mac: macB }), contextOf()))).not.toContain(first.split(' ')[1])
  })

  test('what was offered to one is not offered to another', () => {
    const context = contextOf()
    context.offers.put(parseIp4(wants), macB, start)
    expect(text(decide(message('discover', { wants }), context))).not.toContain(wants)
    expect(text(decide(message('discover', { wants }), { ...context, now: start + 60_001 }))).toContain(wants)
  })

  test('a full pool is told by its counter', () => {
    const one = { ...scope, pool: { first: parseIp4(wants), last: parseIp4(wants) } }
    const context = contextOf({ scope: one })
    holds(context, leaseOf(wants, { client: macB }))
    expect(text(decide(message('discover'), context))).toBe('no-free-address')
  })

  test.for<[Partial<Context4>, string]>([
    [{ others: 'unknown' }, 'searching'],
    [{ others: 'some' }, 'other-server-known'],
    [{ others: 'some', scope: { ...scope, besideOthers: true } }, `offer ${wants} to ${macA} ${wants}`],
  ])('beside other servers: %j', ([over, expected]) => {
    expect(text(decide(message('discover', { wants }), contextOf(over)))).toBe(expected)
  })
})

describe('DHCPREQUEST', () => {
  test.for<[string, Parameters<typeof message>[1], string]>([
    ['takes an offer', { wants, server }, `ack ${wants} to ${macA} ${wants}, ${wants} bound`],
    ['takes another server’s', { wants: '192.168.8.9', server: '192.168.8.2' }, 'for-other-server'],
    ['starts again with a free address', { wants }, `ack ${wants} to ${macA} ${wants}, ${wants} bound`],
    ['starts again on another network', { wants: '10.0.0.5' }, 'nak 0.0.0.0 to ff:ff:ff:ff:ff:ff 255.255.255.255'],
    ['wants what is not in the pool', { wants: '192.168.8.7' }, 'nak 0.0.0.0 to ff:ff:ff:ff:ff:ff 255.255.255.255'],
    ['wants our own', { wants: server }, 'nak 0.0.0.0 to ff:ff:ff:ff:ff:ff 255.255.255.255'],
    ['renews what we have forgotten', { ciaddr: wants }, `ack ${wants} to ${macA} ${wants}, ${wants} bound`],
    ['renews what another has', { ciaddr: '192.168.8.160' }, 'nak 0.0.0.0 to ff:ff:ff:ff:ff:ff 255.255.255.255'],
    ['wants nothing', {}, 'malformed'],
    ['comes by a relay', { wants, giaddr: '10.0.0.1' }, 'relayed'],
    [
      'can’t hear unicast',
      { wants, broadcast: true },
      `ack ${wants} to ff:ff:ff:ff:ff:ff 255.255.255.255, ${wants} bound`,
    ],
  ])('that %s', ([, asked, expected]) => {
    const context = contextOf()
    holds(context, leaseOf('192.168.8.160', { client: macB, mac: macB }))
    expect(text(decide(message('request', asked), context))).toBe(expected)
  })

  test('for an address that was not offered a moment ago asks the LAN first, and is refused where a host answers', () => {
    const asked = message('request', { wants })
    expect(text(decide(asked, contextOf({ probed: () => undefined })))).toBe(`probe ${wants}`)
    expect(text(decide(asked, contextOf({ probed: () => macA })))).toMatch(/^ack/)
    expect(text(decide(asked, contextOf({ probed: () => macB })))).toMatch(/^nak .*, 192\.168\.8\.150 declined$/)
  })

  test('for another address than before gives the one before up', () => {
    const context = contextOf()
    holds(context, leaseOf('192.168.8.160'))
    expect(text(decide(message('request', { wants, server }), context))).toBe(
      `ack ${wants} to ${macA} ${wants}, 192.168.8.160 gone, ${wants} bound`,
    )
  })

  test('beside another server what is not ours is not refused, and what is ours goes on', () => {
    const context = contextOf({ others: 'some' })
    expect(text(decide(message('request', { wants: '10.0.0.5' }), context))).toBe('other-server-known')
    holds(context, leaseOf(wants))
    expect(text(decide(message('request', { ciaddr: wants }), context))).toMatch(/^ack/)
  })
})

describe('a reservation', () => {
  const ipAddress = parseIp4('192.168.8.20')
  test.for([
    [{ hwAddress: macA, ipAddress }, {}],
    [{ clientId: '00:aa:bb', ipAddress }, { id: Uint8Array.of(0, 0xaa, 0xbb) }],
  ] as const)('%j is for its host alone, and for that nothing else', ([reservation, who]) => {
    const context = contextOf({ scope: { ...scope, reservations: [reservation] } })
    expect(text(decide(message('discover', who), context))).toContain('offer 192.168.8.20')
    expect(text(decide(message('request', { ...who, ciaddr: wants }), context))).toMatch(/^nak/)
    expect(text(decide(message('request', { mac: macB, wants: '192.168.8.20' }), context))).toMatch(/^nak/)
  })
})

describe('the rest', () => {
  test('a release keeps the address for its host, a decline for nobody', () => {
    const context = contextOf()
    holds(context, leaseOf(wants))
    expect(text(decide(message('release', { ciaddr: wants, server }), context))).toBe(`silent, ${wants} released`)
    expect(text(decide(message('release', { ciaddr: wants, mac: macB }), context))).toBe('not-its-address')
    expect(text(decide(message('decline', { wants, server }), context))).toBe(`silent, ${wants} declined`)
    expect(text(decide(message('decline', { wants, mac: macB }), context))).toBe('not-its-address')
  })

  test('an inform is answered where the host is, without times', () => {
    const outcome = decide(message('inform', { ciaddr: '192.168.8.7' }), contextOf())
    expect(text(outcome)).toBe(`ack 0.0.0.0 to ${macA} 192.168.8.7`)
    if (outcome.kind === 'reply') expect(outcome.reply.message.options.has(option.leaseTime)).toBe(false)
  })

  test('a reply has the network, the identifier of the client, and IPv6-only where asked', () => {
    const dns = { servers: [parseIp4('192.168.8.53')], search: ['home.example', 'example'] }
    const context = contextOf({ scope: { ...scope, routers: [us], dns, v6OnlyPreferred: 1800 } })
    const id = Uint8Array.of(0, 1, 2)
    const optionsOf = (parameters: readonly number[]) => {
      const outcome = decide(message('discover', { id, parameters }), context)
      if (outcome.kind !== 'reply') throw new Error(text(outcome))
      return outcome.reply.message.options
    }
    expect([...optionsOf([1]).keys()].sort((a, b) => a - b)).toEqual([1, 3, 6, 15, 28, 51, 53, 54, 58, 59, 61])
    const all = optionsOf([1, 108, 119])
    expect([...all.get(option.v6OnlyPreferred)!]).toEqual([0, 0, 7, 8])
    expect(Buffer.from(all.get(option.domainSearch)!).toString()).toBe('\x04home\x07example\0\x07example\0')
    expect(all.get(option.clientIdentifier)).toEqual(id)
    expect(formatIp4(ip4FromBytes(all.get(option.subnetMask)!))).toBe('255.255.255.0')
  })

  test('an identifier that says the MAC is the MAC: a boot loader and the system after it have one address', () => {
    const context = contextOf()
    holds(context, leaseOf(wants))
    const id = Uint8Array.of(1, 2, 0, 0, 0, 0, 0x0a)
    expect(text(decide(message('discover', { id }), context))).toContain(`offer ${wants}`)
  })
})
