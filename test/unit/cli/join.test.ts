import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { recordedMember } from '../overlay/facts.ts'
import { FakeService } from '../overlay/service.ts'
import { run } from './terminal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-join-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const network = '610252ad3bc0ffee'

test('joins, says which node is to be authorised, and then which site it is', async () => {
  await using service = await FakeService.start()
  service.member = undefined
  const denied = { ...recordedMember, status: 'ACCESS_DENIED', assignedAddresses: [] }
  service.next.push(service.joining, denied, { ...denied, status: 'OK' }, recordedMember)
  const { status, out, err } = await run('join', network, '--home', service.home)
  expect([status, out]).toEqual([0, 'node be3ff01c29\nsite fc5a:c2ad:43be:3ff0:1c29::/80\n'])
  expect(err.split('\n').map(line => line.replace(/:.*/, ''))).toEqual(['unauthorised', 'denied', 'no-6plane', ''])
  expect(err).toContain(`denied: authorise node be3ff01c29 as a member of ${network} at its controller\n`)
  expect(service.asked.filter(line => line.startsWith('POST'))).toEqual([`POST /network/${network}`])
})

test('a member already is asked nothing, and is one object with --json', async () => {
  await using service = await FakeService.start()
  const { status, out, err } = await run('join', network, '--home', service.home, '--json')
  expect([status, err]).toEqual([0, ''])
  expect(JSON.parse(out)).toMatchObject({
    network,
    node: 'be3ff01c29',
    sitePrefix: 'fc5a:c2ad:43be:3ff0:1c29::/80',
    interface: 'ztzq4zeuwv',
  })
  expect(service.asked.some(line => line.startsWith('POST'))).toBe(false)
})

test('where ZeroTier can make no interface it says so, and asks it only once', async () => {
  await using service = await FakeService.start()
  service.member = undefined
  service.joining = undefined
  const { status, err } = await run('join', network, '--home', service.home, '--timeout', '1')
  expect(status).toBe(1)
  expect(err).toMatch(/^no-interface: ZeroTier has joined 610252ad3bc0ffee and has no interface for it: .*modprobe tun/)
  expect(service.asked.filter(line => line.startsWith('POST'))).toEqual([`POST /network/${network}`])
})

test('gives up with what is awaited', async () => {
  await using service = await FakeService.start()
  service.member = undefined
  const { status, out, err } = await run('join', network, '--home', service.home, '--timeout', '0')
  expect([status, out]).toEqual([1, 'node be3ff01c29\n'])
  expect(err.split('\n').at(-2)).toMatch(/^siteplane: gave up after 0 s, still waiting: the controller of .* has not/)
})

test.for([
  {
    name: 'without ZeroTier',
    spoil: (service: FakeService) => service.remove('zerotier-one.port'),
    why: 'does not run',
  },
  {
    name: 'with another token',
    spoil: (service: FakeService) => service.write('authtoken.secret', 'other'),
    why: 'refuses',
  },
  {
    name: 'by something else',
    spoil: (service: FakeService) => {
      service.member = { hello: 'world' }
    },
    why: 'is not ZeroTier',
  },
])('$name it says so', async ({ spoil, why }) => {
  await using service = await FakeService.start()
  spoil(service)
  const { status, err } = await run('join', network, '--home', service.home, '--timeout', '0')
  expect(status).toBe(1)
  expect(err).toMatch(new RegExp(`^siteplane: gave up .*${why}`, 'm'))
})

test('the configuration may say what to join', async () => {
  await using service = await FakeService.start()
  const file = join(folder, 'siteplane.yaml')
  writeFileSync(file, `overlay: {network: ${network}, home: ${service.home}}\nlan: [{interface: eth1}]`)
  expect((await run('join', '--config', file)).out).toContain('site fc5a:c2ad:43be:3ff0:1c29::/80')
  writeFileSync(
    file,
    `overlay: {kind: static, network: ${network}, node: be3ff01c29, interface: zt0}\nlan: [{interface: eth1}]`,
  )
  expect((await run('join', '--config', file)).err).toBe(
    'siteplane: the configured overlay is static: nothing is to be joined\n',
  )
})

test('refuses what is no network, and no time', async () => {
  expect((await run('join', '8056')).err).toContain('8056 is not the 16 hex digits of a ZeroTier network id')
  expect((await run('join', network, '--timeout', 'soon')).err).toContain('It is not a number of seconds')
})
