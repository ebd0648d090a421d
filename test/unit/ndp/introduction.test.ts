import { expect, test } from 'vitest'
import { allNodes, parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { introduce } from '../../../appliance/ndp/introduction.ts'
import { decodeMessage } from '../../../appliance/ndp/message.ts'
import type { IcmpIn, IcmpOut } from '../../../appliance/ndp/socket.ts'
import { Twin } from './twin.ts'

const linkLocal = parseIp6('fe80::1')
const router = parseIp6('fc9c:56c2:e389:e92c:eee5::1')
const link = { name: 'lan0', index: 2, mac: parseMac('02:00:00:00:00:01') }

test('C08 says three times, a second apart, by which card the router is reached', async () => {
  const socket = new Twin<IcmpIn, IcmpOut>()
  const began = performance.now()
  await introduce({ link, linkLocal, addresses: [router], open: () => socket }, new AbortController().signal)
  expect(performance.now() - began).toBeGreaterThanOrEqual(1_990)
  expect(socket.closed).toBe(true)
  expect(socket.sent).toHaveLength(3)
  for (const { bytes, source, destination } of socket.sent) {
    expect({ source, destination }).toEqual({ source: linkLocal, destination: allNodes })
    expect(decodeMessage(bytes, { source: linkLocal, destination: allNodes, hopLimit: 255 })).toEqual({
      kind: 'neighbour-advertisement',
      router: true,
      solicited: false,
      override: true,
      target: router,
      options: [{ kind: 'target-link-layer-address', mac: link.mac }],
    })
  }
})

test('says no more once it is stopped', async () => {
  const socket = new Twin<IcmpIn, IcmpOut>()
  const abort = new AbortController()
  const done = introduce({ link, linkLocal, addresses: [router], open: () => socket }, abort.signal)
  abort.abort()
  await done
  expect(socket.sent).toHaveLength(1)
  expect(socket.closed).toBe(true)
})
