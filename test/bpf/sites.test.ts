import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { Programs } from '../../appliance/fastpath/attach.ts'
import { reasons } from '../../appliance/fastpath/reasons.ts'
import { readSites, readTraffic } from '../../appliance/fastpath/sites.ts'
import { at, packet, peer, site, siteOfNode, third } from './frames.ts'
import { testRun } from './test-run.ts'

const programs = new Programs()
afterAll(() => programs[Symbol.dispose]())

const features = ['rewrite', 'guard', 'count'] as const
const egress = programs.load({ kind: 'overlay', site, features, subnets: [] }, 'egress').fd
const ingress = programs.load({ kind: 'overlay', site, features, subnets: [] }, 'ingress').fd

const now = () => process.hrtime.bigint()
const out = (node: bigint, octets = 16) =>
  testRun(
    egress,
    packet({ from: site.mac, source: site.address, destination: at(siteOfNode(node), 1n) }, new Uint8Array(octets)),
  )
const row = (node: bigint) => programs.withSites(tables => readSites(tables, now())).find(each => each.node === node)

test('the reasons stand in the order of the programs', () => {
  const header = readFileSync(new URL('../../appliance/fastpath/bpf/count.h', import.meta.url), 'utf8')
  const names = /enum reason \{(.*?)REASONS,/s.exec(header)![1]!.match(/^\t[A-Z_]+(?=,)/gm)!
  expect(names).toHaveLength(reasons.length)
  for (const [i, name] of names.entries())
    expect(name.includes('DROP'), `${name.trim()} is ${reasons[i]}`).toBe(reasons[i]!.includes('drop'))
})

test('counts packets and octets of each site, in and out, and when it was heard', () => {
  for (let i = 0; i < 3; i++) out(peer.node, 100)
  expect(row(peer.node)).toMatchObject({ inPackets: 0, outPackets: 3, outBytes: 3 * 154, heardAt: undefined })
  const before = Number(now()) / 1e6
  testRun(ingress, packet({ from: peer.mac, to: site.mac, source: at(peer, 1n), destination: site.address }))
  const seen = row(peer.node)!
  expect(seen).toMatchObject({ inPackets: 1, inBytes: 70, outPackets: 3, drops: 0 })
  expect(Math.abs(seen.heardAt! - before)).toBeLessThan(1_500)
})

test('a packet that passes two programs at one point, as while one moves, is counted once', () => {
  const before = row(peer.node)!
  const leaving = packet({ from: site.mac, source: site.address, destination: at(peer, 1n) })
  const coming = packet({ from: peer.mac, to: site.mac, source: at(peer, 1n), destination: site.address })
  testRun(egress, leaving, 2)
  testRun(ingress, coming, 2)
  const { outPackets, inPackets } = row(peer.node)!
  expect([outPackets - before.outPackets, inPackets - before.inPackets]).toEqual([1, 1])
})

test('counts what is dropped for the site that sent it, not the one it claims to be', () => {
  testRun(ingress, packet({ from: third.mac, to: site.mac, source: at(peer, 1n), destination: site.address }))
  expect(row(third.node)).toMatchObject({ inPackets: 0, drops: 1, heardAt: undefined })
})

test('keeps ten thousand sites apart', () => {
  const nodes = Array.from({ length: 10_000 }, (_, i) => 0x1000_0000n + BigInt(i))
  for (const node of nodes) out(node)
  const rows = new Map(programs.withSites(tables => readSites(tables, now())).map(each => [each.node as bigint, each]))
  expect(nodes.filter(node => rows.get(node)?.outPackets !== 1)).toEqual([])
})

test('stays within its bounds when there are more sites than rows: who was there goes on, the rest is counted together', () => {
  const rows = programs.siteSets * 8
  const before = readTraffic(programs.traffic)
  out(peer.node)
  const known = row(peer.node)!.outPackets
  const many = Math.floor(rows * 1.5)
  for (let i = 0; i < many; i++) {
    out(0x20_0000_0000n + BigInt(i))
    if (i % 1000 === 0) out(peer.node)
  }
  expect(row(peer.node)?.outPackets).toBe(known + Math.ceil(many / 1000))

  const sites = programs.withSites(tables => readSites(tables, now()))
  expect(sites.filter(site => site.outPackets > 0).length).toBeLessThanOrEqual(rows * programs.cpus)
  const after = readTraffic(programs.traffic)
  expect(after['out.otherPackets']).toBeGreaterThan(before['out.otherPackets'])
  const total = sites.reduce((sum, site) => sum + site.outPackets, 0)
  expect(total + after['out.otherPackets']).toBe(after['out.packets'])
})
