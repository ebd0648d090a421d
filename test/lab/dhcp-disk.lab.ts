/** What lies between a lease and its client: the disk. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Daemon } from './daemon.ts'
import { ask, client } from './dhcp-asks.ts'
import { DhcpLan } from './dhcp-lan.ts'
import { network, TwoSites } from './sites.ts'
import { callsOf } from './system-calls.ts'
import { until } from './until.ts'

const lifetimes = { preferred: 3600, valid: 86_400, t1: 1800, t2: 2880 }
const duid = (last: number) => `00:03:00:01:02:00:00:00:00:${last.toString(16).padStart(2, '0')}`

test('F10 the lease file is on disk before the Reply leaves, by the system calls', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const trace = join(lan.router.folder, 'trace')
  const calls = 'trace=recvmmsg,sendmmsg,fdatasync,fsync'
  await using server = await lan.serve({ lifetimes }, [
    'strace',
    '-D',
    '-f',
    '-y',
    '-x',
    '-s',
    '4',
    '-e',
    calls,
    '-o',
    trace,
  ])
  const count = 5
  for (let i = 1; i <= count; i++) await ask(lan.lan.host, duid(i))
  await server.program.stop('SIGTERM')
  const order = callsOf(readFileSync(trace, 'utf8'), '-wal', {
    request: /recvmmsg.*iov_base="\\x03/,
    reply: /^sendmmsg.*iov_base="\\x07/,
  })
  expect(order.filter(call => call === 'reply').length).toBe(count)
  for (const [i, call] of order.entries()) {
    if (call !== 'reply') continue
    const request = order.lastIndexOf('request', i)
    expect(order.slice(request, i), 'between a Request and its Reply').toContain('synced')
  }
})

test('a file system that becomes read-only: it says so and gives no lease that it can not keep', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const { host } = lan.lan
  const { disk, mount } = extOn(lan.router.folder)
  await using server = await lan.serve({ stateDirectory: disk, lifetimes }, mount)
  const address = await ask(host, duid(1))
  // What the kernel does to a file system whose disk fails.
  await lan.router.run('nsenter', `--mount=/proc/${server.program.pid}/ns/mnt`, 'mount', '-o', 'remount,abort', disk)
  await using refused = client(host, 'ask', duid(2), '1')
  const { reasons } = await until(async () => {
    const status = await server.status()
    return status.reasons.length > 0 && status
  }, 'the server to say so')
  expect(reasons).toEqual([expect.stringMatching(/^leases can't be stored in .*leases\.sqlite: .+/)])
  await wait(1_500) // it tries again each second
  expect(refused.lines).toEqual([])
  const { leases, counters } = await server.status()
  expect(leases.map(lease => [lease.duid, lease.address])).toEqual([[duid(1), address]])
  expect(counters.bugs).toBe(0)
  await server.kill()
  await using again = await lan.serve({ stateDirectory: disk, lifetimes }, mount) // the disk is back
  await refused.exited // it is served now, and leaves the port to the next
  expect(await ask(host, duid(1))).toBe(address)
  expect((await again.status()).reasons).toEqual([])
})

test('which site this is can not be kept on disk: hosts are served all the same, and the log says so', async () => {
  await using sites = await TwoSites.create()
  const { a } = sites
  mkdirSync(join(a.router.folder, 'state/site.json/taken'), { recursive: true })
  await using daemon = a.start()
  await daemon.serving()
  expect(daemon.log).toContain('which site this is can not be kept on disk')
  expect(daemon.log).not.toContain('could not bring the router in step')
})

/** A file system of its own in a folder, and the command that mounts it for another: the mount goes with that one. */
function extOn(folder: string): { disk: string; mount: string[] } {
  const disk = join(folder, 'disk')
  const image = join(folder, 'image')
  mkdirSync(disk)
  const make = `[ -e ${image} ] || { truncate -s 8M ${image} && mke2fs -q ${image}; }`
  const script = `${make} && mount -o loop ${image} ${disk} && exec "$@"`
  return { disk, mount: ['unshare', '--mount', 'sh', '-c', script, 'sh'] }
}

test('a file system that is read-only at the start: it says so in one sentence and serves nobody', async () => {
  await using lan = await DhcpLan.create({ advertise: false })
  const disk = join(lan.router.folder, 'disk')
  mkdirSync(disk)
  const overlay = `overlay: { kind: static, network: "${network}", node: 89e92ceee5, interface: zt0 }`
  const configuration = `${overlay}\nlan:\n  - interface: lan0\nstateDirectory: ${disk}`
  const under = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o ro tmpfs ${disk} && exec "$@"`, 'sh']
  await using daemon = new Daemon(lan.router, { configuration, under })
  expect((await daemon.program.exited).status).toBe(1)
  expect(daemon.log).toMatch(/^siteplane: can't open (the lease file )?\S*leases\.db: .*read-only file system.*\n$/)
})
