import { describe, expect, test } from 'vitest'
import { KernelError } from '../../../appliance/base/errors.ts'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import type { Instance } from '../../../appliance/fastpath/instance.ts'
import { planFastPath, type Wanted } from '../../../appliance/fastpath/plan.ts'
import { lanPlan } from '../../../appliance/plane/plan.ts'
import { siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'

const site = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('89e92ceee5'))
const lan = (name: string, subnet?: number) => ({
  interface: name,
  plan: lanPlan(site.sitePrefix, subnet),
  mac: parseMac('02:00:00:00:00:01'),
  linkLocal: parseIp6('fe80::1'),
  networkOnLink: true,
})
const wanted: Wanted = {
  mode: 'auto',
  turbo: false,
  forwardRules: [],
  site,
  overlay: { name: 'zt0', index: 7 },
  lans: [lan('eth1'), lan('eth2', 5)],
  bound: true,
}

/** Loads everything, and remembers what it was asked for; or refuses what it is told to. */
function loader(refuses: (instance: Instance) => string | undefined = () => undefined) {
  const asked: Instance[] = []
  return {
    asked,
    load: (instance: Instance, point: string) => {
      const errno = refuses(instance)
      if (errno) throw new KernelError('load the program', point, errno)
      asked.push(instance)
      return { id: instance.kind === 'lan' ? 3 : point === 'ingress' ? 1 : 2 }
    },
  }
}

describe('the best that works is chosen', () => {
  test('stateless, with a program on each side of the overlay and on each LAN', () => {
    const { asked, load } = loader()
    expect(planFastPath(wanted, load)).toEqual({
      mode: 'stateless',
      reasons: [],
      programs: [
        { link: 'zt0', point: 'ingress', id: 1 },
        { link: 'zt0', point: 'egress', id: 2 },
        { link: 'eth1', point: 'ingress', id: 3 },
        { link: 'eth2', point: 'ingress', id: 3 },
      ],
      turbo: false,
      turboRefused: undefined,
    })
    expect(asked[0]).toMatchObject({ features: expect.arrayContaining(['rewrite', 'guard', 'bound']), subnets: [5] })
    planFastPath({ ...wanted, lans: [], bound: false }, load)
    expect(asked.at(-1)).toMatchObject({ features: expect.not.arrayContaining(['bound']) })
  })

  test('emulate where the kernel refuses the rewrite alone, and the status hears why', () => {
    const { asked, load } = loader(({ features }) => (features.includes('rewrite') ? 'EACCES' : undefined))
    expect(planFastPath(wanted, load)).toMatchObject({
      mode: 'emulate',
      reasons: ['stateless: load the program ingress: EACCES'],
    })
    for (const { features } of asked) expect(features).toContain('boundRemote')
  })

  test('netlink where no program can be had, with one reason for both', () => {
    const { load } = loader(() => 'EPERM')
    expect(planFastPath(wanted, load)).toMatchObject({
      mode: 'netlink',
      programs: [],
      reasons: ['stateless: load the program ingress: EPERM'],
    })
  })

  test.for(['emulate', 'netlink', 'off'] as const)('%s where that is asked for, and nothing better is tried', mode => {
    const { asked, load } = loader()
    expect(planFastPath({ ...wanted, mode }, load)).toMatchObject({ mode, reasons: [] })
    expect(asked.some(({ features }) => features.includes('rewrite'))).toBe(false)
  })

  test('a LAN without the network on-link is answered nothing there', () => {
    const { asked, load } = loader()
    planFastPath({ ...wanted, lans: [{ ...lan('eth1'), networkOnLink: false }] }, load)
    expect(asked.at(-1)).toMatchObject({ kind: 'lan', features: expect.not.arrayContaining(['proxy']) })
  })
})

describe('turbo', () => {
  const rules = ['inet filter forward']
  test.for([
    { name: 'is on where it is asked for', turbo: true, forwardRules: [], on: true, refused: undefined },
    {
      name: 'is refused beside rules for forwarding',
      turbo: true,
      bound: true,
      forwardRules: rules,
      on: false,
      refused: /^turbo is refused: .*inet filter forward/,
    },
    { name: 'is on beside them when it is forced', turbo: 'force', forwardRules: rules, on: true, refused: undefined },
    { name: 'is off otherwise', turbo: false, forwardRules: rules, on: false, refused: undefined },
  ] as const)('$name', ({ turbo, forwardRules, on, refused }) => {
    const { asked, load } = loader()
    const plan = planFastPath({ ...wanted, turbo, forwardRules }, load)
    expect(plan.turbo).toBe(on)
    if (refused) expect(plan.turboRefused).toMatch(refused)
    else expect(plan.turboRefused).toBeUndefined()
    expect(asked.at(-1)?.features.includes('turbo')).toBe(on)
  })

  test('needs the stateless mode', () => {
    const plan = planFastPath({ ...wanted, turbo: true, mode: 'emulate' }, loader().load)
    expect(plan).toMatchObject({
      turbo: false,
      turboRefused: 'turbo works with the stateless mode alone, and emulate runs',
    })
  })

  test('waits while the overlay can not take packets', () => {
    const { asked, load } = loader()
    planFastPath({ ...wanted, turbo: true, overlay: { name: 'zt0', index: undefined } }, load)
    expect(asked.at(-1)?.features.includes('turbo')).toBe(false)
  })
})
