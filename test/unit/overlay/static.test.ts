import { expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { StaticOverlay } from '../../../appliance/overlay/static.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const network = parseNetworkId('8056c2e21c000001')
const node = parseNodeAddress('89e92ceee5')
const link = { name: 'zt0', index: 3, mac: parseMac('02:89:e9:30:0c:27'), up: true, carrier: true, mtu: 2800 }

test('a static overlay knows its site from the start and follows its link', async () => {
  const overlay = new StaticOverlay({ network, node, interface: 'zt0', clock: systemClock, log: silentLog })
  const abort = new AbortController()
  let ready = false
  const ended = overlay.run(abort.signal, () => {
    ready = true
  })
  expect(ready).toBe(true)
  expect(overlay.report()).toEqual({
    kind: 'static',
    network,
    node,
    interface: 'zt0',
    site: siteOf(network, node),
    state: 'no-interface',
    reason: "there is no interface zt0: a static overlay's is yours to make",
    carries: false,
    notices: [],
  })

  const seen: string[] = []
  const listening = overlay.onChange(({ state, reason }) => seen.push(reason ?? state))
  overlay.update([{ ...link, mac: parseMac('02:00:00:00:00:01') }])
  overlay.update([{ ...link, up: false }])
  overlay.update([link])
  overlay.update([link, { ...link, name: 'eth1', index: 4 }])
  listening[Symbol.dispose]()
  overlay.update([])
  expect(seen).toEqual([
    'zt0 has the MAC address 02:00:00:00:00:01, where other sites compute 02:89:e9:30:0c:27: ip link set dev zt0 address 02:89:e9:30:0c:27',
    'zt0 is down: ip link set dev zt0 up',
    'ok',
  ])
  abort.abort()
  await ended
})
