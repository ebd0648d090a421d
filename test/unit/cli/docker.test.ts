import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DockerHost, planBridge, planNetwork, restart } from '../../../appliance/cli/docker-plan.ts'
import { FakeView, prefixRows, servingStatus } from '../http/view.ts'
import { served } from './served.ts'
import { run } from './terminal.ts'

const prefix = 'fc9c:56c2:e389:e92c:eee5:c0de::/96'
const host = (over: Partial<DockerHost> = {}): DockerHost => ({
  version: '20.10.24',
  file: '/etc/docker/daemon.json',
  present: {},
  forwards: true,
  ...over,
})

describe('what a version of Docker needs', () => {
  const open = (bridge: string) =>
    `every port of every container on ${bridge} is open to all sites by IPv6, published or not`

  test('before 27 two settings, which open everything', () => {
    expect(planBridge(host(), prefix, false)).toEqual({
      settings: { ipv6: true, 'fixed-cidr-v6': prefix },
      notes: [open('docker0')],
    })
    expect(planBridge(host({ present: { bridge: 'br0' } }), prefix, false).notes).toEqual([open('br0')])
  })

  test.for([host({ version: '28.3.1' }), host({ present: { ip6tables: true, experimental: true } })])(
    'where it filters, somebody decides what is opened',
    each => {
      expect(planBridge(each, prefix, false).notes).toEqual([
        `Docker ${each.version} drops what comes to docker0 by IPv6, and sends by the address of this machine; --open adds "ip6tables": false, which opens every port of every container, of all its networks, to all sites; --network NAME is for a network whose published ports alone are open`,
      ])
    },
  )

  test('--open switches the filter off', () => {
    expect(planBridge(host({ version: '28.3.1' }), prefix, true)).toEqual({
      settings: { ipv6: true, 'fixed-cidr-v6': prefix, ip6tables: false },
      notes: [open('docker0')],
    })
  })

  test('a network of its own is routed from 27 on, and a router goes on forwarding', () => {
    const create = `docker network create --ipv6 --subnet ${prefix} -o com.docker.network.bridge.name=web`
    expect(planNetwork(host(), 'web', prefix)).toEqual({ command: `${create} web`, notes: [open('web')] })
    const published =
      'the published ports of containers on web are open to all sites, under the addresses of the containers, which answer pings'
    const routed = `${create} -o com.docker.network.bridge.gateway_mode_ipv6=routed web`
    const elseSo = 'Docker stops this machine from forwarding for anything but its containers'
    const noDrop = `"ip-forward-no-drop": true must be in /etc/docker/daemon.json, and where Docker has started before, ip6tables -P FORWARD ACCEPT once after its restart: else ${elseSo}`
    const policy = `after each start of Docker, ip6tables -P FORWARD ACCEPT: ${elseSo}`
    expect(planNetwork(host({ version: '28.3.1' }), 'web', prefix)).toEqual({
      command: routed,
      notes: [published, noDrop],
    })
    expect(planNetwork(host({ version: '27.5' }), 'web', prefix).notes).toEqual([published, policy])
    expect(planNetwork(host({ version: '28.3.1', forwards: false }), 'web', prefix).notes).toEqual([published])
    const present = { 'ip-forward-no-drop': true }
    expect(planNetwork(host({ version: '28.3.1', present }), 'web', prefix).notes).toEqual([published])
    const nftables = { 'firewall-backend': 'nftables' }
    expect(planNetwork(host({ version: '29.0.0', present: nftables }), 'web', prefix).notes).toEqual([
      published,
      'with nftables Docker makes no network before net.ipv4.ip_forward and net.ipv6.conf.all.forwarding are 1, and switches neither on',
    ])
    const filtering = host({ version: '24.0.5', present: { ip6tables: true } })
    expect(() => planNetwork(filtering, 'web', prefix)).toThrowErrorMatchingInlineSnapshot(
      `[OperatorError: /etc/docker/daemon.json says that ip6tables is true, by which Docker 24.0.5 drops what comes to web by IPv6: take that out first]`,
    )
  })

  describe('what makes Docker take it', () => {
    const address = 'fc9c:56c2:e389:e92c:eee5:c0de:0:1'
    const other = { addresses: ['fe80::1', 'fd00::1'] }
    const standing = { addresses: ['fe80::1', address] }
    const settings = { ipv6: true, 'fixed-cidr-v6': prefix }
    const rules = ['ip6tables-save | grep -vi -e docker | ip6tables-restore', 'ip6tables -P FORWARD ACCEPT']
    const around = (...commands: string[]) => [
      'systemctl stop docker docker.socket',
      ...commands,
      'systemctl start docker',
    ]
    test.for([
      { name: 'a restart, where it has made no bridge', commands: ['systemctl restart docker'] },
      {
        name: 'a restart, where the bridge has IPv4 alone',
        bridge: { addresses: [] },
        commands: ['systemctl restart docker'],
      },
      {
        name: 'another bridge, where it has one of another prefix',
        bridge: other,
        commands: around('ip link delete docker0'),
      },
      {
        name: 'no other bridge, where it is not its own',
        over: { present: { bridge: 'br0' } },
        bridge: other,
        commands: ['systemctl restart docker'],
      },
      {
        name: 'a restart from 28 on',
        over: { version: '28.5.2' },
        bridge: other,
        commands: ['systemctl restart docker'],
      },
      { name: 'nothing, where all is as it shall be', over: { present: settings }, bridge: standing, commands: [] },
      {
        name: 'its rules taken away, where it filtered',
        open: true,
        over: { version: '28.5.2' },
        bridge: other,
        commands: around(...rules),
      },
      {
        name: 'both',
        open: true,
        over: { version: '27.5.1' },
        bridge: other,
        commands: around('ip link delete docker0', ...rules),
      },
      {
        name: 'its rules for a bridge that is not its own',
        open: true,
        over: { version: '28.5.2', present: { bridge: 'br0' } },
        bridge: other,
        commands: around(rules[0]!.replace('docker', 'docker -e br0'), rules[1]!),
      },
      {
        name: 'a restart, where nothing was filtered',
        open: true,
        over: { version: '28.5.2', present: { ip6tables: false } },
        bridge: other,
        commands: ['systemctl restart docker'],
      },
    ])('$name', ({ over = {}, open = false, bridge, commands }) => {
      const docker = host(over)
      expect(restart(docker, planBridge(docker, prefix, open), bridge, address)).toEqual(commands)
    })
  })

  test('what the file says otherwise is not overruled', () => {
    const present = { ipv6: false, 'fixed-cidr-v6': 'fd00::/64' }
    expect(() => planBridge(host({ present }), prefix, false)).toThrowErrorMatchingInlineSnapshot(
      `[OperatorError: /etc/docker/daemon.json says that ipv6 is false, and not true; fixed-cidr-v6 is "fd00::/64", and not "fc9c:56c2:e389:e92c:eee5:c0de::/96": take that out first; the file is as it was]`,
    )
    expect(() => planBridge(host({ present: { bridge: 'none' } }), prefix, false)).toThrowErrorMatchingInlineSnapshot(
      `[OperatorError: /etc/docker/daemon.json says bridge is "none": --network NAME is for a network of its own]`,
    )
  })
})

describe('siteplane docker', () => {
  let folder: string
  let file: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'siteplane-docker-'))
    file = join(folder, 'daemon.json')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function daemon(view: FakeView) {
    const api = await served(folder, view)
    return {
      docker: (...args: string[]) => run('docker', '--socket', api.socket, '--file', file, ...args),
      [Symbol.asyncDispose]: () => api[Symbol.asyncDispose](),
    }
  }

  test('writes what is missing, keeps the rest with its mode and its indent, and leaves nothing else behind', async () => {
    const view = new FakeView()
    await using site = await daemon(view)
    const real = join(folder, 'real.json')
    writeFileSync(real, '{\n    "dns": []\n}\n', { mode: 0o600 })
    symlinkSync(real, file)
    const before = await site.docker('--docker-version', '20.10')
    expect(before).toMatchObject({ status: 0, err: '' })
    expect(before.out).toContain('--write puts it there')
    expect(readFileSync(real, 'utf8')).toBe('{\n    "dns": []\n}\n')
    const { out, status } = await site.docker('--docker-version', '20.10', '--write')
    expect([status, out]).toEqual([
      0,
      `the containers on docker0 have fc9c:56c2:e389:e92c:eee5:c0de:1:0/112
${file} says:
  {
    "ipv6": true,
    "fixed-cidr-v6": "fc9c:56c2:e389:e92c:eee5:c0de:1:0/112"
  }
then:
  systemctl restart docker
note: every port of every container on docker0 is open to all sites by IPv6, published or not
`,
    ])
    expect(readFileSync(real, 'utf8')).toBe(
      '{\n    "dns": [],\n    "ipv6": true,\n    "fixed-cidr-v6": "fc9c:56c2:e389:e92c:eee5:c0de:1:0/112"\n}\n',
    )
    expect(statSync(real).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).sort()).toEqual(['api.sock', 'daemon.json', 'real.json'])
    expect(view.asked).toEqual([
      { name: 'docker', interface: 'docker0' },
      { name: 'docker', interface: 'docker0' },
    ])
  })

  test('without LANs all of the site is for containers, and what was allocated before stays', async () => {
    const view = new FakeView()
    view.current = { ...servingStatus, lan: [] }
    await using site = await daemon(view)
    await site.docker('--docker-version', '20.10')
    expect(view.asked).toEqual([{ name: 'docker', interface: 'docker0', length: 80 }])
    view.prefixRows = [{ ...prefixRows[1]!, name: 'docker', interface: 'docker0' }]
    const { out } = await site.docker('--docker-version', '20.10', '--json')
    expect(JSON.parse(out)).toMatchObject({ prefix: prefixRows[1]!.prefix, written: false })
    expect(view.asked).toHaveLength(1)
  })

  test('refuses to write what it can not stand for, and says why', async () => {
    const view = new FakeView()
    await using site = await daemon(view)
    expect(await site.docker('--docker-version', '28', '--write')).toMatchObject({
      status: 1,
      err: expect.stringContaining('Docker 28 drops what comes to docker0'),
    })
    expect(view.asked).toEqual([]) // nothing is allocated for it
    const { out } = await site.docker('--docker-version', '28')
    expect([out.includes('--write'), out.includes('systemctl')]).toEqual([false, false])
    writeFileSync(file, '{"ipv6": true,}')
    expect(await site.docker('--docker-version', '20.10', '--write')).toMatchObject({
      status: 1,
      err: expect.stringContaining(`${file} is no JSON: `),
    })
    expect(await site.docker('--docker-version', '20.10', '--write', '--network', 'web')).toMatchObject({
      status: 1,
      err: 'siteplane: --write is for the default bridge: what a network has is not in the file\n',
    })
  })
})
