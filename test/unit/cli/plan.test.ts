import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { run } from './terminal.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-plan-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function config(lan: string): string {
  const file = join(folder, 'siteplane.yaml')
  const overlay = 'overlay: {kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}'
  writeFileSync(file, `${overlay}\nlan:\n${lan}`)
  return file
}

const left = '  - {interface: eth1, advertise: off, dhcpv6: off}\n'
const plan = (format: string, ...more: readonly string[]) => run('plan', '--format', format, ...more)

describe('radvd', () => {
  test('has a block for each LAN, and nothing else to be done where the configuration leaves it to others', async () => {
    const both = `${left}  - {interface: eth2, subnet: 3, advertise: off, dns: {servers: ["fd00::53"], search: [home.example]}}\n`
    const { status, out } = await plan('radvd', '--config', config(both))
    expect(status).toBe(0)
    expect(out).not.toContain('must say')
    const blocks = out.split(/^(?=interface )/m).slice(1)
    expect(blocks.map(block => block.match(/prefix \S+|interface \S+|RDNSS \S+|DNSSL \S+/g))).toEqual([
      ['interface eth1', 'prefix fc9c:56c2:e389:e92c:eee5::/80', 'prefix fc9c:56c2:e300::/40'],
      [
        'interface eth2',
        'prefix fc9c:56c2:e389:e92c:eee5:8300::/88',
        'prefix fc9c:56c2:e300::/40',
        'RDNSS fd00::53',
        'DNSSL home.example',
      ],
    ])
  })

  test('says what the configuration must say where siteplane advertises itself', async () => {
    const { out } = await plan('radvd', '--config', config('  - interface: eth1\n'), '--json')
    expect(JSON.parse(out)).toMatchObject({
      format: 'radvd',
      site: 'fc9c:56c2:e389:e92c:eee5::/80',
      notes: ['siteplane.yaml must say advertise: off for eth1, where siteplane advertises itself'],
      configuration: expect.stringMatching(/^interface eth1 \{/),
    })
  })
})

test('of a LAN in several networks one is printed, with the reservations of each as they are there', async () => {
  const file = join(folder, 'siteplane.yaml')
  writeFileSync(
    file,
    `overlays:
  - {name: office, kind: static, network: 8056c2e21c000001, node: 89e92ceee5, interface: zt0}
  - {name: plant, kind: static, network: 610252ad3bc0ffee, node: 89e92ceee5, interface: zt1}
lan:
  - interface: eth1
    subnet: 3
    overlays: [office, plant]
    advertise: {managed: true}
    dhcpv6: off
    reservations:
      - {hwAddress: "02:00:00:00:00:11", ipAddresses: ["fc9c:56c2:e389:e92c:eee5:8300:0:11", "fc5a:c2ad:4389:e92c:eee5:8300:0:11"]}
`,
  )
  const { out } = await plan('kea', '--config', file, '--network', '610252ad3bc0ffee', '--json')
  const { site, notes, configuration } = JSON.parse(out)
  expect(site).toBe('fc5a:c2ad:4389:e92c:eee5::/80')
  expect(notes).toEqual([
    'eth1 is in several networks, and this is its part of one: put those of each together, by --config FILE --network 8056c2e21c000001 and 610252ad3bc0ffee',
  ])
  expect(configuration.match(/fc\S+:11(?=")/g)).toEqual(['fc5a:c2ad:4389:e92c:eee5:8300:0:11'])
})

describe('Kea', () => {
  test('has the dynamic range, the lifetimes and the reservations of the LAN, and names what it has not', async () => {
    const lan = `  - interface: eth1
    advertise: {managed: true}
    dhcpv6: {lifetimes: {preferred: 600, valid: 1200}}
    ntp: {servers: ["fd00::123"]}
    reservations:
      - {hwAddress: "02:00:00:00:00:11", hostname: printer, ipAddresses: ["::11"]}
      - {duid: "00:03:00:01:02:00:00:00:00:12", ipAddresses: ["::12"]}
      - {hostname: nas, ipAddresses: ["::13"]}
`
    const { out } = await plan('kea', '--config', config(lan), '--json')
    const { notes, configuration } = JSON.parse(out)
    expect(notes).toEqual([
      'siteplane.yaml must say dhcpv6: off for eth1, where siteplane has a server itself',
      'not in it, of eth1: 1 reservations that kea has no words for, ntp',
    ])
    expect(JSON.parse(configuration).Dhcp6.subnet6).toEqual([
      {
        id: 1,
        subnet: 'fc9c:56c2:e389:e92c:eee5::/80',
        interface: 'eth1',
        pools: [{ pool: 'fc9c:56c2:e389:e92c:eee5:0:1:0 - fc9c:56c2:e389:e92c:eee5:7fff:ffff:ffff' }],
        'preferred-lifetime': 600,
        'valid-lifetime': 1200,
        'renew-timer': 300,
        'rebind-timer': 480,
        'option-data': [],
        reservations: [
          { 'hw-address': '02:00:00:00:00:11', hostname: 'printer', 'ip-addresses': ['fc9c:56c2:e389:e92c:eee5::11'] },
          { duid: '00:03:00:01:02:00:00:00:00:12', 'ip-addresses': ['fc9c:56c2:e389:e92c:eee5::12'] },
        ],
      },
    ])
  })

  test('hosts must be told to ask', async () => {
    const { out } = await plan('kea', '--config', config('  - {interface: eth1, dhcpv6: off}\n'))
    expect(out).toContain(
      '// siteplane.yaml must say advertise: {managed: true} for eth1: hosts ask for addresses only then\n',
    )
  })
})

test('dnsmasq has range, options and reservations, and says what address the machine needs', async () => {
  const lan = `  - {interface: eth1, advertise: off, dhcpv6: off, dns: {servers: ["fd00::53"]}, reservations: [{hwAddress: "02:00:00:00:00:11", ipAddresses: ["::11"]}]}\n`
  const { out } = await plan('dnsmasq', '--config', config(lan))
  expect(out.split('\n').slice(1)).toEqual([
    'interface=eth1',
    'dhcp-range=set:eth1,fc9c:56c2:e389:e92c:eee5:0:1:0,fc9c:56c2:e389:e92c:eee5:7fff:ffff:ffff,80,86400',
    'dhcp-option=tag:eth1,option6:dns-server,[fd00::53]',
    'dhcp-host=02:00:00:00:00:11,[fc9c:56c2:e389:e92c:eee5::11]',
    '# dnsmasq serves a prefix that this machine has an address in:',
    '# ip -6 address add fc9c:56c2:e389:e92c:eee5::2/80 dev eth1',
    '# ip -6 route add fc9c:56c2:e300::/40 via fc9c:56c2:e389:e92c:eee5::1',
    '',
  ])
})

test('networkd has the prefix that holds the other one too, and the way for the machine itself', async () => {
  const { out } = await plan('networkd', '--config', config(left))
  const keys = out.split('\n').filter(line => /^(Name|Prefix|Address|Destination|Gateway|Managed)=/.test(line))
  expect(keys).toEqual([
    'Name=eth1',
    'Address=fc9c:56c2:e389:e92c:eee5::2/80',
    'Destination=fc9c:56c2:e300::/40',
    'Gateway=fc9c:56c2:e389:e92c:eee5::1',
    'Managed=yes',
    'Prefix=fc9c:56c2:e300::/40',
  ])
})

describe('which LAN', () => {
  const numbers = ['--network', '8056c2e21c000001', '--node', '89e92ceee5']
  const two = `${left}  - {interface: eth2, subnet: 3}\n  - {interface: eth2, subnet: 4, relay: {address: "::2"}}\n`

  test('of two numbers, on an interface that is named', async () => {
    const { out } = await plan('radvd', ...numbers, '--interface', 'br-lan')
    expect(out).toContain('interface br-lan {')
    expect((await plan('radvd', ...numbers)).err).toBe(
      "siteplane: --interface NAME must say what the LAN's interface is called\n",
    )
  })

  test('one of the configuration, by another name', async () => {
    const { out } = await plan('radvd', '--config', config(two), '--lan', 'eth2', '--interface', 'lan0')
    expect(out.match(/^interface .*|^ {2}prefix .*\/88/gm)).toEqual([
      'interface lan0 {',
      '  prefix fc9c:56c2:e389:e92c:eee5:8300::/88',
    ])
  })

  test.for([
    { more: ['--lan', 'eth7'], why: 'there is no LAN on eth7: eth1, eth2' },
    { more: ['--interface', 'lan0'], why: '--interface is for one LAN: --lan says which' },
  ])('is one sentence where it can not be: $why', async ({ more, why }) => {
    expect(await plan('radvd', '--config', config(two), ...more)).toEqual({
      status: 1,
      out: '',
      err: `siteplane: ${why}\n`,
    })
  })
})

test('a program that is not known is an error that names those that are', async () => {
  const { status, err } = await plan('bird', '--config', config(left))
  expect(status).toBe(1)
  expect(err).toContain('Allowed choices are radvd, kea, dnsmasq, networkd')
})
