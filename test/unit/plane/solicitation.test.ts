import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../../appliance/base/bytes.ts'
import { checksum } from '../../../appliance/base/checksum.ts'
import { allNodes, bytesOf, fromBytes, parseIp6, solicitedNode, unspecified } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { macOf, owner, parseNetworkId } from '../../../appliance/plane/sixplane.ts'
import { answerSolicitation, readSolicitation } from '../../../appliance/plane/solicitation.ts'

const golden = JSON.parse(readFileSync(new URL('../../golden/ndp-emulation.json', import.meta.url), 'utf8')) as {
  solicitation: string
  advertisement: string
}
const real = () => fromHex(golden.solicitation)

/** The real solicitation with octets replaced and the checksum made right again. */
function changed(edits: Record<number, string>, length?: number): Uint8Array {
  let frame = real()
  for (const [at, hex] of Object.entries(edits)) {
    const bytes = fromHex(hex)
    const wider = new Uint8Array(Math.max(frame.length, Number(at) + bytes.length))
    wider.set(frame)
    wider.set(bytes, Number(at))
    frame = wider
  }
  if (length !== undefined) frame = frame.slice(0, length)
  const message = frame.subarray(54, 54 + ((frame[18]! << 8) | frame[19]!))
  message[2] = 0
  message[3] = 0
  const sum = checksum(fromBytes(frame.subarray(22, 38)), fromBytes(frame.subarray(38, 54)), 58, message)
  message.set([sum >> 8, sum & 0xff], 2)
  return frame
}

const target = parseIp6('fc5a:c2ad:43ec:776d:499a:feed:dead:beef')
const source = parseIp6('fc5a:c2ad:43be:3ff0:1c29::1')

test('reads what Linux sends', () => {
  expect(readSolicitation(real())).toEqual({
    target,
    source,
    destination: solicitedNode(target),
    dad: false,
    sender: 'ee:41:ff:cb:b1:7b',
    linkLayerAddress: 'ee:41:ff:cb:b1:7b',
  })
})

test('C09 answers octet for octet as ZeroTier does', () => {
  const solicitation = readSolicitation(real())!
  const mac = macOf(parseNetworkId('610252ad3bc0ffee'), owner(solicitation.target))
  const frame = answerSolicitation(solicitation, { mac, source: solicitation.target, router: false })
  expect(toHex(frame)).toBe(golden.advertisement)
})

describe('accepts', () => {
  test.for([
    { name: 'a unicast probe', frame: changed({ 38: toHex(bytesOf(target)) }) },
    { name: 'no option at all', frame: changed({ 18: '0018' }, 78) },
    { name: 'padding behind the message', frame: changed({ 86: '00000000' }) },
    {
      name: 'B09 an unknown option before ours',
      frame: changed({ 18: '0028', 78: '0e01 000000000000 0101 ee41ffcbb17b' }),
    },
    { name: 'B09 reserved bits', frame: changed({ 58: 'ffffffff' }) },
    { name: 'a nonce (RFC 3971 section 5.3.2)', frame: changed({ 18: '0028', 86: '0e01 010203040506' }) },
  ])('$name', ({ frame }) => {
    expect(readSolicitation(frame)?.target).toBe(target)
  })
})

test('a group as link-layer address is nobody’s: the answer goes to who sent the frame', () => {
  const solicitation = readSolicitation(changed({ 80: '33330000 0001' }))!
  expect(solicitation.linkLayerAddress).toBeUndefined()
  const frame = answerSolicitation(solicitation, {
    mac: macOf(parseNetworkId('610252ad3bc0ffee'), owner(target)),
    source,
    router: true,
  })
  expect(toHex(frame.subarray(0, 6), ':')).toBe('ee:41:ff:cb:b1:7b')
})

describe('discards', () => {
  test.for([
    { name: 'B01 hop limit 254', frame: changed({ 21: 'fe' }) },
    { name: 'B01 a wrong checksum', frame: fromHex(golden.solicitation.replace('87005b0f', '87005b0e')) },
    { name: 'B01 code 1', frame: changed({ 55: '01' }) },
    { name: 'B01 an option of length 0', frame: changed({ 79: '00' }) },
    { name: 'an option over the end', frame: changed({ 79: '02' }) },
    { name: 'B04 20 octets', frame: changed({ 18: '0014' }) },
    { name: 'B04 a multicast target', frame: changed({ 62: 'ff' }) },
    { name: 'B04 a probe with a link-layer address', frame: changed({ 22: '00'.repeat(16) }) },
    {
      name: 'B04 a probe to all nodes',
      frame: changed({ 18: '0018', 22: '00'.repeat(16), 38: toHex(bytesOf(allNodes)) }, 78),
    },
    { name: 'a multicast source', frame: changed({ 22: 'ff02' }) },
    { name: 'an advertisement', frame: changed({ 54: '88' }) },
    { name: 'an extension header', frame: changed({ 20: '00' }) },
    { name: 'another EtherType', frame: changed({ 12: '0800' }) },
    { name: 'a length beyond the frame', frame: changed({ 18: '0028' }) },
    { name: 'half a frame', frame: changed({}, 60) },
  ])('$name', ({ frame }) => {
    expect(readSolicitation(frame)).toBeUndefined()
  })
})

test('a probe for duplicates is answered to all nodes, unsolicited', () => {
  const probe = readSolicitation(changed({ 18: '0018', 22: '00'.repeat(16) }, 78))!
  expect(probe).toMatchObject({ dad: true, source: unspecified, linkLayerAddress: undefined })
  const mac = parseMac('02:00:00:00:00:01')
  const frame = answerSolicitation(probe, { mac, source: parseIp6('fe80::1'), router: true })
  expect(toHex(frame.subarray(0, 14))).toBe('333300000001' + '020000000001' + '86dd')
  expect(toHex(frame.subarray(38, 54))).toBe(toHex(bytesOf(allNodes)))
  expect(frame[58]).toBe(0xa0) // router, override, not solicited
})

test('without a source link-layer option the answer goes to who sent the frame', () => {
  const solicitation = readSolicitation(changed({ 18: '0018' }, 78))!
  const frame = answerSolicitation(solicitation, { mac: parseMac('02:00:00:00:00:01'), source, router: true })
  expect(toHex(frame.subarray(0, 6))).toBe('ee41ffcbb17b')
  expect(frame[58]).toBe(0xe0)
})

test('any octets are read or discarded, and never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat(85), (noise, at) => {
      const frame = real()
      frame.set(noise.subarray(0, frame.length - at), at)
      readSolicitation(frame)
      readSolicitation(noise)
    }),
    { numRuns: 2000 },
  )
})
