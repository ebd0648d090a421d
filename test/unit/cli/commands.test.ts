import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeView, leaseRows, servingStatus, waitingStatus } from '../http/view.ts'
import { FakeService } from '../overlay/service.ts'
import { served } from './served.ts'
import { run } from './terminal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-cli-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function config(text: string): string {
  const file = join(folder, 'siteplane.yaml')
  writeFileSync(file, text)
  return file
}

const staticConfig = `overlay: {kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}
lan:
  - interface: eth1
  - {interface: eth2, subnet: 3, advertise: {networkOnLink: false}}
  - {interface: eth2, subnet: 4, relay: {address: "::2"}}
`

const daemon = (view: FakeView) => served(folder, view)

describe('siteplane check', () => {
  test('shows no leases of ours where another DHCPv6 server is to give them', async () => {
    const { out } = await run('check', '--config', config(staticConfig.replace('eth1\n', 'eth1\n    dhcpv6: off\n')))
    const [, first, second] = out.split(/^LAN /m)
    expect([first, second].map(text => text?.includes('leases from'))).toEqual([false, true])
  })

  test('prints the plan of a static overlay', async () => {
    const file = config(staticConfig)
    expect(await run('check', '--config', file)).toEqual({
      status: 0,
      err: '',
      out: `${file} is valid

overlay static
  network  8056c2e21c000001   fc9c:56c2:e300::/40
  node     89e92ceee5         fc9c:56c2:e389:e92c:eee5::/80
  router   zt0                fc9c:56c2:e389:e92c:eee5::1/40
  MAC      02:89:e9:30:0c:27
LAN eth1
  prefix         fc9c:56c2:e389:e92c:eee5::/80
  router         fc9c:56c2:e389:e92c:eee5::1/80
  leases from    fc9c:56c2:e389:e92c:eee5:0:1:0
  to             fc9c:56c2:e389:e92c:eee5:7fff:ffff:ffff
  on-link        fc9c:56c2:e389:e92c:eee5::/80, fc9c:56c2:e300::/40
  by the router  fc9c:56c2:e300::/41, fc9c:56c2:e380::/41
LAN eth2
  prefix         fc9c:56c2:e389:e92c:eee5:8300::/88
  router         fc9c:56c2:e389:e92c:eee5:8300:0:1/88
  leases from    fc9c:56c2:e389:e92c:eee5:8300:1:0
  to             fc9c:56c2:e389:e92c:eee5:83ff:ffff:ffff
  on-link        fc9c:56c2:e389:e92c:eee5:8300::/88
  by the router  fc9c:56c2:e300::/40
LAN behind fc9c:56c2:e389:e92c:eee5:8300:0:2 on eth2
  prefix       fc9c:56c2:e389:e92c:eee5:8400::/88
  router       fc9c:56c2:e389:e92c:eee5:8400:0:1/88
  leases from  fc9c:56c2:e389:e92c:eee5:8400:1:0
  to           fc9c:56c2:e389:e92c:eee5:84ff:ffff:ffff
routes in table 80
  fc9c:56c2:e389:e92c:eee5::/80 dev eth1
  fc9c:56c2:e389:e92c:eee5:8300::/88 dev eth2
  fc9c:56c2:e389:e92c:eee5:8400::/88 via fc9c:56c2:e389:e92c:eee5:8300:0:2 dev eth2
  unreachable fc9c:56c2:e389:e92c:eee5:8000::/81
  fc9c:56c2:e300::/40 via fe80::5 dev zt0
  unreachable fc9c:56c2:e300::/80 (no node has it)
  unreachable fc9c:56c2:e3ff::/48 (no node has it)
  unreachable fc9c:56c2:e389:e92c:eee5::/80 (where a LAN is away)
  unreachable fc9c:56c2:e300::/40 (where zt0 is away)
`,
    })
  })

  test('asks ZeroTier who this node is', async () => {
    await using service = await FakeService.start()
    const file = config(`overlay: {network: 610252ad3bc0ffee, home: ${service.home}}\nlan: [{interface: eth1}]`)
    const { status, out } = await run('check', '--config', file, '--json')
    expect(status).toBe(0)
    expect(JSON.parse(out)).toMatchObject({
      file,
      valid: true,
      overlay: {
        node: 'be3ff01c29',
        sitePrefix: 'fc5a:c2ad:43be:3ff0:1c29::/80',
        interface: 'ztzq4zeuwv',
        reason: null,
      },
      lan: [{ interface: 'eth1', routerAddress: 'fc5a:c2ad:43be:3ff0:1c29::1/80' }],
    })
  })

  test('says so when ZeroTier can not be asked, and the file is valid all the same', async () => {
    const home = join(folder, 'none')
    const file = config(`overlay: {network: 610252ad3bc0ffee, home: ${home}}\nlan: [{interface: eth1}]`)
    const { status, out } = await run('check', '--config', file)
    expect(status).toBe(0)
    expect(out).toContain(`now: ZeroTier is not installed (no ${home}): install it, or name its folder as home`)
    expect(out).toContain('node     not known yet')
    expect(out).toContain('routes: known as soon as the node is')
  })

  test('prints five lines with places for five mistakes, and ends with 2', async () => {
    const file = config(`overlay:
  network: 8056c2e21c
lan:
  - interfaec: eth1
    subnet: 64
    dns: {servers: [192.0.2.1]}
fastpath: auto
`)
    const { status, out, err } = await run('check', '--config', file)
    expect([status, out]).toEqual([2, ''])
    expect(err.split('\n')).toEqual([
      `${file}:2:12: overlay.network: 8056c2e21c is not the 16 hex digits of a ZeroTier network id`,
      `${file}:4:5: lan[0].interfaec: unknown key; did you mean interface?`,
      `${file}:5:13: lan[0].subnet: must be at most 63`,
      `${file}:6:21: lan[0].dns.servers[0]: 192.0.2.1 is not an IPv6 address`,
      `${file}:7:1: fastpath: unknown key; did you mean fastPath?`,
      '',
    ])
  })
})

describe('siteplane status', () => {
  test('says the state first', async () => {
    await using server = await daemon(new FakeView())
    expect(await run('status', '--socket', server.socket)).toEqual({
      status: 0,
      err: '',
      out: `serving

overlay zerotier: ok
  network    8056c2e21c000001  fc9c:56c2:e300::/40
  node       89e92ceee5        fc9c:56c2:e389:e92c:eee5::/80
  interface  ztzq4zeuwv
LAN eth1: serving
  prefix    fc9c:56c2:e389:e92c:eee5::/80
  router    fc9c:56c2:e389:e92c:eee5::1
  leases    2
  counters  ra.sent 4
fast path: stateless (the next hop is computed from each packet's address)
  in        12 packets/s, 9.0 kB/s
  out       10 packets/s, 1.2 kB/s
  dropped   forgedSource 3
  counters  rewritten 40

siteplane 0.1.0, up 12 min
`,
    })
  })

  test('says why on the first line, and shows nothing of what a stranger sent raw', async () => {
    const view = new FakeView()
    view.current = waitingStatus
    await using server = await daemon(view)
    const { out } = await run('status', '--socket', server.socket)
    expect(out.split('\n').slice(0, 3)).toEqual([
      'waiting: overlay: ZeroTier does not run',
      '  also: LAN eth1: waits for the link to come up',
      '',
    ])
    expect(out).toContain('other router  fe80::1 (02:00:00:00:00:01): its prefix fc9c::/64 is ours?[31m')
    expect(out).toContain('other DHCPv6  fe80::2: hosts that choose it have no address of the site')
    expect(out).not.toContain('\u001b')
  })

  test('shows the LANs behind relays, and when each relay was last heard', async () => {
    const view = new FakeView()
    const segment = {
      subnet: 5,
      prefix: 'fc9c:56c2:e389:e92c:eee5:8500::/88',
      routerAddress: 'fc9c:56c2:e389:e92c:eee5:8500:0:1',
      relay: 'fe80::2',
      heardAt: '2026-11-24T03:11:30.000Z',
      activeLeases: 7,
    }
    const segments = [segment, { ...segment, relay: 'fe80::3', heardAt: null, activeLeases: 0 }]
    view.current = { ...servingStatus, lan: [{ ...servingStatus.lan[0]!, segments }] }
    await using server = await daemon(view)
    const { out } = await run('status', '--socket', server.socket)
    const lines = out.split('\n').filter(line => line.includes('behind a relay'))
    expect(lines.map(line => line.trim().replace(/ +/g, ' '))).toEqual([
      'behind a relay fc9c:56c2:e389:e92c:eee5:8500::/88 by fe80::2 (heard 30 s ago), leases 7',
      'behind a relay fc9c:56c2:e389:e92c:eee5:8500::/88 by fe80::3 (not heard yet), leases 0',
    ])
  })

  test('is the API as it is with --json', async () => {
    await using server = await daemon(new FakeView())
    const { out } = await run('status', '--json', '--socket', server.socket)
    expect(JSON.parse(out)).toEqual(servingStatus)
  })

  test('finds the socket in the configuration', async () => {
    await using server = await daemon(new FakeView())
    const file = config(`${staticConfig}http: {socket: ${server.socket}}\n`)
    expect((await run('status', '--config', file)).status).toBe(0)
  })
})

describe('siteplane leases', () => {
  test('shows who has what, and leaves out what is over', async () => {
    await using server = await daemon(new FakeView())
    const { out, status } = await run('leases', '--socket', server.socket)
    expect(status).toBe(0)
    expect(out).toBe(`ADDRESS                                  LAN   HOST    STATE  LAST        EXPIRES
fc9c:56c2:e389:e92c:eee5:1234:5678:9abc  eth1  laptop  bound  12 min ago  in 23 h
1 more: expired, released or declined (--all shows them)
`)
  })

  test('shows all with --all, in 100 columns whatever a host calls itself', async () => {
    const view = new FakeView()
    view.rows = leaseRows.map(row => ({ ...row, hostname: '\u001b]0;x\u0007'.repeat(20), interface: 'enp130s0f1np1' }))
    await using server = await daemon(view)
    const { out } = await run('leases', '--all', '--socket', server.socket)
    expect(out).not.toContain('\u001b')
    const lines = out.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(110)
  })

  test('says how many there are besides, where there are too many to show', async () => {
    const view = new FakeView()
    view.leftOut = 7
    await using server = await daemon(view)
    const { out } = await run('leases', '--socket', server.socket)
    expect(out.trimEnd().split('\n').at(-1)).toBe('7 more, of which nothing is shown: there are too many')
  })

  test('I01 shows a delegated prefix with its length', async () => {
    const view = new FakeView()
    const address = 'fc9c:56c2:e389:e92c:eee5:c001::'
    view.rows = leaseRows.slice(0, 1).map(row => ({ ...row, type: 'IA_PD', prefixLength: 96, address }))
    await using server = await daemon(view)
    expect((await run('leases', '--socket', server.socket)).out).toContain(`${address}/96  eth1`)
  })

  test('has a sentence where there are none, and JSON all the same', async () => {
    const view = new FakeView()
    view.rows = []
    await using server = await daemon(view)
    expect((await run('leases', '--socket', server.socket)).out).toBe('no host has a lease\n')
    expect(JSON.parse((await run('leases', '--json', '--socket', server.socket)).out)).toEqual({
      leases: [],
      leftOut: 0,
    })
  })
})

describe('without a daemon', () => {
  test.for(['status', 'leases'])('siteplane %s is one sentence and 1', async command => {
    const socket = join(folder, 'none.sock')
    expect(await run(command, '--socket', socket)).toEqual({
      status: 1,
      out: '',
      err: `siteplane: no siteplane runs here (nothing answers on ${socket}): systemctl start siteplane\n`,
    })
  })

  test('another program on the socket is not taken for one', async () => {
    const socket = join(folder, 'other.sock')
    const other = createServer((_, response) => response.end('hello'))
    await new Promise<void>(resolve => other.listen(socket, resolve))
    const { status, err } = await run('status', '--socket', socket)
    expect([status, err]).toEqual([1, `siteplane: what answers on ${socket} is not siteplane\n`])
    other.closeAllConnections()
    await new Promise(resolve => other.close(resolve))
  })

  test('a configuration that was named and is bad is told', async () => {
    const file = config('overlay: {}')
    expect((await run('status', '--config', file)).status).toBe(2)
  })
})

describe('siteplane address', () => {
  const printed = `network           8056c2e21c000001
node              89e92ceee5
network prefix    fc9c:56c2:e300::/40
site prefix       fc9c:56c2:e389:e92c:eee5::/80
router address    fc9c:56c2:e389:e92c:eee5::1
MAC               02:89:e9:30:0c:27
RFC 4193 prefix   fd80:56c2:e21c:0:199:9300::/88
RFC 4193 address  fd80:56c2:e21c:0:199:9389:e92c:eee5
`

  test('of two numbers', async () => {
    const line = ['address', '--network', '8056c2e21c000001', '--node', '89e92ceee5']
    expect(await run(...line)).toEqual({ status: 0, err: '', out: printed })
    expect(JSON.parse((await run(...line, '--json')).out)).toMatchObject({
      networkPrefix: 'fc9c:56c2:e300::/40',
      sitePrefix: 'fc9c:56c2:e389:e92c:eee5::/80',
      mac: '02:89:e9:30:0c:27',
    })
  })

  test('of the configuration', async () => {
    expect((await run('address', '--config', config(staticConfig))).out).toBe(printed)
  })

  test('of another node of the configured network', async () => {
    const { out } = await run('address', '--node', 'be3ff01c29', '--config', config(staticConfig), '--json')
    expect(JSON.parse(out)).toMatchObject({ network: '8056c2e21c000001', node: 'be3ff01c29' })
  })

  test('of the node that ZeroTier names', async () => {
    await using service = await FakeService.start()
    const file = config(`overlay: {network: 610252ad3bc0ffee, home: ${service.home}}\nlan: [{interface: eth1}]`)
    expect(JSON.parse((await run('address', '--config', file, '--json')).out)).toMatchObject({
      node: 'be3ff01c29',
      mac: 'ee:41:ff:cb:b1:7b',
    })
  })

  test('of a daemon, by its socket', async () => {
    const view = new FakeView()
    await using server = await daemon(view)
    expect((await run('address', '--socket', server.socket)).out).toBe(printed)
    const other = await run('address', '--node', 'be3ff01c29', '--socket', server.socket, '--json')
    expect(JSON.parse(other.out)).toMatchObject({ network: '8056c2e21c000001', node: 'be3ff01c29' })
    const { overlay } = servingStatus
    view.current = { ...servingStatus, overlay: { ...overlay, node: null, reason: 'ZeroTier does not run' } }
    expect(await run('address', '--socket', server.socket)).toEqual({
      status: 1,
      out: '',
      err: "siteplane: this node's address is not known (ZeroTier does not run); --node ADDRESS says it\n",
    })
  })

  test('is one sentence where nobody knows the node', async () => {
    const file = config(`overlay: {network: 610252ad3bc0ffee, home: ${folder}}\nlan: [{interface: eth1}]`)
    const { status, err } = await run('address', '--config', file)
    expect(status).toBe(1)
    expect(err).toMatch(
      /^siteplane: this node's address is not known \(ZeroTier does not run .*\); --node ADDRESS says it\n$/,
    )
  })

  test('refuses what is no id', async () => {
    const { status, err } = await run('address', '--network', '8056')
    expect(status).toBe(1)
    expect(err).toContain('8056 is not the 16 hex digits of a ZeroTier network id')
  })
})

describe('the command line', () => {
  test('has a version', async () => {
    expect(await run('--version')).toEqual({ status: 0, out: '0.1.0\n', err: '' })
  })

  test('every command takes --config and --socket', async () => {
    for (const command of ['check', 'status', 'leases', 'sites', 'address', 'join', 'plan', 'stop']) {
      const { status, out } = await run(command, '--help')
      expect([command, status, out.includes('--config <file>'), out.includes('--socket <path>')]).toEqual([
        command,
        0,
        true,
        true,
      ])
    }
  })

  test('an unknown command is an error with a hint', async () => {
    const { status, err } = await run('statsu')
    expect([status, err.includes("unknown command 'statsu'"), err.includes('Did you mean status?')]).toEqual([
      1,
      true,
      true,
    ])
  })
})
