import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtempDisposable } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Programs } from '../../appliance/fastpath/attach.ts'
import { site } from './frames.ts'

const object = readFileSync(new URL('../../appliance/fastpath/fastpath.bpf.o', import.meta.url), 'latin1')
const advice =
  'fastpath.bpf.o is of another build than siteplane: install siteplane again, or run `make setup` in a checkout'

test.for([
  { name: 'lacks a map', from: 'members', to: 'numbers' },
  { name: 'lacks a program', from: 'overlay_egress', to: 'overlay_regess' },
])('an object of another build, which $name, is told from one that the kernel refuses', async ({ from, to }) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'siteplane-'))
  const file = join(folder.path, 'fastpath.bpf.o')
  writeFileSync(file, object.replaceAll(`\0${from}\0`, `\0${to}\0`), 'latin1')
  const load = () => {
    using programs = new Programs(0, file)
    programs.load({ kind: 'overlay', site, features: ['rewrite'], subnets: [] }, 'egress')
  }
  expect(load).toThrow(advice)
})
