import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { client } from './dhcp-asks.ts'
import { TwoSites } from './sites.ts'
import { until } from './until.ts'

const configuration = `    dns: { servers: [fd00::53], search: [site.example] }
    ntp: { servers: [fd00::123, ntp.example] }
    dhcpv6:
      leasequery: { requesters: ["fd00::9"] }
      options:
        - { name: bootfile-url, data: "tftp://[fd00::69]/boot.efi" }
        - { code: 65001, type: uint16, data: [1, 2], alwaysSend: true }
`

test('F27 J10 J11 dhclient has in its lease what it asked for, and what all are sent', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host] = a.hosts
  await using daemon = a.start({ configuration: a.configuration(configuration) })
  await daemon.serving()
  await host.setUp('eth0')
  await host.linkLocal('eth0')
  const wants = `option dhcp6.ntp code 56 = string; option dhcp6.own code 65001 = array of unsigned integer 16;
also request dhcp6.sntp-servers, dhcp6.bootfile-url, dhcp6.ntp;`
  writeFileSync(join(host.folder, 'conf'), wants)
  // Its AppArmor profile goes by the path; the script is left out: what counts is what it was told.
  const run =
    'cd "$0"; cp "$(command -v dhclient)" .; : >leases; ./dhclient -6 -1 -d -sf /bin/true -cf conf -lf leases -pf pid eth0'
  await using _ = host.spawn(['sh', '-euc', run, host.folder])
  const lease = () => readFileSync(join(host.folder, 'leases'), 'utf8')
  await until(() => lease().includes('iaaddr'), 'the lease', 20_000)
  expect(lease()).toContain('option dhcp6.name-servers fd00::53;')
  expect(lease()).toContain('option dhcp6.domain-search "site.example.";')
  expect(lease()).toContain('option dhcp6.sntp-servers fd00::123;')
  expect(lease()).toContain('option dhcp6.bootfile-url "tftp://[fd00::69]/boot.efi";')
  expect(lease()).toContain('option dhcp6.own 1,2;')
  expect(lease()).toMatch(/option dhcp6\.ntp .*0:1:0:10:fd:0/) // dhclient joins the two sources to one
})

test('J06 J12 an address that a host registers is among the leases, and a named requester is told who has one', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const [host, other] = a.hosts
  await using daemon = a.start({ configuration: a.configuration(configuration) })
  await daemon.serving()
  for (const each of [host, other]) {
    await each.setUp('eth0')
    await each.linkLocal('eth0')
  }
  const own = a.addressAt(0x1234_5678n)
  await host.ip('-6', 'address', 'add', `${own}/80`, 'dev', 'eth0', 'nodad')
  await using registers = client(host, 'register', own)
  await registers.says(/"type":37,"kinds":\["ia-address"\]/, 5_000)
  expect(await daemon.leases()).toMatchObject([
    { address: own, state: 'registered', linkLayerAddress: expect.any(String) },
  ])

  await using asks = client(other, 'ask', '00:03:00:01:02:00:00:00:00:0c', '1')
  await asks.exited
  const [leased] = (JSON.parse(asks.lines.at(-1)!) as { addresses: string[] }).addresses
  await other.ip('-6', 'address', 'add', 'fd00::9/64', 'dev', 'eth0', 'nodad')
  await other.ip('-6', 'route', 'add', `${a.address}/128`, 'dev', 'eth0', 'src', 'fd00::9')
  await a.router.ip('-6', 'route', 'add', 'fd00::/64', 'dev', 'lan0')
  await using questions = client(other, 'query', a.address, leased!)
  await questions.says(
    /"type":15,"duid":"00:03:00:01:02:00:00:00:00:0c","kinds":\["client-id","clt-time","ia-address"\]/,
    5_000,
  )
})
