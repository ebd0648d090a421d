import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Status } from '../../appliance/http/api.ts'
import { siteOf } from '../../appliance/plane/site.ts'
import { parseNetworkId, parseNodeAddress } from '../../appliance/plane/sixplane.ts'
import { Daemon } from './daemon.ts'
import { DebianMachine } from './debian.ts'
import { Lab } from './lab.ts'
import { run } from './program.ts'
import { until } from './until.ts'

const configuration = `overlay: { kind: static, network: "8056c2e21c000001", node: "11aa22bb33", interface: zt0 }
lan:
  - interface: eth1
`
const { mac: siteMac } = siteOf(parseNetworkId('8056c2e21c000001'), parseNodeAddress('11aa22bb33'))

test('the unit starts, says why it waits, reloads, hands over on restart, and takes everything with it on stop', async () => {
  await using lab = await Lab.create()
  const host = await lab.host('host')
  await using machine = await DebianMachine.boot(
    lab,
    `
    make install DESTDIR="$root" PREFIX=/usr
    printf '%s' '${configuration}' >"$root/etc/siteplane/siteplane.yaml"`,
  )
  const pid = () => machine.property('siteplane', 'MainPID')
  const journal = () => machine.run('journalctl', '--unit', 'siteplane', '--output', 'cat', '--no-pager')
  const table = async () => (await machine.run('ip', '-6', 'route', 'show', 'table', '80').catch(() => '')).trim()
  const status = async () => JSON.parse(await machine.run('siteplane', 'status', '--json')) as { state: string }

  await machine.run('systemctl', 'start', 'siteplane')
  expect(await machine.property('siteplane', 'ActiveState')).toBe('active')
  expect(await machine.property('siteplane', 'User')).toBe('siteplane')
  await until(async () => /zt0/.test(await journal()), 'the journal to say that zt0 is missing')
  expect((await status()).state).toBe('waiting')

  // The interfaces come: it serves.
  await machine.cable('eth1', host.netns, 'eth0')
  await machine.cable('zt0', host.netns, 'peer')
  const address = ['--network', '8056c2e21c000001', '--node', '11aa22bb33', '--json']
  const { mac } = JSON.parse(await machine.run('siteplane', 'address', ...address)) as { mac: string }
  await machine.run('ip', 'link', 'set', 'zt0', 'address', mac, 'up')
  await machine.run('ip', 'link', 'set', 'eth1', 'up')
  await host.setUp('eth0')
  await host.setUp('peer')
  await until(async () => (await status()).state === 'serving', 'the site to be served', 15_000)
  expect(await table()).not.toBe('')
  expect(await machine.run('stat', '-c', '%U:%G %a', '/run/siteplane/api.sock')).toBe('siteplane:siteplane 660\n')

  // A reload keeps the process, a restart keeps the kernel's state.
  const first = await pid()
  await machine.run('systemctl', 'reload', 'siteplane')
  expect(await pid()).toBe(first)
  const before = await table()
  await using monitor = machine.spawn('ip', '-6', 'monitor', 'route', 'rule')
  await machine.run('systemctl', 'restart', 'siteplane')
  await until(async () => (await status()).state === 'serving', 'the site to be served again', 15_000)
  await monitor.stop()
  expect(await pid()).not.toBe(first)
  expect(await table()).toBe(before)
  expect(monitor.lines.filter(line => /^Deleted.*(table 80|proto 80)/.test(line))).toEqual([])

  await machine.run('systemctl', 'stop', 'siteplane')
  expect(await machine.property('siteplane', 'ActiveState')).toBe('inactive')
  expect(await machine.property('siteplane', 'Result')).toBe('success')
  expect(await table()).toBe('')

  // A configuration with mistakes is refused for good, not tried for ever.
  await machine.run('sh', '-c', 'echo "lann: []" >>/etc/siteplane/siteplane.yaml')
  await expect(machine.run('systemctl', 'start', 'siteplane')).rejects.toThrow()
  expect(await machine.property('siteplane', 'ActiveState')).toBe('failed')
  expect(await machine.property('siteplane', 'ExecMainStatus')).toBe('2')
  expect(await journal()).toContain('lann')
}, 400_000) // the first time it makes a Debian, over a network of unknown speed

test('what is installed runs; uninstall takes it away, and leaves the configuration', async () => {
  await using lab = await Lab.create()
  const target = join(lab.folder, 'target')
  const files = async () => (await run('find', target, '-not', '-type', 'd')).trim().split('\n')
  mkdirSync(join(target, 'etc/siteplane'), { recursive: true })
  const configured = join(target, 'etc/siteplane/siteplane.yaml')
  writeFileSync(configured, configuration)
  const cache = join(target, 'var/cache/siteplane') // the unit keeps compiled code there
  mkdirSync(cache, { recursive: true })
  writeFileSync(join(cache, 'compiled'), '')
  await run('make', 'install', `DESTDIR=${target}`, 'PREFIX=/opt/siteplane')
  const wrapper = await run('cat', join(target, 'opt/siteplane/bin/siteplane'))
  expect(wrapper).toContain('exec /opt/siteplane/lib/siteplane/bin/node /opt/siteplane/lib/siteplane/appliance/main.js')
  // It finds its files where it is now.
  const host = await lab.host('router')
  const peer = await lab.host('peer')
  await lab.cable({ host, link: 'eth1' }, { host: peer, link: 'eth1' })
  await lab.cable({ host, link: 'zt0', mac: siteMac }, { host: peer, link: 'zt0' })
  for (const link of ['eth1', 'zt0']) for (const each of [host, peer]) await each.setUp(link)
  const main = join(target, 'opt/siteplane/lib/siteplane/appliance/main.js')
  await host.run('ip', 'address', 'add', '192.168.8.1/24', 'dev', 'eth1')
  const all = `${configuration}    slaac: true\n    ipv4: { address: 192.168.8.1/24 }\n`
  await using daemon = new Daemon(host, { configuration: all, main })
  const { fastPath } = await daemon.serving()
  expect(fastPath.mode).toBe('stateless')
  const isServed = ({ lan: [lan] }: Status) => lan?.ipv4?.state === 'serving' && lan.slaac?.state === 'serving'
  await until(async () => isServed((await daemon.get('/v1/status')) as Status), 'hosts of all kinds to be served')
  await daemon.stop()
  // systemd does not look for units under a prefix of its own.
  expect(await files()).toContain(join(target, 'etc/systemd/system/siteplane.service'))
  await run('make', 'uninstall', `DESTDIR=${target}`, 'PREFIX=/opt/siteplane')
  expect(await files()).toEqual([configured])
})

/** A folder for PATH with an npm that is this shell script. */
function npmThat(lab: Lab, script: string): string {
  const folder = join(lab.folder, 'bin')
  mkdirSync(folder)
  writeFileSync(join(folder, 'npm'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return `PATH=${folder}:${process.env['PATH']}`
}

test('an install that fails half way leaves the product that is there as it is', async () => {
  await using lab = await Lab.create()
  const target = join(lab.folder, 'target')
  const install = ['make', 'install', `DESTDIR=${target}`, 'PREFIX=/usr']
  const home = join(target, 'usr/lib/siteplane')
  const version = () => run(join(home, 'bin/node'), join(home, 'appliance/main.js'), '--version')
  await run(...install)
  const before = await version()
  await expect(run('env', npmThat(lab, 'exit 1'), ...install)).rejects.toThrow('not whole')
  expect(await version()).toBe(before)
})

test('npm runs on the Node that it came with', async () => {
  await using lab = await Lab.create()
  const npm = npmThat(lab, `command -v node >${lab.folder}/node; PATH=\${PATH#*:} exec npm "$@"`)
  await run('env', npm, 'make', 'install', `DESTDIR=${lab.folder}/target`, 'PREFIX=/usr')
  expect(await run('cat', `${lab.folder}/node`)).not.toContain('node_modules')
})
