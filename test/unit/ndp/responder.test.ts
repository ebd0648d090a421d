import { expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { answersFor } from '../../../appliance/ndp/responder.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { site } from './plan.ts'

const then = 'fc9c:56c2:e3ec:776d:499a'
const scope = (subnet?: number) => ({
  networkPrefix: site.networkPrefix,
  plan: lanPlan(site.sitePrefix, subnet),
  former: lanPlan(parsePrefix(`${then}::/80`), subnet),
})
const own = 'fc9c:56c2:e389:e92c:eee5'

test.for([
  { target: 'fc9c:56c2:e312:3456:7890::1', first: true, third: true, what: 'another site' },
  { target: `${then}::42`, first: false, third: true, what: 'a host on the first LAN of the site that this was' },
  { target: `${then}:8300::7`, first: true, third: false, what: 'a host on LAN 3 of the site that this was' },
  { target: `${own}::1`, first: false, third: true, what: 'the router on the first LAN' },
  { target: `${own}:7fff:ffff:ffff`, first: false, third: true, what: 'the end of the first LAN' },
  { target: `${own}:8000::`, first: true, third: true, what: 'the first of the further LANs' },
  { target: `${own}:8300::7`, first: true, third: false, what: 'a host on LAN 3' },
  { target: `${own}:83ff:ffff:ffff`, first: true, third: false, what: 'the end of LAN 3' },
  { target: `${own}:8400::7`, first: true, third: true, what: 'a host on LAN 4' },
  { target: `${own}:c000::7`, first: true, third: true, what: 'a delegated prefix' },
  { target: 'fc9c:56c2:e400::1', first: false, third: false, what: 'another network' },
  { target: 'fe80::1', first: false, third: false, what: 'a link-local address' },
  { target: '2001:db8::1', first: false, third: false, what: 'the internet' },
])('C05 C10 $what, $target: first LAN $first, LAN 3 $third', ({ target, first, third }) => {
  expect(answersFor(parseIp6(target), scope())).toBe(first)
  expect(answersFor(parseIp6(target), scope(3))).toBe(third)
})
