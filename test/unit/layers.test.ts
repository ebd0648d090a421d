import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

/** Who may import whom. A folder may always import itself; npm packages and node: modules are checked by the purity list below. */
const imports: Record<string, readonly string[]> = {
  base: [],
  plane: ['base'],
  system: ['base', 'plane'],
  config: ['base', 'plane'],
  netlink: ['base', 'plane'],
  ndp: ['base', 'plane'],
  dhcp: ['base', 'plane'],
  dhcp4: ['base'],
  fastpath: ['base', 'plane'],
  overlay: ['base', 'plane'],
  translation: ['base', 'plane'],
  http: ['base', 'plane', 'config', 'netlink', 'ndp', 'dhcp', 'dhcp4', 'fastpath', 'overlay', 'translation'],
  cli: ['base', 'plane', 'config', 'netlink', 'ndp', 'dhcp', 'dhcp4', 'fastpath', 'overlay', 'translation', 'http'],
  daemon: [
    'base',
    'plane',
    'config',
    'system',
    'netlink',
    'ndp',
    'dhcp',
    'dhcp4',
    'fastpath',
    'overlay',
    'translation',
    'http',
  ],
  main: ['base', 'plane', 'config', 'daemon', 'cli'],
}

/** The files that may import system/: the edges. */
const edges = ['socket.ts', 'transport.ts', 'attach.ts', 'notify.ts']

/** The files that may read a clock, set a timer, or touch files, sockets and processes. Everything else decides on what it is given. */
const impure: Record<string, string> = {
  'base/clock.ts': 'the clock itself',
  'base/log.ts': 'writes the log',
  'base/part.ts': 'waits between restarts',
  'base/sqlite.ts': 'sets a damaged file aside',
  'base/whole-file.ts': 'files that are written whole',
  'config/load.ts': 'reads the file',
  'dhcp/client-store.ts': 'what is known of clients besides their leases, on disk',
  'dhcp/database.ts': 'the leases on disk',
  'dhcp/hash-index.ts': 'a seed that strangers do not know',
  'dhcp/identity.ts': 'the DUID and the secret on disk',
  'dhcp/lan-server.ts': 'gives the sockets of one LAN their turn',
  'dhcp/timers.ts': 'the timers of one LAN',
  'dhcp/neighbours.ts': 'waits for answers to solicitations',
  'dhcp4/probes.ts': 'waits for answers to ARP',
  'dhcp4/lease-file.ts': 'the IPv4 leases on disk',
  'fastpath/attach.ts': 'reads the object that holds the programs',
  'translation/file.ts': 'who is translated, on disk',
  'translation/nft.ts': 'runs nft',
  'translation/translator.ts': 'looks now and then who was heard',
  'netlink/journal.ts': 'what to put back, on disk',
  'overlay/local-api.ts': "asks ZeroTier's local API",
}

/** RFC citations name an RFC that we use, in one form: `RFC 4861 section 6.2.4`. */
const rfcs = new Set(
  readFileSync(new URL('./rfcs.txt', import.meta.url), 'utf8')
    .split('\n')
    .map(line => /^\d+/.exec(line)?.[0])
    .filter(number => number !== undefined),
)

const files = globSync('appliance/**/*.ts').map(path => normalize(path))
const text = (path: string) => readFileSync(path, 'utf8')
const folderOf = (path: string) => (dirname(path) === 'appliance' ? basename(path, '.ts') : path.split('/')[1]!)

test('every folder stands in the import table', () => {
  expect([...new Set(files.map(folderOf))].filter(folder => !(folder in imports))).toEqual([])
})

test('folders import only what the table allows, and system only through the edges', () => {
  const wrong = files.flatMap(path =>
    [...text(path).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].flatMap(([, target]) => {
      const from = folderOf(path)
      const to = folderOf(join(dirname(path), target!))
      if (from === to || imports[from]?.includes(to)) return []
      if (to === 'system' && edges.includes(basename(path))) return []
      return [`${path} imports ${target}`]
    }),
  )
  expect(wrong).toEqual([])
})

test('decisions are pure: clocks, timers, randomness, files and sockets only where listed', () => {
  const tokens =
    /\b(Date\.now|performance\.now|setTimeout|setInterval|setImmediate|Math\.random|randomBytes)\b|'node:(fs|net|dgram|http|child_process|dns|timers|sqlite)[^']*'/
  const whole = ['system', 'http', 'cli', 'daemon', 'main'] // edges by nature
  const wrong = files.filter(path => {
    const name = path.replace('appliance/', '')
    return (
      !whole.includes(folderOf(path)) && !(name in impure) && tokens.test(text(path).replace(/^\s*(\/\/|\*).*$/gm, ''))
    )
  })
  expect(wrong).toEqual([])
  expect(Object.keys(impure).filter(name => !files.includes(`appliance/${name}`))).toEqual([])
})

test('no file is longer than 400 lines', () => {
  const all = [...files, ...globSync('test/**/*.ts')]
  expect(all.filter(path => text(path).split('\n').length > 400)).toEqual([])
})

test('RFC citations have one form and name a document we use', () => {
  const wrong = files.flatMap(path =>
    text(path)
      .split('\n')
      .flatMap((line, i) => {
        const cited = [...line.matchAll(/\bRFC[ -]?(\d+)(,? (?:section|appendix) [A-Z\d]+(\.\d+)*)?/g)]
        return cited
          .filter(
            ([whole, number]) => !whole.startsWith(`RFC ${number}`) || !rfcs.has(number!) || /RFC \d+,/.test(whole),
          )
          .map(([whole]) => `${path}:${i + 1}: ${whole}`)
      }),
  )
  expect(wrong).toEqual([])
})

test('nothing opens a barrel or a junk drawer', () => {
  const junk = /^(index|utils?|helpers?|common|manager|impl|misc)\.ts$/
  expect(files.filter(path => junk.test(basename(path)))).toEqual([])
})

test('the lockfile names no host', () => {
  expect(text('package-lock.json').match(/https?:\/\/[^"]+/g) ?? []).toEqual([])
})
