import { expect, test } from 'vitest'
import { cable, type Namespace, Namespaces } from './namespaces.ts'

/**
 *   router ── lan.5 ═══ lan.5 ── host        (a name with a dot: sysctl paths keep it as it is)
 *          └─ zt0   ═══ zt0   ── peer
 */
async function router() {
  const namespaces = new Namespaces()
  try {
    const router = await namespaces.add('router')
    const other = await namespaces.add('other')
    await cable({ namespace: router, link: 'lan.5' }, { namespace: other, link: 'lan.5' })
    await cable({ namespace: router, link: 'zt0' }, { namespace: other, link: 'zt0' })
    return { namespaces, router }
  } catch (error) {
    await namespaces[Symbol.asyncDispose]()
    throw error
  }
}

/** A program that takes JSON requests on stdin: `{ eval }` is an expression in these names; its value is printed. */
const prelude = `
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseIp6, parsePrefix } from './appliance/base/ip6.ts'
import { openKernel } from './appliance/netlink/rtnetlink.ts'
import { formatOwn } from './appliance/netlink/reconcile-text.ts'
const log = { debug() {}, info() {}, warn: console.error, error: console.error, child: () => log }
const index = name => Number(readFileSync('/sys/class/net/' + name + '/ifindex', 'utf8'))
const kernel = await openKernel(log, { find: () => undefined, direct: undefined })
const site = 'fc9d:72cd:5a89:e92c:eee5::'
const address = (text, link = 'lan.5') => ({ link: index(link), address: parseIp6(text.split('/')[0]), length: Number(text.split('/')[1]) })
const route = (text, rest) => ({ table: 80, kind: 'unicast', destination: parsePrefix(text), link: undefined, via: undefined, metric: 64, protocol: 80, ...rest })
const rule = (priority, rest) => ({ priority, destination: undefined, inputLink: undefined, action: { kind: 'prohibit' }, protocol: 80, ...rest })
const neighbour = (text, mac) => ({ link: index('zt0'), address: parseIp6(text), mac, permanent: true })
const apply = async (...steps) => { for (const step of steps) await kernel.apply(step); return 'done' }
const refused = async step => { try { await kernel.apply(step) } catch (e) { return [e.message, e.cause?.message] } return 'accepted' }
const own = async () => formatOwn(await kernel.state())
const events = []
const plain = value => JSON.stringify(value, (_, v) => typeof v === 'bigint' ? v.toString(16) : v instanceof Map ? Object.fromEntries(v) : v)
console.log(plain({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  const { id, text } = JSON.parse(line)
  try { console.log(plain({ id, value: await eval(text) })) } catch (error) { console.log(plain({ id, error: error.stack })) }
}
kernel[Symbol.dispose]()
`

class KernelProgram {
  readonly #program: ReturnType<Namespace['program']>
  #id = 0

  constructor(namespace: Namespace) {
    this.#program = namespace.program(prelude)
  }

  async eval<T = unknown>(text: string, seconds = 10): Promise<T> {
    const id = ++this.#id
    this.#program.tell({ id, text })
    const answer = await this.#program.line<{ id?: number; value?: T; error?: string }>(line => line.id === id, seconds)
    if (answer.error) throw new Error(answer.error)
    return answer.value as T
  }

  /** Ends its input: it must end by itself. */
  async end(): Promise<number | null> {
    this.#program.child.stdin!.end()
    return this.#program.ended
  }
}

test('every step is applied, seen in the state and by ip(8), and undone; twice is no error', async () => {
  const { namespaces, router: namespace } = await router()
  await using _ = namespaces
  const kernel = new KernelProgram(namespace)

  const steps = (verb: { add: string; replace: string; on: boolean }) => `apply(
    { op: '${verb.add}-address', address: address(site + '1/80') },
    { op: '${verb.replace}-route', route: route('fc9d:72cd:5a89:e92c:eee5::/80', { link: index('lan.5') }) },
    { op: '${verb.replace}-route', route: route('fc9d:72cd:5a00::/40', { link: index('zt0'), via: parseIp6('fe80::5') }) },
    { op: '${verb.replace}-route', route: route('fc9d:72cd:5a00::/40', { kind: 'unreachable', metric: 4096 }) },
    { op: '${verb.replace}-route', route: route('fc9d:72cd:5b00::/40', { kind: 'prohibit', table: 1000 }) },
    { op: '${verb.replace}-route', route: route('::/0', { kind: 'blackhole' }) },
    { op: '${verb.add}-rule', rule: rule(1079, { destination: parsePrefix('fc9d:72cd:5a89:e92c:eee5::/80'), action: { kind: 'lookup', table: 254, suppressPrefixLength: 80 } }) },
    { op: '${verb.add}-rule', rule: rule(1080, { destination: parsePrefix('fc9d:72cd:5a00::/40'), action: { kind: 'lookup', table: 80 } }) },
    { op: '${verb.add}-rule', rule: rule(1081, { inputLink: 'zt0' }) },
    { op: '${verb.replace}-neighbour', neighbour: neighbour('fe80::5', '00:00:5e:00:53:01') },
    { op: 'set-all-multicast', link: index('lan.5'), on: ${verb.on} },
    { op: 'write-sysctl', path: 'ipv6/conf/lan.5/accept_ra', value: '${verb.on ? 2 : 1}' },
    { op: 'write-sysctl', path: 'ipv6/neigh/lan.5/app_solicit', value: '${verb.on ? 1 : 0}' },
  )`
  const add = steps({ add: 'add', replace: 'replace', on: true })
  const remove = steps({ add: 'remove', replace: 'remove', on: false })
  await kernel.eval(add)
  await kernel.eval(add)

  expect(await kernel.eval('own()')).toEqual([
    'addr fc9d:72cd:5a89:e92c:eee5::1/80 dev lan.5',
    'link lan.5 allmulticast on',
    'neigh fe80::5 lladdr 00:00:5e:00:53:01 dev zt0',
    'route blackhole ::/0 table 80 proto 80 metric 64',
    'route fc9d:72cd:5a00::/40 via fe80::5 dev zt0 table 80 proto 80 metric 64',
    'route fc9d:72cd:5a89:e92c:eee5::/80 dev lan.5 table 80 proto 80 metric 64',
    'route prohibit fc9d:72cd:5b00::/40 table 1000 proto 80 metric 64',
    'route unreachable fc9d:72cd:5a00::/40 table 80 proto 80 metric 4096',
    'rule 1079: to fc9d:72cd:5a89:e92c:eee5::/80 lookup 254 suppress_prefixlength 80 proto 80',
    'rule 1080: to fc9d:72cd:5a00::/40 lookup 80 proto 80',
    'rule 1081: iif zt0 prohibit proto 80',
  ])
  expect(await kernel.eval('kernel.state().then(s => s.neighbours.map(n => [n.address, n.mac, n.permanent]))')).toEqual(
    [['fe800000000000000000000000000005', '00:00:5e:00:53:01', true]],
  )
  const sysctls = await kernel.eval<Record<string, string>>('kernel.state().then(s => s.sysctls)')
  expect(sysctls).toMatchObject({
    'ipv6/conf/lan.5/accept_ra': '2',
    'ipv6/neigh/lan.5/app_solicit': '1',
    'ipv6/conf/all/forwarding': '0',
  })
  expect(
    await kernel.eval(
      'kernel.state().then(s => s.links.map(l => [l.name, l.mtu, l.up, l.carrier, l.loopback, l.mac?.length]))',
    ),
  ).toEqual(
    expect.arrayContaining([
      ['lo', 65536, true, true, true, undefined].map(v => v ?? null),
      ['lan.5', 1500, true, true, false, 17],
    ]),
  )

  const addresses = await namespace.ip('-6', 'addr', 'show', 'dev', 'lan.5', 'scope', 'global')
  expect(addresses[0]!['addr_info']).toContainEqual(
    expect.objectContaining({ local: 'fc9d:72cd:5a89:e92c:eee5::1', prefixlen: 80, nodad: true }),
  )
  expect(await namespace.ip('-6', 'route', 'show', 'table', '80')).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        dst: 'fc9d:72cd:5a00::/40',
        gateway: 'fe80::5',
        dev: 'zt0',
        protocol: '80',
        metric: 64,
      }),
      expect.objectContaining({ type: 'unreachable', dst: 'fc9d:72cd:5a00::/40', metric: 4096 }),
    ]),
  )
  expect(await namespace.run('ip', '-6', 'rule', 'show')).toContain(
    '1079:\tfrom all to fc9d:72cd:5a89:e92c:eee5::/80 lookup main suppress_prefixlength 80 proto 80',
  )
  expect(await namespace.run('ip', 'link', 'show', 'lan.5')).toContain('ALLMULTI')
  expect(await namespace.run('ip', '-6', 'neigh', 'show')).toContain(
    'fe80::5 dev zt0 lladdr 00:00:5e:00:53:01 PERMANENT proto 80',
  )

  await kernel.eval(remove)
  await kernel.eval(remove)
  expect(await kernel.eval('own()')).toEqual([])
  expect(await namespace.run('ip', '-6', 'rule', 'show')).not.toContain('108')
  expect(await kernel.end()).toBe(0)
})

test('what the kernel refuses is an error that names the step and quotes it', async () => {
  const { namespaces, router: namespace } = await router()
  await using _ = namespaces
  const kernel = new KernelProgram(namespace)
  expect(await kernel.eval(`refused({ op: 'replace-route', route: route('fc00::/40', { link: 99 }) })`)).toEqual([
    'replace-route fc00::/40 dev link 99 table 80 proto 80 metric 64: ENODEV',
    null,
  ])
  expect(
    await kernel.eval(
      `refused({ op: 'replace-route', route: route('fc00::/40', { link: index('zt0'), via: parseIp6('fc01::1') }) })`,
    ),
  ).toEqual([expect.stringContaining('EHOSTUNREACH'), null])
  await namespace.run('ip', 'addr', 'add', 'fc9d:72cd:5a89:e92c:eee5::1/64', 'dev', 'lan.5', 'nodad')
  await kernel.eval('own()') // a dump knows the links' names
  const [twice] = (await kernel.eval(`refused({ op: 'add-address', address: address(site + '1/80') })`)) as string[]
  expect(twice).toBe('add-address fc9d:72cd:5a89:e92c:eee5::1/80 dev lan.5: EEXIST') // explained by newer kernels only
  expect(
    await kernel.eval(
      `refused({ op: 'replace-route', route: route('fc00::/40', { link: index('lan.5'), via: parseIp6(site + '1') }) })`,
    ),
  ).toEqual([expect.stringContaining('EINVAL'), expect.stringContaining('Gateway can not be a local address')])
  expect(await kernel.eval(`refused({ op: 'write-sysctl', path: 'ipv6/conf/none/forwarding', value: '1' })`)).toEqual([
    'write sysctl ipv6/conf/none/forwarding: ENOENT',
    expect.anything(),
  ])
})

test('others’ rules, addresses and routes are told apart from ours', async () => {
  const { namespaces, router: namespace } = await router()
  await using _ = namespaces
  await namespace.run('ip', '-6', 'rule', 'add', 'pref', '500', 'to', 'fc00::/7', 'goto', '32766')
  await namespace.run('ip', '-6', 'rule', 'add', 'pref', '600', 'from', 'fc00::/7', 'lookup', '700')
  await namespace.run('ip', '-6', 'route', 'add', 'fc01::/64', 'dev', 'lan.5')
  await namespace.run('ip', '-6', 'route', 'add', 'fc02::/64', 'dev', 'lan.5', 'table', '80')
  await namespace.run('ip', 'addr', 'add', 'fc03::1/64', 'dev', 'lan.5')
  const kernel = new KernelProgram(namespace)
  expect(await kernel.eval('kernel.state().then(s => s.rules.map(r => [r.priority, r.action.table]))')).toEqual([
    [0, 255],
    [600, 700],
    [32766, 254],
  ])
  expect(await kernel.eval('own()')).toEqual(['route fc02::/64 dev lan.5 table 80 proto 3 metric 1024'])
  expect(
    await kernel.eval(
      `kernel.state().then(s => s.addresses.filter(a => a.scope === 'global').map(a => [a.protocol, a.tentative]))`,
    ),
  ).toEqual([[0, false]])
})

test('every change of ours by another hand is an event, and of others’ routes none', async () => {
  const { namespaces, router: namespace } = await router()
  await using _ = namespaces
  const kernel = new KernelProgram(namespace)
  await kernel.eval(`apply(
    { op: 'add-address', address: address(site + '1/80') },
    { op: 'replace-route', route: route('fc9d:72cd:5a00::/40', { kind: 'unreachable' }) },
    { op: 'add-rule', rule: rule(1081, { inputLink: 'zt0' }) },
    { op: 'replace-neighbour', neighbour: neighbour('fe80::5', '00:00:5e:00:53:01') })`)
  await kernel.eval('{ const watching = kernel.watch(event => events.push(event.kind)); "watching" }')
  const heard = () => kernel.eval<string[]>('events.splice(0)')

  const changes = [
    ['addr', 'del', 'fc9d:72cd:5a89:e92c:eee5::1/80', 'dev', 'lan.5'],
    ['-6', 'route', 'del', 'unreachable', 'fc9d:72cd:5a00::/40', 'table', '80'],
    ['-6', 'rule', 'del', 'pref', '1081'],
    ['-6', 'neigh', 'del', 'fe80::5', 'dev', 'zt0'],
    ['link', 'set', 'lan.5', 'allmulticast', 'on'],
    ['link', 'set', 'lan.5', 'down'],
  ]
  for (const change of changes) {
    await namespace.run('ip', ...change)
    await expect.poll(heard, { message: change.join(' ') }).toContain('changed')
  }
  await namespace.run('sysctl', '-qw', 'net.ipv6.conf.zt0.forwarding=1')
  await expect.poll(heard).toContain('changed')

  await namespace.run('ip', '-6', 'route', 'add', 'fc01::/64', 'dev', 'zt0')
  await namespace.run('ip', '-6', 'route', 'del', 'fc01::/64', 'dev', 'zt0')
  await kernel.eval('own()') // whatever came is read by now
  expect(await heard()).toEqual([])
})

test('20,000 route changes of others pass by; 20,000 in our table are one overflow or few events; the state is right after', async () => {
  const { namespaces, router: namespace } = await router()
  await using _ = namespaces
  const kernel = new KernelProgram(namespace)
  await kernel.eval(`apply({ op: 'replace-route', route: route('fc9d:72cd:5a00::/40', { kind: 'unreachable' }) })`)
  await kernel.eval('{ const watching = kernel.watch(event => events.push(event.kind)); "watching" }')
  const flood = (table: string) =>
    namespace.run(
      'sh',
      '-c',
      `awk 'BEGIN { for (d = 0; d < 2; d++) for (i = 1; i <= 10000; i++) printf "route %s fc01:%x::/64 dev zt0 ${table}\\n", d ? "del" : "add", i }' | ip -6 -batch -`,
    )

  await flood('')
  expect(await kernel.eval('own()', 30)).toEqual(['route unreachable fc9d:72cd:5a00::/40 table 80 proto 80 metric 64'])
  const foreign = await kernel.eval<string[]>('events.splice(0)')
  expect(foreign.filter(kind => kind === 'changed')).toEqual([])

  // Deaf while it comes, so that the buffer must overflow.
  const busy = kernel.eval('{ const until = Date.now() + 4000; while (Date.now() < until); "awake" }', 30)
  await flood('table 80')
  await busy
  await expect.poll(() => kernel.eval<string[]>('[...events]'), { timeout: 20_000 }).toContain('overflow')
  expect(await kernel.eval('own()', 30)).toEqual(['route unreachable fc9d:72cd:5a00::/40 table 80 proto 80 metric 64'])
  await kernel.eval('events.splice(0)')
  await namespace.run('ip', '-6', 'route', 'del', 'unreachable', 'fc9d:72cd:5a00::/40', 'table', '80')
  await expect.poll(() => kernel.eval<string[]>('events'), { timeout: 5_000 }).toContain('changed')
})
