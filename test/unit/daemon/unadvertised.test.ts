import { expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { unadvertised } from '../../../appliance/daemon/unadvertised.ts'
import type { OtherRouter } from '../../../appliance/ndp/other-routers.ts'

const lanPrefix = parsePrefix('fc9c:56c2:e389:e92c:eee5::/80')
const networkPrefix = parsePrefix('fc9c:56c2:e300::/40')

const router = (managed: boolean, ...prefixes: OtherRouter['prefixes']): OtherRouter => ({
  linkLocal: parseIp6('fe80::9'),
  managed,
  other: managed,
  routerLifetime: 0,
  preference: 'medium',
  prefixes,
  contradictions: [],
  differences: [],
  firstSeen: 0,
  lastSeen: 0,
})

test.for([
  {
    name: 'nobody',
    routers: [],
    ownServer: true,
    missing: [/e389:e92c:eee5::\/80 and fc9c:56c2:e300::\/40/, /managed/],
  },
  { name: "the internet's router", routers: [router(false)], ownServer: false, missing: [/e300::\/40/] },
  {
    name: 'one that knows the site alone',
    routers: [router(true, lanPrefix)],
    ownServer: true,
    missing: [/that fc9c:56c2:e300::\/40 is on-link/],
  },
  {
    name: 'one that says it with the prefix of all sites alone, as networkd must',
    routers: [router(true, networkPrefix)],
    ownServer: true,
    missing: [],
  },
  {
    name: 'one without the managed flag',
    routers: [router(false, lanPrefix, networkPrefix)],
    ownServer: true,
    missing: [/managed/],
  },
  {
    name: 'the same, where our server is off',
    routers: [router(false, lanPrefix, networkPrefix)],
    ownServer: false,
    missing: [],
  },
  {
    name: 'two that say it together',
    routers: [router(true, lanPrefix), router(false, networkPrefix)],
    ownServer: true,
    missing: [],
  },
])('in our place advertises: $name', ({ routers, ownServer, missing }) => {
  const faults = unadvertised(routers, { prefixes: [lanPrefix, networkPrefix], ownServer })
  expect(faults).toEqual(missing.map(pattern => expect.stringMatching(pattern)))
})
