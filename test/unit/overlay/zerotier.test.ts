import { execFile } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { systemClock } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { parseMac } from '../../../appliance/base/mac.ts'
import { visit } from '../../../appliance/overlay/local-api.ts'
import type { OverlayReport } from '../../../appliance/overlay/overlay.ts'
import { ZerotierOverlay } from '../../../appliance/overlay/zerotier.ts'
import { type Site, siteOf } from '../../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../../appliance/plane/sixplane.ts'
import { recordedMember } from './facts.ts'
import { FakeService } from './service.ts'

const network = parseNetworkId('610252ad3bc0ffee')

test('the local API is asked with the token for the status and the network', async () => {
  await using service = await FakeService.start()
  expect(await visit(service.home, network)).toMatchObject({
    kind: 'answered',
    status: { address: 'be3ff01c29', version: '1.14.1', online: true },
    member: { status: 'OK', portDeviceName: 'ztzq4zeuwv', assignedAddresses: ['fc5a:c2ad:43be:3ff0:1c29::1/40'] },
  })
  expect(service.asked.toSorted()).toEqual(['/network/610252ad3bc0ffee', '/status'])
})

test('a network that the node has not joined is no error', async () => {
  await using service = await FakeService.start()
  service.member = undefined
  expect(await visit(service.home, network)).toMatchObject({ kind: 'answered', member: undefined, remembered: false })
})

test('one that it has joined without getting an interface is another matter', async () => {
  await using service = await FakeService.start()
  service.member = undefined
  service.remember(true)
  expect(await visit(service.home, network)).toMatchObject({ kind: 'answered', member: undefined, remembered: true })
})

test('port and token are read anew each time', async () => {
  await using service = await FakeService.start()
  service.write('authtoken.secret', 'an-old-token\n')
  expect(await visit(service.home, network)).toMatchObject({
    kind: 'bad-token',
    reason: expect.stringContaining('refuses'),
  })
  service.write('authtoken.secret', 'a-token\n')
  expect((await visit(service.home, network)).kind).toBe('answered')
  await service.stop()
  await service.listen()
  expect((await visit(service.home, network)).kind).toBe('answered')
})

test('each obstacle has a name and a sentence that says what to do', async () => {
  await using service = await FakeService.start()
  const { home } = service
  const found = async () => {
    const result = await visit(home, network)
    return result.kind === 'answered' ? result.kind : `${result.kind}: ${result.reason}`
  }
  const port = await readFile(`${home}/zerotier-one.port`, 'utf8')

  service.write('authtoken.secret', '')
  expect(await found()).toBe(
    `bad-token: ${home}/authtoken.secret does not hold a token: remove it and systemctl restart zerotier-one`,
  )
  service.remove('authtoken.secret')
  expect(await found()).toBe(
    `bad-token: ZeroTier's token ${home}/authtoken.secret is missing: systemctl restart zerotier-one`,
  )
  service.write('authtoken.secret', 'a-token')

  service.instead = response => void response.end('<html>')
  expect(await found()).toBe(`no-service: what answers on 127.0.0.1:${port} is not ZeroTier`)
  service.instead = response => void response.end('{"address":7}')
  expect(await found()).toContain(
    `no-service: what answers on 127.0.0.1:${port} is not ZeroTier, or not one that we know`,
  )
  service.instead = undefined
  service.member = { ...recordedMember, portDeviceName: '../all' } // would be a part of paths
  expect(await found()).toContain('is not ZeroTier, or not one that we know')
  service.instead = response => void response.writeHead(404).end()
  expect(await found()).toBe(`no-service: what answers on 127.0.0.1:${port} is not ZeroTier`)
  service.instead = response => void response.writeHead(500).end()
  expect(await found()).toBe(`no-service: ZeroTier's local API on port ${port} answers with status 500`)
  service.instead = response => void response.destroy()
  expect(await found()).toMatch(/^no-service: ZeroTier's local API can't be asked: /)
  service.instead = response => void response.end('x'.repeat(2 << 20))
  expect(await found()).toBe('no-service: an answer too long to be ZeroTier')
  service.instead = undefined
  service.member = recordedMember
  expect(await found()).toBe('answered')

  await service.stop()
  expect(await found()).toBe(`no-service: nothing answers on 127.0.0.1:${port}: systemctl restart zerotier-one`)
  service.write('zerotier-one.port', 'nine')
  expect(await found()).toBe(
    `no-service: ${home}/zerotier-one.port does not hold a port number: systemctl restart zerotier-one`,
  )
  service.remove('zerotier-one.port')
  expect(await found()).toBe(
    `no-service: ZeroTier does not run (no ${home}/zerotier-one.port): systemctl start zerotier-one`,
  )
  await service.listen()
})

test('a service that never answers, or an octet at a time, is given up', async () => {
  await using service = await FakeService.start()
  let drip: NodeJS.Timeout | undefined
  service.instead = response => {
    response.writeHead(200)
    drip = setInterval(() => response.write(' '), 100)
  }
  const began = performance.now()
  expect(await visit(service.home, network)).toMatchObject({
    kind: 'no-service',
    reason: expect.stringContaining('in time'),
  })
  expect(performance.now() - began).toBeLessThan(4_000)
  clearInterval(drip)
})

/** Asks in a process of its own that is nobody's, since root may read every file. */
async function visitAsNobody(home: string): Promise<unknown> {
  const script = `
    import { visit } from ${JSON.stringify(import.meta.resolve('../../../appliance/overlay/local-api.ts'))}
    if (process.getuid() === 0) process.setuid(65534)
    const reason = await visit(${JSON.stringify(home)}, ${network}n)
    console.log(JSON.stringify({ user: process.getuid(), ...reason }))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script])
  return JSON.parse(stdout)
}

test('a token that we may not read says which command lets us', async () => {
  await using service = await FakeService.start()
  chmodSync(service.home, 0o755)
  const file = `${service.home}/authtoken.secret`
  chmodSync(file, 0)
  const user = process.getuid!() || 65534
  expect(await visitAsNobody(service.home)).toEqual({
    user,
    kind: 'bad-token',
    reason: `${file} may not be read by user ${user}: give the service CAP_DAC_READ_SEARCH, or setfacl -m u:${user}:r ${file}`,
  })
})

/** An overlay that runs until the end of the test. */
async function watching(home: string, pace = { waiting: 10, settled: 10 }, recalled?: Site) {
  const overlay = new ZerotierOverlay({ home, network, recalled, clock: systemClock, log: silentLog, pace })
  const abort = new AbortController()
  const changes: OverlayReport[] = []
  overlay.onChange(report => changes.push(report))
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const ended = overlay.run(abort.signal, resolve)
  await ready
  return {
    overlay,
    changes,
    async [Symbol.asyncDispose]() {
      abort.abort()
      await ended
    },
  }
}

test('the watcher is ready after its first visit and tells each change once', async () => {
  await using service = await FakeService.start()
  service.member = { ...recordedMember, status: 'REQUESTING_CONFIGURATION' }
  await using watch = await watching(service.home)
  expect(watch.overlay.report().state).toBe('unauthorised')
  const since = watch.overlay.since()

  service.member = recordedMember
  await expect.poll(() => watch.overlay.report().state).toBe('ok')
  expect(watch.overlay.since()).toBeGreaterThan(since)
  expect(watch.overlay.report().site?.sitePrefix.length).toBe(80)

  await service.stop()
  await expect.poll(() => watch.overlay.report().state).toBe('no-service')
  await service.listen()
  await expect.poll(() => watch.overlay.report().state).toBe('ok')
  // A service that goes away may first break a connection and then refuse one: two reasons, one state.
  const states = watch.changes.map(({ state }) => state)
  expect(states.filter((state, i) => state !== states[i - 1])).toEqual(['unauthorised', 'ok', 'no-service', 'ok'])
})

test('links count at once, without a visit', async () => {
  await using service = await FakeService.start()
  await using watch = await watching(service.home, { waiting: 60_000, settled: 60_000 })
  const link = { name: 'ztzq4zeuwv', index: 9, mac: parseMac('ee:41:ff:cb:b1:7b'), up: true, carrier: true, mtu: 2800 }
  watch.overlay.update([])
  expect(watch.overlay.report().state).toBe('no-interface')
  watch.overlay.update([link])
  expect(watch.overlay.report().state).toBe('ok')
  watch.overlay.update([{ ...link, up: false }])
  expect(watch.overlay.report().state).toBe('down')
})

test.for([
  { name: 'a token that is refused', state: 'bad-token', file: 'authtoken.secret', text: 'another' },
  { name: 'a service that does not answer', state: 'no-service', file: 'zerotier-one.port', text: '1' },
])(
  '$name from the start on: as whom the interface stands, that node carries packets',
  async ({ state, file, text }) => {
    await using service = await FakeService.start()
    service.write(file, text)
    const recalled = siteOf(network, parseNodeAddress('be3ff01c29'))
    await using watch = await watching(service.home, { waiting: 60_000, settled: 60_000 }, recalled)
    const link = { name: 'ztzq4zeuwv', index: 9, mac: recalled.mac, up: true, carrier: true, mtu: 2800 }
    watch.overlay.update([link])
    const passing = { state, carries: true, site: recalled, interface: 'ztzq4zeuwv' }
    expect(watch.overlay.report()).toMatchObject(passing)
    const others = [{ carrier: false }, { ipv6: false }, { mac: parseMac('02:00:00:00:00:01') }]
    for (const links of [[], ...others.map(change => [{ ...link, ...change }])]) {
      watch.overlay.update(links)
      expect(watch.overlay.report()).toMatchObject({ state, carries: false })
    }
  },
)

test('a link that is made anew is news of the service, though it looks the same', async () => {
  await using service = await FakeService.start()
  await using watch = await watching(service.home, { waiting: 60_000, settled: 60_000 })
  const link = { name: 'ztzq4zeuwv', index: 9, mac: parseMac('ee:41:ff:cb:b1:7b'), up: true, carrier: true, mtu: 2800 }
  watch.overlay.update([link])
  await expect.poll(() => service.asked.length).toBe(4)
  service.member = { ...recordedMember, status: 'ACCESS_DENIED' }
  watch.overlay.update([{ ...link, index: 10 }])
  await expect.poll(() => watch.overlay.report().state).toBe('denied')
})

test('refresh asks now, also when it comes during a visit', async () => {
  await using service = await FakeService.start()
  await using watch = await watching(service.home, { waiting: 60_000, settled: 60_000 })
  service.member = { ...recordedMember, status: 'ACCESS_DENIED' }
  watch.overlay.refresh()
  await expect.poll(() => watch.overlay.report().state).toBe('denied')

  service.asked.length = 0
  watch.overlay.refresh()
  await expect.poll(() => service.asked.length).toBe(2)
  watch.overlay.refresh()
  await expect.poll(() => service.asked.length).toBe(4)
})

test('it stops at once in the middle of a visit', async () => {
  await using service = await FakeService.start()
  const watch = await watching(service.home)
  service.instead = () => {}
  const before = service.asked.length
  await expect.poll(() => service.asked.length).toBeGreaterThan(before)
  const began = performance.now()
  await watch[Symbol.asyncDispose]()
  expect(performance.now() - began).toBeLessThan(500)
})
