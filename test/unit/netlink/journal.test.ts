import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Ip6, parseIp6 } from '../../../appliance/base/ip6.ts'
import { type Log, silentLog } from '../../../appliance/base/log.ts'
import {
  type Changes,
  decodeJournal,
  encodeJournal,
  FileJournal,
  noChanges,
} from '../../../appliance/netlink/journal.ts'

const some: Changes = {
  sysctls: [
    { path: 'ipv6/conf/eth1.5/forwarding', link: 3, original: '0', written: '1', collateral: false },
    { path: 'ipv6/conf/all/forwarding', link: undefined, original: '0', written: '1', collateral: false },
    { path: 'ipv6/conf/eth2/forwarding', link: 4, original: '0', written: '1', collateral: true },
  ],
  addresses: [{ link: 3, address: parseIp6('fc9c:56c2:e389:e930:5ee::1'), length: 80 }],
  neighbours: [{ link: 5, address: parseIp6('fe80::5') }],
  allMulticast: [3],
  hooks: [4],
  programs: [{ link: 5, point: 'egress', id: 77 }],
}

async function folder() {
  const path = await mkdtemp(join(tmpdir(), 'siteplane-journal-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** A log that keeps its warnings. */
function warnings(): { log: Log; texts: string[] } {
  const texts: string[] = []
  return { log: { ...silentLog, warn: (_fields, text) => void texts.push(text) }, texts }
}

test('what was saved is there at the next start', async () => {
  await using state = await folder()
  const journal = await FileJournal.open(join(state.path, 'deep', 'state'), silentLog, 'here')
  expect(journal.changes).toEqual(noChanges)
  await journal.save(some)
  expect((await FileJournal.open(join(state.path, 'deep', 'state'), silentLog, 'here')).changes).toEqual(some)
  expect(await readdir(join(state.path, 'deep', 'state'))).toEqual(['kernel.json'])
})

test('a journal of another boot or namespace says nothing about this kernel', async () => {
  await using state = await folder()
  await (await FileJournal.open(state.path, silentLog, 'before the reboot')).save(some)
  expect((await FileJournal.open(state.path, silentLog, 'after it')).changes).toEqual(noChanges)
})

test('saving what is stored writes nothing', async () => {
  await using state = await folder()
  const journal = await FileJournal.open(state.path, silentLog)
  await journal.save(some)
  await rm(join(state.path, 'kernel.json'))
  await journal.save(some)
  expect(await readdir(state.path)).toEqual([])
})

test('after a stop for good there is no file, and removing it twice is no error', async () => {
  await using state = await folder()
  const journal = await FileJournal.open(state.path, silentLog)
  await journal.save(some)
  await journal.remove()
  await journal.remove()
  expect(journal.changes).toEqual(noChanges)
  expect(await readdir(state.path)).toEqual([])
})

test.for([
  { name: 'half a file', text: encodeJournal(some, 'here').slice(0, 200) },
  { name: 'an empty file', text: '' },
  { name: 'another version', text: '{"version":2}' },
  { name: 'a list', text: '[]' },
  { name: 'a bad address', text: encodeJournal(some, 'here').replace('fe80::5', 'fe80:::5') },
  { name: 'a path that leads elsewhere', text: encodeJournal(some, 'here').replace('conf/all/', 'conf/../../') },
])('$name is set aside with a warning, and the start goes on', async ({ text }) => {
  await using state = await folder()
  const { log, texts } = warnings()
  await writeFile(join(state.path, 'kernel.json'), text)
  const journal = await FileJournal.open(state.path, log, 'here')
  expect(journal.changes).toEqual(noChanges)
  expect(texts).toEqual(['the journal of kernel changes is damaged and is set aside'])
  expect(await readdir(state.path)).toEqual(['kernel.json.bad'])
  expect(await readFile(join(state.path, 'kernel.json.bad'), 'utf8')).toBe(text)
})

test('any changes survive the file', () => {
  const link = fc.nat(1000)
  const address = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map(value => value as Ip6)
  const sysctl = fc.record({
    path: fc.constantFrom('ipv6/conf/a-b.c/accept_ra', 'ipv6/neigh/zt0/app_solicit'),
    link: fc.option(link, { nil: undefined }),
    original: fc.string(),
    written: fc.string(),
    collateral: fc.boolean(),
  })
  const changes = fc.record({
    sysctls: fc.array(sysctl),
    addresses: fc.array(fc.record({ link, address, length: fc.nat(128) })),
    neighbours: fc.array(fc.record({ link, address })),
    allMulticast: fc.array(link),
    hooks: fc.array(link),
    programs: fc.array(fc.record({ link, point: fc.constantFrom('ingress' as const, 'egress' as const), id: link })),
  })
  fc.assert(
    fc.property(changes, fc.string(), (changes, place) => {
      expect(decodeJournal(encodeJournal(changes, place))).toEqual({ place, changes })
    }),
  )
})
