import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DecodeError, fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { bytesOf, contains, formatIp6, formatPrefix, fromBytes, type Ip6 } from '../../../appliance/base/ip6.ts'
import { macBytes, parseMac } from '../../../appliance/base/mac.ts'
import { sameSite, siteOf } from '../../../appliance/plane/site.ts'
import {
  formatNetworkId,
  formatNodeAddress,
  macOf,
  type NetworkId,
  type NodeAddress,
  networkPrefix,
  nodeAddressOf,
  nodeOf,
  owner,
  parseNetworkId,
  parseNodeAddress,
  rfc4193Address,
  rfc4193Owner,
  rfc4193Prefix,
  sitePrefix,
} from '../../../appliance/plane/sixplane.ts'

interface Vector {
  readonly networkId: string
  readonly nodeAddress: string
  readonly sixplane: string
  readonly sixplaneHex: string
  readonly rfc4193: string
  readonly rfc4193Hex: string
  readonly mac: string
}
const vectors: readonly Vector[] = JSON.parse(readFileSync('test/golden/sixplane.json', 'utf8'))

const number = fc.bigInt(0n, (1n << 64n) - 1n)
const anyNetwork = fc
  .oneof(
    number,
    // Where the first octet of a MAC would be 0x52.
    number.map(value => (value & ~0xffn) | 0x50n | (value & 0x3n)),
  )
  .map(value => value as NetworkId)
const anyNode = fc.bigInt(1n, (0xffn << 32n) - 1n).map(value => value as NodeAddress)

describe("what ZeroTier's own code computes", () => {
  test('there is something to compare with', () => expect(vectors.length).toBeGreaterThan(20))

  test.for(vectors)('network $networkId, node $nodeAddress', v => {
    const network = parseNetworkId(v.networkId)
    const node = parseNodeAddress(v.nodeAddress)
    expect([formatNetworkId(network), formatNodeAddress(node)]).toEqual([v.networkId, v.nodeAddress])

    const address = nodeAddressOf(network, node)
    expect(toHex(bytesOf(address))).toBe(v.sixplaneHex)
    expect(`${formatIp6(address)}/${networkPrefix(network).length}`).toBe(v.sixplane)
    expect(owner(fromBytes(fromHex(v.sixplaneHex)))).toBe(node)
    expect(contains(networkPrefix(network), address)).toBe(true)
    expect(contains(sitePrefix(network, node), address)).toBe(true)

    const unique = rfc4193Address(network, node)
    expect(toHex(bytesOf(unique))).toBe(v.rfc4193Hex)
    expect(`${formatIp6(unique)}/${rfc4193Prefix(network).length}`).toBe(v.rfc4193)
    expect(rfc4193Owner(fromBytes(fromHex(v.rfc4193Hex)))).toBe(node)
    expect(contains(rfc4193Prefix(network), unique)).toBe(true)

    expect(macOf(network, node)).toBe(v.mac)
    expect(nodeOf(network, parseMac(v.mac))).toBe(node)
  })
})

describe('properties', () => {
  test('the owner of every address of a site is its node', () => {
    fc.assert(
      fc.property(anyNetwork, anyNode, fc.bigInt(0n, (1n << 48n) - 1n), (network, node, host) => {
        expect(owner((sitePrefix(network, node).address | host) as Ip6)).toBe(node)
      }),
    )
  })

  test('different nodes of a network never share a prefix, an address or a MAC', () => {
    fc.assert(
      fc.property(anyNetwork, anyNode, anyNode, (network, a, b) => {
        fc.pre(a !== b)
        expect(contains(sitePrefix(network, a), sitePrefix(network, b).address)).toBe(false)
        expect(rfc4193Address(network, a)).not.toBe(rfc4193Address(network, b))
        expect(macOf(network, a)).not.toBe(macOf(network, b))
      }),
    )
  })

  test('a MAC names its node, is unicast and locally administered, and is not one of KVM', () => {
    fc.assert(
      fc.property(anyNetwork, anyNode, (network, node) => {
        const mac = macOf(network, node)
        expect(nodeOf(network, mac)).toBe(node)
        const first = macBytes(mac)[0]!
        expect(first & 0b11).toBe(0b10)
        expect(first).not.toBe(0x52)
      }),
      { numRuns: 1000 },
    )
  })

  test('a MAC of another network names nobody', () => {
    const here = parseNetworkId('8056c2e21c000001')
    const there = macOf(parseNetworkId('610252ad3bc0ffee'), parseNodeAddress('be3ff01c29'))
    expect(nodeOf(here, there)).toBeUndefined()
  })

  test('ids parse what they format', () => {
    fc.assert(
      fc.property(anyNetwork, anyNode, (network, node) => {
        expect(parseNetworkId(formatNetworkId(network).toUpperCase())).toBe(network)
        expect(parseNodeAddress(formatNodeAddress(node))).toBe(node)
      }),
    )
  })
})

describe('refusals', () => {
  test.for(['', '8056c2e21c00001', '8056c2e21c0000011', '0x56c2e21c000001', 'g056c2e21c000001', ' 8056c2e21c00000'])(
    'network id "%s"',
    text => expect(() => parseNetworkId(text)).toThrow(DecodeError),
  )

  test.for([
    ['89e92ceee', 'is not the 10 hex digits'],
    ['89e92ceee5a', 'is not the 10 hex digits'],
    ['0000000000', 'is reserved'],
    ['ff00000001', 'is reserved'],
  ])('node address %s %s', ([text, complaint]) => {
    expect(() => parseNodeAddress(text!)).toThrow(`${text} ${complaint}`)
  })
})

test('a site is what follows from two numbers', () => {
  const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
  expect([formatPrefix(site.networkPrefix), formatPrefix(site.sitePrefix), formatIp6(site.address), site.mac]).toEqual([
    'fc9c:56c2:e300::/40',
    'fc9c:56c2:e389:e92c:eee5::/80',
    'fc9c:56c2:e389:e92c:eee5::1',
    '02:89:e9:30:0c:27',
  ])
  expect(sameSite(site, siteOf(site.network, site.node))).toBe(true)
  expect(sameSite(site, siteOf(site.network, parseNodeAddress('be3ff01c29')))).toBe(false)
  expect(sameSite(site, undefined)).toBe(false)
  expect(sameSite(undefined, undefined)).toBe(true)
})
