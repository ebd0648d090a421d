/** What the twin must have in common with Linux where forwarding and advertisements meet; router-vm.lab.ts sees the real one do it. */
import { describe, expect, test } from 'vitest'
import { parseIp6, parsePrefix } from '../../../appliance/base/ip6.ts'
import { MemoryKernel } from '../../../appliance/netlink/memory.ts'

const internet = parseIp6('fe80::1')

function machine(options?: { force?: boolean }) {
  const kernel = new MemoryKernel(options)
  kernel.addLink('wan0')
  kernel.addLink('eth1')
  kernel.learnDefault('wan0', internet)
  return kernel
}

describe('forwarding and advertisements', () => {
  test.for([
    { name: 'forwarding of one link takes every default away', path: 'eth1/forwarding', value: '1', left: [] },
    { name: 'so does all.forwarding', path: 'all/forwarding', value: '1', left: [] },
    { name: 'writing 0 does not', path: 'eth1/forwarding', value: '0', left: ['wan0'] },
    { name: 'force_forwarding does not', path: 'eth1/force_forwarding', value: '1', left: ['wan0'] },
    { name: 'default.forwarding does not', path: 'default/forwarding', value: '1', left: ['wan0'] },
  ])('$name', ({ path, value, left }) => {
    const kernel = machine()
    kernel.write(`ipv6/conf/${path}`, value)
    expect(kernel.defaults()).toEqual(left)
  })

  test('accept_ra=2 keeps the default, and goes on listening', () => {
    const kernel = machine()
    kernel.write('ipv6/conf/wan0/accept_ra', '2')
    kernel.write('ipv6/conf/all/forwarding', '1')
    expect(kernel.defaults()).toEqual(['wan0'])
    expect(kernel.learnDefault('wan0', internet)).toBe(true)
    expect(kernel.learnDefault('eth1', internet)).toBe(false)
  })

  test('all.forwarding goes to every link and to new ones, and 0 resets force_forwarding', () => {
    const kernel = machine()
    kernel.write('ipv6/conf/eth1/force_forwarding', '1')
    kernel.write('ipv6/conf/all/forwarding', '1')
    expect(kernel.read('ipv6/conf/eth1/force_forwarding')).toBe('1')
    kernel.addLink('eth2')
    expect(['wan0', 'eth2', 'default'].map(name => kernel.read(`ipv6/conf/${name}/forwarding`))).toEqual([
      '1',
      '1',
      '1',
    ])
    kernel.write('ipv6/conf/all/forwarding', '0')
    expect(kernel.read('ipv6/conf/eth1/force_forwarding')).toBe('0')
    expect(kernel.read('ipv6/conf/eth2/forwarding')).toBe('0')
  })

  test('an older kernel has no force_forwarding', () => {
    expect(machine({ force: false }).read('ipv6/conf/eth1/force_forwarding')).toBeUndefined()
  })
})

describe('a link takes along', () => {
  const address = parseIp6('fc00::1')
  const furnished = async () => {
    const kernel = machine()
    const link = kernel.link('eth1').index
    const route = { table: 80, kind: 'unicast', via: undefined, metric: 1024, protocol: 80 } as const
    await kernel.apply({ op: 'add-address', address: { link, address, length: 80 } })
    await kernel.apply({ op: 'replace-route', route: { ...route, destination: parsePrefix('fc00::/80'), link } })
    return kernel
  }

  test('addresses and routes when it goes down, its sysctls not', async () => {
    const kernel = await furnished()
    kernel.write('ipv6/conf/eth1/forwarding', '1')
    kernel.setLink('eth1', { up: false })
    expect(await kernel.state()).toMatchObject({ addresses: [], routes: [] })
    expect(kernel.read('ipv6/conf/eth1/forwarding')).toBe('1')
  })

  test('its sysctls too when it is removed', async () => {
    const kernel = await furnished()
    kernel.write('ipv6/conf/eth1/forwarding', '1')
    kernel.removeLink('eth1')
    expect(await kernel.state()).toMatchObject({ addresses: [], routes: [] })
    expect(kernel.read('ipv6/conf/eth1/forwarding')).toBeUndefined()
    kernel.addLink('eth1')
    expect(kernel.read('ipv6/conf/eth1/forwarding')).toBe('0')
  })

  test('nothing when only the cable is pulled', async () => {
    const kernel = await furnished()
    kernel.setLink('eth1', { carrier: false })
    expect((await kernel.state()).routes).toHaveLength(1)
  })
})

test('steps for a link that is gone or down are refused as the kernel would', async () => {
  const kernel = machine()
  await expect(
    kernel.apply({ op: 'add-address', address: { link: 99, address: internet, length: 80 } }),
  ).rejects.toMatchObject({ errno: 'ENODEV' })
  await expect(kernel.apply({ op: 'write-sysctl', path: 'ipv6/conf/zt0/accept_ra', value: '0' })).rejects.toMatchObject(
    {
      errno: 'ENOENT',
    },
  )
})

test('one listener hears of changes until it stops listening', () => {
  const kernel = machine()
  let heard = 0
  const watch = kernel.watch(() => heard++)
  kernel.addLink('eth5')
  watch[Symbol.dispose]()
  kernel.addLink('eth6')
  expect(heard).toBe(1)
})
