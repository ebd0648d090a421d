import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from './terminal.ts'

const key = '0a1b'.repeat(32)
const secretKey = 'feed'.repeat(32)
const ofNetwork = ['address', '--network', '8056c2e21c000001', '--identity']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-address-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('an identity.public is enough, with the id of the network', async () => {
  const { status, out, err } = await run(...ofNetwork, file('identity.public', `89e92ceee5:0:${key}\n`), '--json')
  expect([status, err]).toEqual([0, ''])
  expect(JSON.parse(out)).toMatchObject({
    node: '89e92ceee5',
    networkPrefix: 'fc9c:56c2:e300::/40',
    sitePrefix: 'fc9c:56c2:e389:e92c:eee5::/80',
    routerAddress: 'fc9c:56c2:e389:e92c:eee5::1',
    mac: '02:89:e9:30:0c:27',
  })
})

test('of an identity.secret nothing is shown but the address', async () => {
  const { status, out } = await run(...ofNetwork, file('identity.secret', `89e92ceee5:0:${key}:${secretKey}`))
  expect([status, out.includes('fc9c:56c2:e389:e92c:eee5::/80')]).toEqual([0, true])
  expect(out).not.toMatch(/feed|0a1b/)
})

test('the network may come from a configuration', async () => {
  const overlay = 'overlay: {network: 8056c2e21c000001}\nlan: [{interface: eth1}]\n'
  const line = [
    '--identity',
    file('identity.public', `be3ff01c29:0:${key}`),
    '--config',
    file('siteplane.yaml', overlay),
  ]
  const { out } = await run('address', ...line, '--json')
  expect(JSON.parse(out)).toMatchObject({ network: '8056c2e21c000001', node: 'be3ff01c29' })
})

test('refuses what is no identity in one sentence that does not quote it', async () => {
  const path = file('authtoken.secret', 'abcdefghijklmnopqrstuvwx')
  expect(await run(...ofNetwork, path)).toEqual({
    status: 1,
    out: '',
    err: `siteplane: ${path} holds no ZeroTier identity: it is identity.public in ZeroTier's home that does\n`,
  })
})

test.for([
  { name: 'missing', path: () => join(folder, 'none'), why: 'there is no such file' },
  { name: 'a directory', path: () => folder, why: 'it is a directory' },
])('says why a file can not be read: $name', async ({ path, why }) => {
  const { status, err } = await run(...ofNetwork, path())
  expect([status, err]).toEqual([1, `siteplane: ${path()} can't be read: ${why}\n`])
})

test('a node by itself and by its identity is one too many', async () => {
  const { status, err } = await run(
    ...ofNetwork,
    file('identity.public', `89e92ceee5:0:${key}`),
    '--node',
    'be3ff01c29',
  )
  expect([status, err]).toEqual([1, 'siteplane: --node and --identity both say which node: give one of them\n'])
})

test('of several networks in the configuration the one that is named, and else it says which there are', async () => {
  const path = file(
    'siteplane.yaml',
    `overlays:
  - {name: office, kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}
  - {kind: static, network: 610252ad3bc0ffee, node: be3ff01c29, interface: zt1}
lan: [{interface: eth1, overlays: [office]}, {interface: eth2, subnet: 0, overlays: [610252ad3bc0ffee]}]`,
  )
  const named = await run('address', '--network', '610252ad3bc0ffee', '--config', path, '--json')
  expect(JSON.parse(named.out)).toMatchObject({ network: '610252ad3bc0ffee', node: 'be3ff01c29' })
  const { status, err } = await run('address', '--config', path)
  expect([status, err]).toEqual([
    1,
    'siteplane: several overlays are configured: --network says which of 8056c2e21c000001 (office), 610252ad3bc0ffee\n',
  ])
  const checked = JSON.parse((await run('check', '--config', path, '--json')).out)
  expect(checked).toMatchObject({
    overlay: { network: '8056c2e21c000001' },
    lan: [{ interface: 'eth1' }],
    others: [{ overlay: { network: '610252ad3bc0ffee' }, lan: [{ interface: 'eth2' }] }],
  })
  const plan = await run('plan', '--format', 'radvd', '--network', '610252ad3bc0ffee', '--config', path)
  expect(plan.out.match(/^interface \S+/gm)).toEqual(['interface eth2'])
})
