import { expect, test } from 'vitest'
import { Client } from './client.ts'
import { DhcpLan, type Server } from './dhcp-lan.ts'
import { siteText } from './ndp-lan.ts'
import { until } from './until.ts'

const start = siteText.replace('::/80', ':')
const lifetimes = { preferred: 3600, valid: 7200, t1: 1800, t2: 2880 } // nobody renews by itself while a test runs

const endOf = async (server: Server) => (await server.status()).leases[0]!.validUntil

test('G06 G08 dibbler renews at once when the DNS servers change, and after a kill -9 of the server when the site does', async () => {
  await using lan = await DhcpLan.create()
  const { host } = lan.lan
  await using first = await lan.serve({ lifetimes })
  await using _ = new Client(host, 'dibblerReconfigured')
  const address = await until(() => host.globalAddress('eth0', start), 'an address for dibbler', 20_000)
  const before = await endOf(first)
  first.change({ dns: ['fd00::53'] })
  await until(async () => (await endOf(first)) > before + 500, 'dibbler to renew', 10_000)
  expect((await first.status()).counters).toMatchObject({ reconfigured: 1, reconfigureAnswered: 1 })

  // The key and the count of messages outlive the server.
  await first.kill()
  const moved = 'fc9c:56c2:e311:2222:3333:'
  await using second = await lan.serve({ lifetimes, dns: ['fd00::53'], site: `${moved}:/80` })
  await until(() => host.globalAddress('eth0', moved), 'an address of the new site', 20_000)
  expect((await second.status()).counters).toMatchObject({ reconfigured: 1, reconfigureAnswered: 1, bugs: 0 })
  expect(address.slice(start.length)).toBe((await host.globalAddress('eth0', moved))!.slice(moved.length))
})

test('G01 a client that does not take it is left alone', async () => {
  await using lan = await DhcpLan.create()
  await using server = await lan.serve({ lifetimes })
  await using _ = new Client(lan.lan.host, 'dhcpcd')
  await until(() => lan.lan.host.globalAddress('eth0', start), 'an address for dhcpcd', 20_000)
  server.change({ dns: ['fd00::53'] })
  expect((await server.status()).counters).toMatchObject({ reconfigured: 0, reconfigureTries: 0 })
})
