import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

const talker = `
const [, address] = process.argv
const { connect, createServer } = await import('node:net')
if (address === 'serve') createServer(socket => socket.end(socket.remoteAddress)).listen(7080, '::', () => console.log('ready'))
else connect(7080, address).on('data', data => console.log(String(data)))
`
const node = (...args: readonly string[]) => [process.execPath, '--input-type=module', '-e', talker, '--', ...args]

test.concurrent('a host with nothing but SLAAC reaches another site, and is reached there by one address of its own site', async () => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const [host] = a.hosts
  const [far] = b.hosts
  const on = a.configuration('    slaac: true\n')
  const first = a.start({ configuration: on })
  await using other = b.start()
  await Promise.all([first.serving(), other.serving()])
  const farAddress = await b.settle(far, 0x2_0000_0001n)

  await host.setUp('eth0') // the kernel alone: it hears advertisements, and no client runs
  const own = await until(() => host.globalAddress('eth0', 'fd'), 'an address by SLAAC')
  await host.reaches(farAddress)
  const translated = async (daemon: typeof first) =>
    (await daemon.leases()).find(({ type, state }) => type === 'SLAAC' && state === 'translated')?.address
  const address = (await translated(first))!
  expect(address).toContain(`${a.addressStart}ffff:`)
  expect(await first.cli('leases')).toContain(address)
  await far.reaches(address)

  // A connection: the other side sees the translated address.
  await using server = far.spawn(node('serve'))
  await server.says(/ready/)
  await using client = host.spawn(node(farAddress))
  expect((await client.says(/fc\S+/))[0]).toBe(address)

  // The next daemon makes the table anew, and no packet is lost by that.
  await using pinging = host.pinging(farAddress)
  await first.handOver()
  await using second = a.start({ configuration: on })
  await second.serving()
  await far.reaches(address)
  const { sent, received } = await pinging.stop()
  expect(received).toBeGreaterThanOrEqual(sent - 1) // the last one may be on its way
  expect(received).toBeGreaterThan(5)

  const tables = () => a.router.run('nft', 'list', 'tables')
  expect(await tables()).toBe('table ip6 siteplane\n')
  second.configure(a.configuration())
  second.reload()
  await until(async () => (await tables()) === '', 'the table to be gone')
  expect(await second.leases()).toEqual([])
  expect(existsSync(join(a.router.folder, 'state/translations.json'))).toBe(false)
  const deprecated = async () =>
    (await host.addresses('eth0')).find(({ local }) => local === own)?.preferred_life_time === 0
  await until(deprecated, 'the host to hear that its address is for nothing new')
  expect((await a.router.run('ip', '-6', 'rule')).includes(' fd')).toBe(false)
})

test.concurrent('without nft the status says what is missing, and hosts hear of no prefix', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const under = ['unshare', '--mount', 'sh', '-c', 'mount --bind /dev/null "$(command -v nft)" && exec "$@"', 'sh']
  await using daemon = a.start({ configuration: a.configuration('    slaac: true\n'), under })
  const status = await daemon.hasStatus(({ state }) => state === 'degraded', 'to miss nft')
  expect(status.reasons).toEqual([expect.stringMatching(/^hosts without DHCPv6 can't be translated: nft can't be run/)])
  const [host] = a.hosts
  await host.setUp('eth0')
  const route = () => host.routes(sites.networkPrefix)
  await until(async () => (await route()).length > 0, 'an advertisement')
  expect(await host.globalAddress('eth0', 'fd')).toBeUndefined()
})
