import { expect, test } from 'vitest'
import { parsePing } from '../../lab/ping.ts'

test('reads the answers and the totals of ping', () => {
  const output = `PING fc9c::1(fc9c::1) 56 data bytes
64 bytes from fc9c::1: icmp_seq=1 ttl=63 time=0.226 ms
64 bytes from fc9c::1: icmp_seq=2 ttl=63 time=12 ms

--- fc9c::1 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 2040ms
`
  expect(parsePing(output)).toEqual({ sent: 3, received: 2, times: [0.226, 12], complaints: [] })
})

test('reads what routers and the kernel complain about', () => {
  const output = `From fc9c::1 icmp_seq=1 Destination unreachable: No route
1 packets transmitted, 0 received, +1 errors, 100% packet loss, time 0ms
`
  expect(parsePing(output)).toEqual({
    sent: 1,
    received: 0,
    times: [],
    complaints: ['Destination unreachable: No route'],
  })
  expect(parsePing('ping: connect: Network is unreachable\n').complaints).toEqual(['connect: Network is unreachable'])
})
