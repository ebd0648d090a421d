import { expect, test, vi } from 'vitest'
import { parseConfig } from '../../../appliance/config/load.ts'
import { FormerSite } from '../../../appliance/daemon/former.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const network = parseNetworkId('8056c2e21c000001')
const then = siteOf(network, parseNodeAddress('89e92ceee5'))
const now = siteOf(network, parseNodeAddress('be3ff01c29'))
const abroad = siteOf(parseNetworkId('610252ad3bc0ffee'), parseNodeAddress('be3ff01c29'))
const lans = (...dhcpv6: string[]) => {
  const list = dhcpv6.map((each, i) => `  - {interface: eth${i}, subnet: ${i}, dhcpv6: ${each}}\n`).join('')
  return parseConfig('f.yaml', `overlay: {network: 8056c2e21c000001}\nlan:\n${list}`).lan
}
const leases = (t2: number) => `{lifetimes: {preferred: ${t2}, t1: 20, t2: ${t2}}}`

test.for([
  { what: 'when the last host has renewed or rebound', of: lans(leases(60), leases(40)), seconds: 60 },
  { what: 'by RFC 9096 where that takes longer', of: lans(leases(6000)), seconds: 5400 },
  { what: "and where leases are another server's", of: lans(leases(60), 'off'), seconds: 5400 },
])('the former site ends $what', ({ of, seconds }) => {
  vi.useFakeTimers()
  try {
    const wake = vi.fn()
    const clock = { now: () => Date.now(), monotonic: () => Date.now() }
    const former = new FormerSite(clock, wake)
    expect(former.withdrawn(now)).toBeUndefined()
    former.begin(then, of)
    expect(former.routed(now)).toBe(then)
    expect(former.memory).toEqual({ site: then, until: Date.now() + seconds * 1000 })
    expect(former.withdrawn(then)).toBeUndefined() // we are it again

    // It goes on after a restart, and ends when it would have.
    const recalled = new FormerSite(clock, wake, former.memory)
    former.stop()
    vi.advanceTimersByTime(seconds * 1000 - 1)
    expect(recalled.withdrawn(now)).toBe(then)
    vi.advanceTimersByTime(2)
    expect(wake).toHaveBeenCalledTimes(1)
    expect([recalled.withdrawn(now), recalled.routed(now)]).toEqual([undefined, undefined])
  } finally {
    vi.useRealTimers()
  }
})

test('in another network it is withdrawn and no longer routed', () => {
  const former = new FormerSite({ now: () => 0, monotonic: () => 0 }, () => {}, { site: then, until: 1000 })
  expect([former.withdrawn(abroad), former.routed(abroad)]).toEqual([then, undefined])
  former.stop()
})
