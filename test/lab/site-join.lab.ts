import { expect, test } from 'vitest'
import { TwoSites } from './sites.ts'
import { Zerotier } from './zerotier.ts'

const main = new URL('../../appliance/main.ts', import.meta.url).pathname

test('a new site: join waits for ZeroTier, the controller and the interface, and with what it prints the site is served', async () => {
  await using sites = await TwoSites.create({ overlay: false })
  const { a } = sites
  await using zerotier = new Zerotier(a)
  const line = [process.execPath, main, 'join', '8056c2e21c000001', '--home', zerotier.home, '--timeout', '120']
  await using joining = a.router.spawn(line)
  await joining.says(/no-service: ZeroTier does not run/)
  await zerotier.start()
  await joining.says(new RegExp(`^node ${a.node}$`, 'm'))
  await joining.says(/unauthorised: /)
  zerotier.join('ACCESS_DENIED')
  await joining.says(new RegExp(`denied: authorise node ${a.node} as a member of 8056c2e21c000001`))
  zerotier.join('OK')
  await zerotier.makeInterface()
  expect((await joining.exited).status).toBe(0)
  expect(joining.lines.at(-1)).toBe(`site ${a.prefix}`)

  await using daemon = a.start({ configuration: zerotier.configuration })
  expect(await daemon.serving()).toMatchObject({ overlay: { node: a.node, sitePrefix: a.prefix } })
})
