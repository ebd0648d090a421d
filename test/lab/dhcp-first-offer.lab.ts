import { expect, test } from 'vitest'
import { DhcpLan } from './dhcp-lan.ts'
import type { Host } from './host.ts'

const duid = '00:03:00:01:02:00:00:00:00:0b'

/** What our client was told by one exchange. */
async function ask(host: Host): Promise<string> {
  const program = new URL('dhcp-client.ts', import.meta.url).pathname
  await using client = host.spawn([process.execPath, program, 'ask', duid, '1'])
  await client.exited
  const { addresses } = JSON.parse(client.lines.at(-1)!) as { addresses: string[] }
  expect(addresses.length).toBe(1)
  return addresses[0]!
}

test('J04 F15 an address that somebody uses by hand is not given away: found by a probe, kept aside, and told', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  const squatter = await lan.host('squatter', '02:00:00:00:00:0e')
  const loseLeases = () => lan.router.run('sh', '-c', `rm ${lan.router.folder}/leases.sqlite*`)
  const asIs = await lan.serve({ probe: true })
  const address = await ask(host)
  await asIs.kill()
  await loseLeases()
  await squatter.ip('-6', 'address', 'add', `${address}/80`, 'dev', 'eth0', 'nodad')

  const probing = await lan.serve({ probe: true })
  const other = await ask(host)
  expect(other).not.toBe(address)
  const { leases } = await probing.status()
  expect(leases.map(lease => [lease.address, lease.state]).toSorted()).toEqual(
    [
      [address, 'declined'],
      [other, 'bound'],
    ].toSorted(),
  )
  const warnings = probing.program.lines.filter(line => line.includes('found an address in use by another host'))
  expect(warnings.length).toBe(1)
  expect(warnings[0]).toContain(address)
  await probing.kill()

  // The leases are lost once more, and now it is the host itself that uses the address.
  await loseLeases()
  await squatter.ip('-6', 'address', 'del', `${address}/80`, 'dev', 'eth0')
  await host.ip('-6', 'address', 'add', `${address}/128`, 'dev', 'eth0', 'nodad')
  await using again = await lan.serve({ probe: true })
  expect(await ask(host)).toBe(address)
  expect((await again.status()).leases.map(({ state }) => state)).toEqual(['bound'])
})
