import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { Programs } from '../../appliance/fastpath/attach.ts'
import type { Feature } from '../../appliance/fastpath/instance.ts'
import { BpfObject } from '../../appliance/system/libbpf.ts'
import { at, lan, packet, peer, site, solicitation } from '../bpf/frames.ts'
import { testRun } from '../bpf/test-run.ts'
import { Path } from './path.ts'
import { rounds } from './rounds.ts'
import { median, Table } from './table.ts'

const overlay: readonly Feature[] = ['rewrite', 'emulate', 'proxy', 'guard', 'count', 'bound']
const host = at(site, 0x1234n)
const theirs = at(peer, 9n)
const frames = {
  out: packet({ from: site.mac, source: host, destination: theirs }),
  in: packet({ from: peer.mac, to: site.mac, source: theirs, destination: host }),
  lan: packet({ from: lan.host, to: lan.mac, source: host, destination: theirs }),
  asks: solicitation({ target: theirs, from: lan.host, source: host }),
}
const calls = 2_000 // each run is a call of its own: after the first the frame is an answer, has its MAC and is counted

const programs = new Programs()
const onOverlay = (features: readonly Feature[], point: 'ingress' | 'egress') =>
  programs.load({ kind: 'overlay', site, features, subnets: [] }, point).fd
const onLan = (features: readonly Feature[]) =>
  programs.load({ kind: 'lan', site, ...lan, overlay: undefined, subnets: [], features }, 'ingress').fd

const rewrite = { name: 'egress, rewrite alone', fd: onOverlay(['rewrite'], 'egress'), frame: frames.out }
const runs = [
  rewrite,
  { name: 'egress, rewrite and guard', fd: onOverlay(['rewrite', 'guard'], 'egress'), frame: frames.out },
  { name: 'egress, all', fd: onOverlay(overlay, 'egress'), frame: frames.out },
  { name: 'ingress, guard', fd: onOverlay(['guard'], 'ingress'), frame: frames.in },
  { name: 'ingress, all', fd: onOverlay(overlay, 'ingress'), frame: frames.in },
  { name: 'LAN, all', fd: onLan(['proxy', 'guard', 'bound']), frame: frames.lan },
  { name: 'LAN, answer a solicitation', fd: onLan(['proxy', 'guard', 'bound']), frame: frames.asks },
]

/** The median, with what a single run costs. */
const once = (fd: number, frame: Uint8Array): number =>
  median(Array.from({ length: calls }, () => testRun(fd, frame).nanoseconds))

// Decides: where a nanosecond can still be saved. The hook that calls a program costs more than the program.
test('nanoseconds of a run of each program', () => {
  using nothing = new BpfObject({
    name: 'a program that does nothing',
    code: readFileSync('build/bench/sink.bpf.o'),
    programs: ['nothing'],
    constants: undefined,
    entries: {},
    shared: {},
  })
  const table = new Table('programs')
  const work = (name: string) => ({ name, unit: 'ns', better: 'less' }) as const
  for (let round = 0; round < rounds; round++) {
    for (const { name, fd, frame } of runs) {
      table.add(work(name), 'ours', once(fd, frame))
      table.add(work(name), 'TC_ACT_OK alone', once(nothing.program('nothing'), frame))
    }
  }
  table.save()
  const more = table.median(work(rewrite.name), 'ours') - table.median(work(rewrite.name), 'TC_ACT_OK alone')
  expect(more).toBeLessThanOrEqual(60)
})

// Decides: how programs get onto links. Directly each costs a grace period of RCU, one after the other; as classifiers all work at once.
test('milliseconds until all programs work, from nothing', async () => {
  const table = new Table('attach')
  const work = (name: string) => ({ name, unit: 'ms', better: 'less' }) as const
  const effect = work('load the programs of an overlay and a LAN, until all work')
  for (let round = 0; round < rounds; round++) {
    await using path = await Path.create() // links that never had one
    const times = await path.attach({ overlay, lan: ['proxy', 'guard', 'bound'] })
    table.add(work('of that, load'), 'ours', times.load)
    table.add(effect, 'ours', times.effect)
    table.add(work('after it, move them to where they cost less'), 'ours', times.moves)
    table.add(work('of that, the longest while without anything else'), 'ours', times.held)
  }
  table.save()
  expect(table.median(effect, 'ours')).toBeLessThan(50)
})
