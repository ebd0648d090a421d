import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../appliance/base/bytes.ts'
import { bytesOf, type Ip6, parseIp6 } from '../../appliance/base/ip6.ts'
import { macBytes } from '../../appliance/base/mac.ts'
import { Programs } from '../../appliance/fastpath/attach.ts'
import { macOf, type NodeAddress, rfc4193Address } from '../../appliance/plane/sixplane.ts'
import { countFrom } from './counted.ts'
import {
  advertisement,
  allNodes,
  at,
  icmp6,
  network,
  packet,
  peer,
  site,
  solicitation,
  third,
  unspecified,
} from './frames.ts'
import { testRun, verdict } from './test-run.ts'

const programs = new Programs()
afterAll(() => programs[Symbol.dispose]())

const features = ['rewrite', 'emulate', 'proxy', 'guard', 'count', 'bound'] as const
const egress = programs.load({ kind: 'overlay', site, features, subnets: [] }, 'egress').fd
const ingress = programs.load({ kind: 'overlay', site, features, subnets: [] }, 'ingress').fd
const golden = JSON.parse(readFileSync(new URL('../golden/ndp-emulation.json', import.meta.url), 'utf8')) as {
  solicitation: string
  advertisement: string
}

let counted = countFrom(programs)
beforeEach(() => {
  counted = countFrom(programs)
})

const ours = { from: site.mac, source: at(site, 0x5n) }
const theirs = { from: peer.mac, to: site.mac, source: at(peer, 0x5n) }
const host = at(site, 0x1234_5678_9abcn)

describe('outward', () => {
  test("writes the MAC of the destination's owner over the placeholder", () => {
    const frame = packet({ ...ours, destination: at(peer, 0xfeedn) })
    const outcome = testRun(egress, frame)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(macBytes(peer.mac)) + toHex(frame.subarray(6)))
    expect(counted()).toEqual({ rewritten: 1 })
  })

  test("the MAC is plane's for any network address", () => {
    fc.assert(
      fc.property(fc.bigInt(1n, (1n << 40n) - 1n), fc.bigInt(0n, (1n << 48n) - 1n), (node, low) => {
        fc.pre(node !== site.node)
        const destination = (site.networkPrefix.address | (node << 48n) | low) as Ip6
        const outcome = testRun(egress, packet({ ...ours, destination }))
        expect(toHex(outcome.frame.subarray(0, 6))).toBe(toHex(macBytes(macOf(network, node as NodeAddress))))
      }),
      { numRuns: 500 },
    )
  })

  test.for([
    { name: 'a MAC that the kernel resolved', frame: packet({ ...ours, to: third.mac, destination: at(peer, 1n) }) },
    { name: 'an address of our own', frame: packet({ ...ours, destination: at(site, 7n) }) },
    { name: 'an address elsewhere', frame: packet({ ...ours, destination: parseIp6('2001:db8::1') }) },
    {
      name: 'a source elsewhere',
      frame: packet({ from: site.mac, to: third.mac, source: parseIp6('2001:db8::1'), destination: at(peer, 1n) }),
    },
    { name: 'multicast', frame: packet({ ...ours, destination: allNodes }) },
    {
      name: 'a probe for duplicates of our own address',
      frame: solicitation({ target: site.address, from: site.mac, source: unspecified }),
    },
    {
      name: 'IPv4',
      frame: fromHex(`ffffffffffff${toHex(macBytes(site.mac))}0800450000140000000040110000c0000201c0000202`),
    },
    { name: 'ARP', frame: fromHex(`ffffffffffff${toHex(macBytes(site.mac))}08060001080006040001${'00'.repeat(20)}`) },
    { name: 'a VLAN tag', frame: fromHex(`ffffffffffff${toHex(macBytes(site.mac))}8100006486dd60${'00'.repeat(60)}`) },
  ])('leaves alone $name', ({ frame }) => {
    const outcome = testRun(egress, frame)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(frame))
    expect(counted()).toEqual({})
  })

  test.for([
    { name: 'of another site', source: at(peer, 5n) },
    { name: 'of another node, RFC 4193', source: rfc4193Address(network, peer.node) },
  ])('K13 drops a source $name', ({ source }) => {
    expect(testRun(egress, packet({ from: site.mac, source, destination: at(third, 1n) })).verdict).toBe(verdict.drop)
    expect(counted()).toEqual({ 'drop.foreignSource': 1 })
  })
})

describe('emulation', () => {
  test('C09 answers octet for octet as ZeroTier does', () => {
    const outcome = testRun(egress, fromHex(golden.solicitation))
    expect(outcome.verdict).toBe(verdict.redirect)
    expect(toHex(outcome.frame)).toBe(golden.advertisement)
    expect(counted()).toEqual({ emulated: 1 })
  })

  const target = at(peer, 0xbeefn)
  const answerTo = (asked: Ip6, mac = peer.mac) =>
    advertisement({
      target: asked,
      mac,
      from: mac,
      to: site.mac,
      source: asked,
      destination: site.address,
      flags: 0x60,
    })

  test.for([
    {
      name: 'a unicast probe',
      target,
      frame: solicitation({ target, from: site.mac, source: site.address, destination: target, to: peer.mac }),
    },
    {
      name: 'one without a link-layer option',
      target,
      frame: solicitation({ target, from: site.mac, source: site.address, option: [] }),
    },
    {
      name: 'one with a nonce',
      target,
      frame: solicitation({ target, from: site.mac, source: site.address, option: [14, 1, 1, 2, 3, 4, 5, 6] }),
    },
    {
      name: 'one with two options',
      target,
      frame: solicitation({
        target,
        from: site.mac,
        source: site.address,
        option: [14, 1, 1, 2, 3, 4, 5, 6, 1, 1, ...macBytes(site.mac)],
      }),
    },
    {
      name: 'one for an RFC 4193 address',
      target: rfc4193Address(network, peer.node),
      frame: solicitation({ target: rfc4193Address(network, peer.node), from: site.mac, source: site.address }),
    },
  ])('answers $name', ({ target: asked, frame }) => {
    const outcome = testRun(egress, frame)
    expect(outcome.verdict).toBe(verdict.redirect)
    expect(toHex(outcome.frame)).toBe(toHex(answerTo(asked)))
    expect(counted()).toEqual({ emulated: 1 })
  })

  test('defends addresses of others against our own probe for duplicates', () => {
    const outcome = testRun(egress, solicitation({ target, from: site.mac, source: unspecified }))
    expect(outcome.verdict).toBe(verdict.redirect)
    expect(toHex(outcome.frame)).toBe(
      toHex(
        advertisement({ target, mac: peer.mac, from: peer.mac, source: target, destination: allNodes, flags: 0x20 }),
      ),
    )
  })

  test.for([
    { name: 'hop limit 64', frame: solicitation({ target, from: site.mac, source: site.address, hops: 64 }) },
    { name: 'code 1', frame: solicitation({ target, from: site.mac, source: site.address, code: 1 }) },
    { name: 'a wrong checksum', frame: solicitation({ target, from: site.mac, source: site.address, damaged: true }) },
    {
      name: 'an option of length 0',
      frame: solicitation({ target, from: site.mac, source: site.address, option: [1, 0, 0, 0, 0, 0, 0, 0] }),
    },
    {
      name: 'an option over the end',
      frame: solicitation({ target, from: site.mac, source: site.address, option: [1, 2, 0, 0, 0, 0, 0, 0] }),
    },
    {
      name: 'an option of four octets',
      frame: solicitation({ target, from: site.mac, source: site.address, option: [1, 1, 0, 0] }),
    },
    {
      name: 'a probe for duplicates with a link-layer option',
      frame: solicitation({ target, from: site.mac, source: unspecified, option: [1, 1, ...macBytes(site.mac)] }),
    },
    {
      name: 'a probe for duplicates to one host',
      frame: solicitation({ target, from: site.mac, source: unspecified, destination: target, to: peer.mac }),
    },
    {
      name: 'the address of a node that can not be',
      frame: solicitation({
        target: (site.networkPrefix.address | (0xffn << 80n) | 1n) as Ip6,
        from: site.mac,
        source: site.address,
      }),
    },
  ])('B04 lets no solicitation out with $name', ({ frame }) => {
    expect(testRun(egress, frame).verdict).toBe(verdict.drop)
    expect(counted()).toEqual({ 'drop.badSolicitation': 1 })
  })
})

describe('inward', () => {
  test('passes what comes from its owner, untouched', () => {
    const frame = packet({ ...theirs, destination: host })
    const outcome = testRun(ingress, frame)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(frame))
    expect(counted()).toEqual({})
  })

  test.for([
    { name: 'another site', source: at(third, 5n) },
    { name: 'us', source: at(site, 5n) },
    { name: 'another node, RFC 4193', source: rfc4193Address(network, third.node) },
  ])('K13 drops a source of $name', ({ source }) => {
    expect(testRun(ingress, packet({ ...theirs, source, destination: host })).verdict).toBe(verdict.drop)
    expect(counted()).toEqual({ 'drop.forgedSource': 1 })
  })

  test.for([
    { name: 'a source elsewhere', frame: packet({ ...theirs, source: parseIp6('2001:db8::1'), destination: host }) },
    { name: 'a link-local source', frame: packet({ ...theirs, source: parseIp6('fe80::1'), destination: allNodes }) },
    {
      name: 'IPv4',
      frame: fromHex(
        `${toHex(macBytes(site.mac))}${toHex(macBytes(peer.mac))}0800450000140000000040110000c0000201c0000202`,
      ),
    },
    {
      name: 'a router advertisement',
      frame: icmp6([134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0], {
        ...theirs,
        source: parseIp6('fe80::1'),
        destination: allNodes,
      }),
    },
    { name: 'an echo request', frame: icmp6([128, 0, 0, 0, 1, 2, 3, 4], { ...theirs, destination: host }) },
    {
      name: "an advertisement of the sender's own",
      frame: advertisement({ ...theirs, target: theirs.source, mac: peer.mac, destination: site.address, flags: 0x60 }),
    },
    {
      name: 'an advertisement of a link-local address',
      frame: advertisement({
        ...theirs,
        source: parseIp6('fe80::1'),
        target: parseIp6('fe80::1'),
        mac: peer.mac,
        destination: site.address,
        flags: 0x60,
      }),
    },
    { name: 'a solicitation for a third site', frame: solicitation({ ...theirs, target: at(third, 5n) }) },
  ])('leaves alone $name', ({ frame }) => {
    const outcome = testRun(ingress, frame)
    expect(outcome.verdict).toBe(verdict.next)
    expect(toHex(outcome.frame)).toBe(toHex(frame))
  })

  const lie = { ...theirs, source: parseIp6('fe80::1'), destination: site.address, flags: 0x60 }
  const hopByHop = (frame: Uint8Array, headers = 1): Uint8Array => {
    const chain = Array.from({ length: headers }, (_, i) => [i + 1 === headers ? 58 : 0, 0, 1, 4, 0, 0, 0, 0]).flat()
    const longer = Uint8Array.from([...frame.subarray(0, 54), ...chain, ...frame.subarray(54)])
    longer[19] = longer.length - 54
    longer[20] = 0
    return longer
  }
  test.for([
    {
      name: "another site's address",
      frame: advertisement({ ...lie, target: at(third, 5n), mac: peer.mac }),
      reason: 'drop.forgedAdvertisement',
    },
    {
      name: 'an address of ours',
      frame: advertisement({ ...lie, target: site.address, mac: peer.mac }),
      reason: 'drop.forgedAdvertisement',
    },
    {
      name: "the sender's own address, with the MAC of another",
      frame: advertisement({ ...lie, target: theirs.source, mac: third.mac }),
      reason: 'drop.forgedAdvertisement',
    },
    {
      name: 'an RFC 4193 address',
      frame: advertisement({ ...lie, target: rfc4193Address(network, third.node), mac: peer.mac }),
      reason: 'drop.forgedAdvertisement',
    },
    {
      name: "another site's address behind an options header",
      frame: hopByHop(advertisement({ ...lie, target: at(third, 5n), mac: peer.mac })),
      reason: 'drop.forgedAdvertisement',
    },
    {
      name: 'anything behind five headers',
      frame: hopByHop(advertisement({ ...lie, target: at(third, 5n), mac: peer.mac }), 5),
      reason: 'drop.hidden',
    },
    {
      name: 'a redirect',
      frame: icmp6([137, 0, 0, 0, 0, 0, 0, 0, ...bytesOf(parseIp6('fe80::1')), ...bytesOf(at(third, 5n))], {
        ...theirs,
        source: parseIp6('fe80::1'),
        destination: site.address,
      }),
      reason: 'drop.redirect',
    },
    {
      name: 'a redirect to a member',
      frame: icmp6([137, 0, 0, 0, 0, 0, 0, 0, ...bytesOf(at(third, 5n)), ...bytesOf(parseIp6('2001:db8::1'))], {
        ...theirs,
        source: parseIp6('fe80::1'),
        destination: site.address,
      }),
      reason: 'drop.redirect',
    },
  ])('drops a lie about $name', ({ frame, reason }) => {
    expect(testRun(ingress, frame).verdict).toBe(verdict.drop)
    expect(counted()).toEqual({ [reason]: 1 })
  })

  const proxied = (target: Ip6, dad = false) =>
    advertisement({
      target,
      mac: site.mac,
      from: site.mac,
      source: site.address,
      flags: dad ? 0xa0 : 0xe0,
      ...(dad ? { destination: allNodes } : { to: peer.mac, destination: theirs.source }),
    })

  test.for([
    {
      name: 'a solicitation',
      frame: solicitation({ from: peer.mac, source: theirs.source, target: host }),
      answer: proxied(host),
    },
    {
      name: 'a unicast probe',
      frame: solicitation({ ...theirs, target: host, destination: host }),
      answer: proxied(host),
    },
    {
      name: 'one without a link-layer option',
      frame: solicitation({ from: peer.mac, source: theirs.source, target: host, option: [] }),
      answer: proxied(host),
    },
    {
      name: 'a probe for duplicates',
      frame: solicitation({ from: peer.mac, source: unspecified, target: host }),
      answer: proxied(host, true),
    },
  ])('answers $name for an address of our /80', ({ frame, answer }) => {
    const outcome = testRun(ingress, frame)
    expect(outcome.verdict).toBe(verdict.redirect)
    expect(toHex(outcome.frame)).toBe(toHex(answer))
    expect(counted()).toEqual({ proxied: 1 })
  })

  test('any octets pass or are dropped, and those that pass are not changed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 54, maxLength: 200 }), fc.boolean(), (bytes, isIp6) => {
        const frame = bytes.slice()
        if (isIp6) frame.set([0x86, 0xdd], 12)
        for (const fd of [egress, ingress]) {
          const outcome = testRun(fd, frame)
          expect([verdict.next, verdict.drop]).toContain(outcome.verdict)
          if (outcome.verdict === verdict.next) expect(toHex(outcome.frame)).toBe(toHex(frame))
        }
      }),
      { numRuns: 2000 },
    )
  })
})
