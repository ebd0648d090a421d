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
const repeat = 1_000_000
const call = 2_000 // solicitations: each run is a call of its own, since the first makes an answer of the frame

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
]

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
  const answer = onLan(['proxy', 'guard', 'bound'])
  const work = (name: string) => ({ name, unit: 'ns', better: 'less' }) as const
  for (let round = 0; round < rounds; round++) {
    for (const { name, fd, frame } of runs) {
      table.add(work(name), 'ours', testRun(fd, frame, repeat).nanoseconds)
      table.add(work(name), 'TC_ACT_OK alone', testRun(nothing.program('nothing'), frame, repeat).nanoseconds)
    }
    const times = Array.from({ length: call }, () => testRun(answer, frames.asks).nanoseconds)
    table.add(work('LAN, answer a solicitation, with what a single run costs'), 'ours', median(times))
    const idle = Array.from({ length: call }, () => testRun(nothing.program('nothing'), frames.asks).nanoseconds)
    table.add(work('LAN, answer a solicitation, with what a single run costs'), 'TC_ACT_OK alone', median(idle))
  }
  table.save()
  const more = table.median(work(rewrite.name), 'ours') - table.median(work(rewrite.name), 'TC_ACT_OK alone')
  expect(more).toBeLessThanOrEqual(60)
})

// Decides: whether to wait for the attaching. Where programs stand on links directly, each waits for a grace period of RCU.
test('milliseconds to load and attach all', async () => {
  await using path = await Path.create()
  const table = new Table('attach')
  const load = { name: 'load the programs of an overlay and a LAN', unit: 'ms', better: 'less' } as const
  const attach = { name: 'attach the three', unit: 'ms', better: 'less' } as const
  for (let round = 0; round < rounds; round++) {
    const times = await path.attach({ overlay, lan: ['proxy', 'guard', 'bound'] })
    table.add(load, 'ours', times.load)
    table.add(attach, 'ours', times.attach)
  }
  table.save()
  expect(table.median(load, 'ours')).toBeLessThan(50)
})
