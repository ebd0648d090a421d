import { expect, test } from 'vitest'
import type { Ip6 } from '../../../appliance/base/ip6.ts'
import { findOption } from '../../../appliance/dhcp/options.ts'
import { Bench, fromA } from './lan-bench.ts'
import { host, ia, macA, macB, message, onlyAddress, Scene, scopeOf, them } from './scene.ts'

const first = onlyAddress(new Scene().ask('solicit', [ia()]))

/** Hosts are asked first on this LAN. */
function scene(...users: [Ip6, typeof macA][]): Scene {
  const here = new Scene({ probe: true })
  for (const [address, mac] of users) here.users.set(address, mac)
  return here
}

test('J04 before a first offer the LAN is asked, where that is wanted', () => {
  const here = scene()
  here.asksFirst = true
  const probe = { address: first, mac: undefined }
  for (const type of ['solicit', 'request'] as const)
    expect(here.decide(message(type, [ia()]))).toEqual({ kind: 'probe', probe })
  here.asksFirst = false // silence
  expect(onlyAddress(here.ask('solicit', [ia()]))).toBe(first)
  expect(onlyAddress(here.ask('request', [ia([first])]))).toBe(first)

  const unasked = new Scene()
  unasked.asksFirst = true
  expect(onlyAddress(unasked.ask('solicit', [ia()]))).toBe(first)
})

test('J04 F25 an address in use goes into quarantine, and the next one is asked for and offered', () => {
  const here = scene([first, macB])
  const offered = onlyAddress(here.ask('solicit', [ia()]))
  expect(offered).not.toBe(first)
  expect([...here.table.quarantined]).toMatchObject([{ duid: host, iaid: 1, mac: macA }])
  here.users.clear() // it is not asked for again
  expect(onlyAddress(here.ask('request', [ia([first])], them))).not.toBe(first)
  expect(onlyAddress(here.ask('request', [ia([offered])]))).toBe(offered)
})

test('J04 what the host itself uses is its own: the leases were lost', () => {
  expect(onlyAddress(scene([first, macA]).ask('solicit', [ia()]))).toBe(first)
})

test('J04 nobody is asked about a lease that lives, nor by a Renew or a Rebind: the host uses the address', () => {
  const here = scene()
  here.ask('request', [ia()])
  here.asksFirst = true
  for (const type of ['solicit', 'request', 'renew', 'rebind'] as const)
    expect(onlyAddress(here.ask(type, [ia([first])]))).toBe(first)
  const lost = scene()
  lost.asksFirst = true
  expect(onlyAddress(lost.ask('renew', [ia([first])]))).toBe(first)
})

test('J04 H08 a host behind a relay is out of reach, and nobody is asked', () => {
  const here = scene()
  here.asksFirst = true
  here.linkLocal = undefined
  expect(onlyAddress(here.ask('solicit', [ia()]))).toBe(first)
})

test('F06 an Advertise that only sets an address aside is no Rapid Commit', () => {
  const here = scene([first, macB])
  const reply = here.ask('solicit', [ia()])
  expect(findOption(reply.options, 'rapid-commit')).toBeUndefined()
  expect(findOption(reply.options, 'preference')).toBeDefined()
})

test('J04 on the wire: a solicitation goes out, the silent host is served after it, the user of the address is named in the log', async () => {
  const scope = scopeOf({ probe: true })
  await using quiet = new Bench(undefined, undefined, { scope })
  quiet.receive([message('solicit', [ia()]), fromA])
  expect(quiet.replies).toEqual([])
  await expect.poll(() => quiet.replies.length, { timeout: 5_000 }).toBe(1)
  const address = onlyAddress(quiet.replies[0]!.message)
  quiet.receive([message('request', [ia([address])]), fromA]) // answered at once: the probe is remembered
  expect(onlyAddress(quiet.replies[1]!.message)).toBe(address)

  await using busy = new Bench(undefined, undefined, { scope })
  busy.present.set(address, macB)
  busy.receive([message('solicit', [ia()]), fromA])
  await expect.poll(() => busy.replies.length, { timeout: 5_000 }).toBe(1)
  expect(onlyAddress(busy.replies[0]!.message)).not.toBe(address)
  expect(busy.lines.map(({ level, text }) => [level, text])).toEqual([
    ['warn', 'a probe found an address in use by another host'],
  ])
  expect(
    busy.store.bindings.quarantineOf(undefined, Number(address & 0xffff_ffff_ffffn), busy.store.now()),
  ).toBeDefined()
})
