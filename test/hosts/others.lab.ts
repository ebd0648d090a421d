import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { Client } from '../lab/client.ts'
import type { Daemon } from '../lab/daemon.ts'
import { Host } from '../lab/host.ts'
import { run } from '../lab/program.ts'
import { TwoSites } from '../lab/sites.ts'
import { until } from '../lab/until.ts'
import { rowOf } from './readme.ts'
import { Root } from './root.ts'

/*
 * On the router of site a, each with the lines of README's table:
 *
 *   guest ── bridge ── a ═══ overlay ═══ b ── LAN ── b1
 */

const busybox = fileURLToPath(new URL('../../build/debian/busybox-static/bin/busybox', import.meta.url))

interface Site extends AsyncDisposable {
  readonly sites: TwoSites
  readonly router: Daemon
}

async function serving(): Promise<Site> {
  const sites = await TwoSites.create()
  const daemons = sites.all.map(site => site.start())
  await Promise.all(daemons.map(daemon => daemon.serving()))
  return { sites, router: daemons[0]!, [Symbol.asyncDispose]: () => sites[Symbol.asyncDispose]() }
}

/** Types the first piece of a row, which allocates, and resolves with the rest of it. */
async function allocated({ router }: Site, kind: string): Promise<readonly string[]> {
  const [command] = rowOf(kind)
  const args = command!.split(' ').slice(1)
  const { routerAddress } = JSON.parse(await router.cli(...args, '--json')) as { routerAddress: string }
  return rowOf(kind, routerAddress).slice(1)
}

/** That a guest and a LAN host of the other site reach each other, and that the prefix leads there. */
async function isReached({ sites, router }: Site, guest: Host, address: string): Promise<void> {
  const [far] = sites.b.hosts
  const farAddress = await sites.b.settle(far, 0x7n)
  await far.reaches(address)
  await guest.reaches(farAddress)
  const { prefixes } = (await router.get('/v1/prefixes')) as { prefixes: { state: string }[] }
  expect(prefixes.map(({ state }) => state)).toEqual(['routed'])
}

/** That the next daemon serves its LAN beside a DHCPv6 server for guests that was there first. */
async function isStartedAgain({ sites, router }: Site): Promise<void> {
  await router.stop()
  await using next = sites.a.start()
  await next.serving()
}

/** The address that a DHCPv6 client on the guest's card gets. */
async function leased(guest: Host): Promise<string> {
  new Client(guest, 'dhcpcd')
  return await until(() => guest.globalAddress('eth0', 'fc'), 'a lease of the guest')
}

/** A container in a root, by a process of it, as a computer of the lab. */
async function entered({ sites: { lab } }: Site, root: Root, pid: string): Promise<Host> {
  const guest = new Host('guest', `sp-${lab.id}-guest`, join(lab.folder, 'guest'))
  mkdirSync(guest.folder)
  await run('ip', 'netns', 'attach', guest.netns, String(await root.besides(pid)))
  return guest
}

test.concurrent('a guest of libvirt has a lease and a route by its network', async () => {
  await using site = await serving()
  const { lab, a } = site.sites
  const [file, xml, ...commands] = await allocated(site, 'libvirt')
  const groups = 'for name in libvirt libvirt-qemu kvm; do groupadd -r $name; done'
  await using root = await Root.start(a.router, 'libvirt', `${groups}; useradd -r -g kvm libvirt-qemu`)
  root.spawn('libvirtd')
  await until(() => root.run('virsh', 'uri'), 'libvirt to answer', 60_000)
  writeFileSync(join(a.router.folder, file!), xml!)
  for (const command of commands) await root.type(`cd /host; ${command}`)

  // What libvirt does with the card of a machine.
  const guest = await lab.host('guest')
  await lab.cable({ host: a.router, link: 'vnet0' }, { host: guest, link: 'eth0' })
  await a.router.ip('link', 'set', 'vnet0', 'master', 'virbr1', 'up')
  await guest.setUp('eth0')
  await isReached(site, guest, await leased(guest))
  await isStartedAgain(site)
  await root.run('virsh', 'net-destroy', 'vms')
})

test.concurrent('a container of Incus has a lease and a route by its network', async () => {
  await using site = await serving()
  const { a } = site.sites
  const commands = await allocated(site, 'Incus')
  const prepare =
    'for name in subuid subgid; do echo root:1000000:1000000000 >/etc/$name; done; groupadd -r incus-admin'
  await using root = await Root.start(a.router, 'incus', prepare)
  root.spawn('incusd', '--group', 'incus-admin')
  await until(() => root.run('incus', 'admin', 'waitready', '--timeout', '1'), 'Incus to answer', 60_000)
  const folder = join(a.router.folder, 'image')
  mkdirSync(join(folder, 'rootfs/sbin'), { recursive: true })
  writeFileSync(join(folder, 'metadata.yaml'), 'architecture: x86_64\ncreation_date: 1700000000\n')
  const image = 'for name in bin dev etc proc run sys tmp; do mkdir -p rootfs/$name; done; cp "$1" rootfs/bin/busybox'
  const init =
    'ln -s /bin/busybox rootfs/bin/sh; printf "#!/bin/sh\\nexec /bin/busybox sleep 1000000\\n" >rootfs/sbin/init'
  const pack = 'chmod 755 rootfs/sbin/init; tar -c -z -f ../image.tgz metadata.yaml rootfs'
  await run('env', `--chdir=${folder}`, 'sh', '-euc', `${image}; ${init}; ${pack}`, 'sh', busybox)
  await root.type('incus storage create default dir; incus image import /host/image.tgz --alias IMAGE')
  for (const command of commands) await root.type(`${command} ${command.includes('launch') ? '--storage default' : ''}`)
  const pid = /^PID: (\d+)/m.exec(await root.run('incus', 'info', 'NAME'))![1]
  const guest = await entered(site, root, pid!)
  await guest.setUp('eth0')
  await isReached(site, guest, await leased(guest))
  await isStartedAgain(site)
  await root.run('incus', 'delete', '--force', 'NAME')
})

test.concurrent('a container of LXC has the address of its configuration', async () => {
  await using site = await serving()
  const { a } = site.sites
  const row = await allocated(site, 'LXC')
  await using root = await Root.start(a.router, 'lxc', '')
  for (const command of row.filter(each => !each.startsWith('lxc.'))) await root.type(command)
  const folder = '/var/lib/lxc/web'
  const settings = row.filter(each => each.startsWith('lxc.'))
  settings.push(`lxc.rootfs.path = dir:${folder}/rootfs`, 'lxc.init.cmd = /bin/busybox sleep 1000000')
  writeFileSync(join(a.router.folder, 'config'), `${settings.join('\n')}\n`)
  await run('cp', busybox, join(a.router.folder, 'busybox'))
  const folders = `for name in bin dev etc proc sys; do mkdir -p ${folder}/rootfs/$name; done`
  await root.type(`${folders}; cp /host/config ${folder}; cp /host/busybox ${folder}/rootfs/bin; lxc-start -n web`)
  const pid = (await root.run('lxc-info', '-n', 'web', '--pid', '--no-humanize')).trim()
  const guest = await entered(site, root, pid)
  const address = settings.find(each => each.includes('ipv6.address'))!.replace(/.* (.*)\/96/, '$1')
  await isReached(site, guest, address)
  await root.run('lxc-stop', '--kill', '-n', 'web')
})
