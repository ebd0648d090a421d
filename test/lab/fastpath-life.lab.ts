/** The fast path outlives its process, and comes back with its link. `FLOW_KILLS` and `FLOW_SECONDS` make the flow as long as wanted. */
import { expect, test } from 'vitest'
import type { Daemon } from './daemon.ts'
import { Flow } from './flow.ts'
import { type Site, TwoSites } from './sites.ts'
import { until } from './until.ts'

const rate = 10_000
const kills = Number(process.env['FLOW_KILLS'] ?? 1)
const seconds = Number(process.env['FLOW_SECONDS'] ?? 0) // that the flow lasts at least, between two kills
const slack = 4_000 // a busy machine is late

/** Two sites with a daemon each, a host with an address on either side, and one that has said a word once and then only listens. */
async function serve(sites: TwoSites) {
  const { a, b } = sites
  const near = a.start()
  const other = b.start()
  await Promise.all([near.serving(), other.serving()])
  await a.settle(a.hosts[0], 0xa1n)
  const [quiet, theirs] = await Promise.all([a.settle(a.hosts[1], 0xa2n), b.settle(b.hosts[0], 0xb1n)])
  for (const host of a.hosts) await host.reaches(theirs)
  return { near, other, quiet, theirs }
}

const ends = {
  'a hand-over (SIGUSR2)': (daemon: Daemon) => daemon.handOver(),
  'kill -9': (daemon: Daemon) => daemon.kill(),
} as const

test.for(Object.entries(ends))(
  `%s and a start during a flow of ${rate} packets a second, with a tenth of it back, to a host that only listens: none is lost`,
  { timeout: 60_000 + kills * (seconds + 10) * 2_000 },
  async ([, end], { annotate }) => {
    await using sites = await TwoSites.create()
    const { a, b } = sites
    const { near, other, quiet, theirs } = await serve(sites)
    await using _ = other
    let daemon = near
    await using out = await Flow.start(a.hosts[0], b.hosts[0], theirs, rate)
    await using back = await Flow.start(b.hosts[0], a.hosts[1], quiet, rate / 10)
    for (let kill = 0; kill < kills; kill++) {
      await out.goesOn((seconds * rate) / 2)
      await end(daemon)
      await Promise.all([out.goesOn(rate / 10), back.goesOn(rate / 100)]) // nobody is at home
      daemon = a.start()
      await daemon.serving()
      await out.goesOn((seconds * rate) / 2 + rate / 10)
    }
    const results = [await out.stop(), await back.stop()]
    await daemon.stop()
    await annotate(`${kills} times: ${JSON.stringify(results)}`)
    expect(results.map(({ lost }) => lost)).toEqual([0, 0])
  },
)

/** What is on the overlay's link when all is well. */
async function onTheLink(site: Site): Promise<string> {
  const text = async (...argv: string[]) => (await site.router.run(...argv)).trim()
  const programs = await site.standing('zt0')
  const neighbour = await text('ip', '-6', 'neighbour', 'show', 'fe80::5', 'dev', 'zt0')
  const routes = await text('ip', '-6', 'route', 'show', 'table', '80', 'dev', 'zt0')
  return [...programs, neighbour, routes].join('\n')
}

test('a link of the overlay that was down, was made anew, or had another MAC has all of the fast path back within a second', async ({
  annotate,
}) => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const { near, other, theirs } = await serve(sites)
  await using _ = near
  await using __ = other
  const { router } = a
  const whole = await onTheLink(a)
  expect(whole).toMatch(/zt0 ingress 1\nzt0 egress 1\nfe80::5 lladdr 00:00:5e:00:53:01 PERMANENT.*\n.*via fe80::5/)

  const comesBack = async (what: string, mend: () => Promise<unknown>) => {
    await until(async () => (await onTheLink(a).catch(() => '')) !== whole, 'the fast path to be gone')
    await mend()
    const began = performance.now()
    await until(async () => (await onTheLink(a)) === whole, `the fast path to be back after ${what}`, slack)
    const took = Math.round(performance.now() - began)
    await annotate(`${what}: ${took} ms`)
    await a.hosts[0].reaches(theirs)
  }
  await router.setDown('zt0')
  await comesBack('down and up', () => router.setUp('zt0'))
  await router.ip('link', 'delete', 'zt0')
  await comesBack('a new link', () => a.connectOverlay())
  await router.setDown('zt0')
  await router.ip('link', 'set', 'zt0', 'address', '02:00:00:00:00:77')
  await comesBack('its MAC was put back', async () => {
    await router.setUp('zt0')
    await near.hasStatus(({ overlay }) => overlay.state !== 'ok', 'to see the wrong MAC')
    await router.ip('link', 'set', 'zt0', 'address', a.place.mac)
  })
})

test('a card of the LAN that is taken out and plugged in again has its program back, and its hosts are reached', async ({
  annotate,
}) => {
  await using sites = await TwoSites.create()
  const { a, b } = sites
  const { near, other, quiet } = await serve(sites)
  await using _ = near
  await using __ = other
  const [card] = await a.router.ip<{ address: string }>('link', 'show', 'lan0')
  await a.router.ip('link', 'delete', 'lan0')
  await near.hasStatus(({ lan }) => lan[0]!.state === 'waiting', 'to wait for the card')
  await a.lan.plug({ host: a.router, link: 'lan0', mac: card!.address })
  await a.router.setUp('lan0')
  const began = performance.now()
  const stands = async () => (await a.standing('lan0')).includes('lan0 ingress 1')
  await until(stands, 'the program on the LAN')
  await annotate(`${Math.round(performance.now() - began)} ms, of which the card's link-local address takes most`)
  await b.hosts[0].reaches(quiet)
})

test('a start after a kill -9 puts every program in its place before the old one goes', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  const first = a.start()
  await first.serving()
  const whole = ['zt0 ingress 1', 'zt0 egress 1', 'lan0 ingress 1', 'lan0 egress 0']
  await until(async () => (await a.standing('zt0', 'lan0')).join() === whole.join(), 'the programs')
  await first.kill()
  await using second = a.start()
  await second.serving()
  expect(await a.standing('zt0', 'lan0')).toEqual(whole)

  const steps = () => second.log.match(/(attach|detach) tcx_\w+ id \d+ dev \w+/g) ?? []
  const places = (what: string) =>
    steps().flatMap(step => (step.startsWith(what) ? step.replace(/^\w+|id \d+/g, '') : []))
  await until(async () => places('detach').length === 3, 'the old ones to go')
  expect(places('attach')).toHaveLength(3)
  expect(places('detach').toSorted()).toEqual(places('attach').toSorted())
  expect(steps().findLastIndex(step => step.startsWith('attach'))).toBeLessThan(
    steps().findIndex(step => step.startsWith('detach')),
  )
})
