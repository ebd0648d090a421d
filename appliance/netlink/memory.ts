/**
 * The kernel's configuration in memory, for tests: it keeps what the steps say and has the side effects that matter to a router,
 * as seen on Linux 6.18 (forwarding against router advertisements, what a link takes with it). The methods beside those of
 * `Kernel` are the operator, the cable and the internet's router.
 */
import { KernelError } from '../base/errors.ts'
import { equalPrefix, formatIp6, type Ip6, parsePrefix } from '../base/ip6.ts'
import { parseMac } from '../base/mac.ts'
import { conf, neigh } from './forwarding.ts'
import {
  type Address,
  type Hook,
  type Kernel,
  type KernelEvent,
  type KernelState,
  type Link,
  mark,
  type Neighbour,
  type Program,
  type Route,
  type Rule,
  type Step,
} from './kernel.ts'
import { formatRule } from './reconcile-text.ts'

const ownTable = 80
const mainTable = 254
const protocolRa = 9 // RTPROT_RA, rtnetlink.h

const toldKeys = new Set(['forwarding', 'force_forwarding', 'ignore_routes_with_linkdown']) // RTM_NEWNETCONF; others change unheard

const linkDefaults = {
  disable_ipv6: '0',
  accept_ra: '1',
  forwarding: '0',
  accept_redirects: '1',
  accept_ra_rt_info_max_plen: '0',
  ignore_routes_with_linkdown: '0',
}
const neighDefaults = { app_solicit: '0', ucast_solicit: '3', mcast_solicit: '3', mcast_resolicit: '0' }

export class MemoryKernel implements Kernel {
  dumps = 0
  readonly applied: Step[] = []
  /** Returns an errno to refuse a step. */
  refuse: (step: Step) => string | undefined = () => undefined
  readonly #force: boolean
  readonly #direct: boolean
  readonly #keepsProtocol: boolean
  readonly #listeners = new Set<(event: KernelEvent) => void>()
  readonly #sysctls = new Map<string, string>()
  #nextIndex = 1
  #links: Link[] = []
  #addresses: Address[] = []
  #routes: Route[] = []
  #rules: Rule[] = []
  #neighbours: Neighbour[] = []
  #programs: Program[] = []
  #hooks: Hook[] = []

  /** `force`: has force_forwarding (6.17); `direct`: takes programs directly (6.6); `keepsProtocol`: has IFA_PROTO (5.18). */
  constructor({ force = true, keepsProtocol = true, direct = true } = {}) {
    this.#direct = direct
    this.#force = force
    this.#keepsProtocol = keepsProtocol
    for (const name of ['all', 'default']) this.#addConf(name, linkDefaults)
    this.addLink('lo')
  }

  async state(): Promise<KernelState> {
    this.dumps++
    return {
      links: [...this.#links],
      addresses: [...this.#addresses],
      routes: this.#routes.filter(route => route.table === ownTable || route.protocol === mark),
      rules: [...this.#rules],
      neighbours: [...this.#neighbours],
      found: [],
      programs: [...this.#programs],
      hooks: [...this.#hooks],
      direct: this.#direct,
      sysctls: new Map(this.#sysctls),
    }
  }

  async apply(step: Step): Promise<void> {
    const refused = this.refuse(step)
    if (refused) throw new KernelError(step.op, 'kernel', refused)
    this.applied.push(step)
    this.edit(step, mark)
  }

  watch(listener: (event: KernelEvent) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  /** A change by anyone; without our mark unless told otherwise. Throws a KernelError as the kernel would. */
  edit(step: Step, protocol = 0): void {
    switch (step.op) {
      case 'add-address':
        this.#addAddress(step.address, this.#keepsProtocol ? protocol : 0)
        break
      case 'remove-address':
        this.#addresses = this.#addresses.filter(a => !sameAddress(a, step.address) || a.length !== step.address.length)
        break
      case 'replace-route':
        this.#replaceRoute(step.route)
        break
      case 'remove-route':
        this.#routes = this.#routes.filter(r => !sameSlot(r, step.route) || r.protocol !== step.route.protocol)
        break
      case 'add-rule':
        if (!this.#rules.some(rule => sameRule(rule, step.rule))) this.#rules.push(step.rule)
        break
      case 'remove-rule':
        this.#rules = this.#rules.filter(rule => !sameRule(rule, step.rule))
        break
      case 'replace-neighbour':
        this.#linkOf(step.neighbour.link, step.op)
        this.#neighbours = this.#neighbours.filter(n => !sameAddress(n, step.neighbour))
        this.#neighbours.push(step.neighbour)
        break
      case 'remove-neighbour':
        this.#neighbours = this.#neighbours.filter(n => !sameAddress(n, step.neighbour))
        break
      case 'attach-program':
        this.#linkOf(step.program.link, step.op)
        if (step.program.way === 'clsact') this.addHook(step.program.link, false)
        this.#programs = this.#programs.filter(p => !replaces(step.program, p))
        this.#programs.push(step.program)
        break
      case 'detach-program':
        this.#programs = this.#programs.filter(p => !samePlace(p, step.program) || p.id !== step.program.id)
        break
      case 'remove-hook':
        this.#hooks = this.#hooks.filter(hook => hook.link !== step.link)
        this.#programs = this.#programs.filter(({ link, way }) => link !== step.link || way === 'direct')
        break
      case 'write-sysctl':
        this.write(step.path, step.value)
        return // which tells of it, if the kernel would
      case 'set-all-multicast':
        this.#changeLink(this.#linkOf(step.link, step.op), { allMulticast: step.on })
        break
      default:
        throw step satisfies never
    }
    this.changed()
  }

  /** Something changed, or a stranger's change looked like it. */
  changed(kind: KernelEvent['kind'] = 'changed'): void {
    for (const listener of this.#listeners) listener({ kind })
  }

  /** A new link with its own index. It starts with what `default` holds. */
  addLink(name: string, flags: { readonly up?: boolean; readonly carrier?: boolean } = {}): Link {
    const index = this.#nextIndex++
    const hex = index.toString(16).padStart(2, '0')
    const link: Link = {
      index,
      name,
      mac: name === 'lo' ? undefined : parseMac(`02:00:00:00:00:${hex}`),
      mtu: 1500,
      up: flags.up ?? true,
      carrier: flags.carrier ?? true,
      loopback: name === 'lo',
      allMulticast: false,
    }
    this.#links.push(link)
    this.#addConf(name, Object.fromEntries(this.#confOf('default')))
    for (const [key, value] of Object.entries(neighDefaults)) this.#sysctls.set(neigh(name, key), value)
    this.changed()
    return link
  }

  /** The link goes away, and with it all that stands on it. */
  removeLink(name: string): void {
    const link = this.link(name)
    this.#flush(link)
    this.#programs = this.#programs.filter(program => program.link !== link.index)
    this.#hooks = this.#hooks.filter(hook => hook.link !== link.index)
    this.#links = this.#links.filter(other => other !== link)
    for (const path of this.#sysctls.keys()) if (path.split('/')[2] === name) this.#sysctls.delete(path)
    this.changed()
  }

  /** A clsact discipline, where the link has none; `shared`: with classifiers of someone else. */
  addHook(link: number, shared: boolean): void {
    if (!this.#hooks.some(hook => hook.link === link)) this.#hooks.push({ link, shared })
  }

  renameLink(name: string, to: string): void {
    this.#changeLink(this.link(name), { name: to })
    for (const [path, value] of [...this.#sysctls]) {
      const [family, area, owner, key] = path.split('/')
      if (owner !== name) continue
      this.#sysctls.delete(path)
      this.#sysctls.set(`${family}/${area}/${to}/${key}`, value)
    }
    this.changed()
  }

  setLink(name: string, flags: { readonly up?: boolean; readonly carrier?: boolean }): void {
    const link = this.#changeLink(this.link(name), flags)
    if (!link.up) this.#flush(link)
    this.changed()
  }

  link(name: string): Link {
    const link = this.#links.find(other => other.name === name)
    if (!link) throw new Error(`there is no link ${name}`)
    return link
  }

  read(path: string): string | undefined {
    return this.#sysctls.get(path)
  }

  /** A sysctl write with the side effects of addrconf_fixup_forwarding() in net/ipv6/addrconf.c. */
  write(path: string, value: string): void {
    const old = this.#sysctls.get(path)
    if (old === undefined) throw new KernelError('write', path, 'ENOENT')
    this.#sysctls.set(path, value)
    if (path === conf('all', 'forwarding')) {
      if (old !== value) this.#setEverywhere('forwarding', value)
      if (value === '0') this.#setEverywhere('force_forwarding', '0')
    }
    if (path.endsWith('/forwarding') && path !== conf('default', 'forwarding') && value !== '0') this.#purgeDefaults()
    if (toldKeys.has(path.slice(path.lastIndexOf('/') + 1))) this.changed()
  }

  /** The internet's router advertises itself on a link. Returns whether the kernel believes it. */
  learnDefault(name: string, via: Ip6): boolean {
    const accepts = this.read(conf(name, 'accept_ra'))
    if (this.read(conf(name, 'forwarding')) === '0' ? accepts === '0' : accepts !== '2') return false
    this.#replaceRoute({
      table: mainTable,
      kind: 'unicast',
      destination: parsePrefix('::/0'),
      link: this.link(name).index,
      via,
      metric: 1024,
      protocol: protocolRa,
    })
    this.changed()
    return true
  }

  /** The links over which default routes were learned and still stand. */
  defaults(): string[] {
    const learned = this.#routes.filter(route => route.protocol === protocolRa)
    return learned.map(route => this.#links.find(link => link.index === route.link)!.name)
  }

  /** Everything there is, foreign things included, as something to compare. */
  snapshot(): object {
    const sorted = (rows: readonly object[]) =>
      rows.map(row => JSON.stringify(row, (_, v) => (typeof v === 'bigint' ? formatIp6(v as Ip6) : v))).sort()
    return {
      links: sorted(this.#links),
      addresses: sorted(this.#addresses),
      routes: sorted(this.#routes),
      rules: sorted(this.#rules),
      neighbours: sorted(this.#neighbours),
      programs: sorted(this.#programs),
      hooks: sorted(this.#hooks),
      sysctls: [...this.#sysctls].map(([path, value]) => `${path}=${value}`).sort(),
    }
  }

  #addConf(name: string, values: Readonly<Record<string, string>>): void {
    if (this.#force) this.#sysctls.set(conf(name, 'force_forwarding'), '0')
    for (const [key, value] of Object.entries(values)) this.#sysctls.set(conf(name, key), value)
  }

  #confOf(name: string): [string, string][] {
    return [...this.#sysctls]
      .map(([path, value]) => [path.split('/'), value] as const)
      .filter(([[, area, owner]]) => area === 'conf' && owner === name)
      .map(([words, value]) => [words[3]!, value])
  }

  #setEverywhere(key: string, value: string): void {
    for (const path of this.#sysctls.keys()) if (path.endsWith(`/${key}`)) this.#sysctls.set(path, value)
  }

  /** rt6_purge_dflt_routers(): every default route of an advertisement goes, but for those of links that insist on them. */
  #purgeDefaults(): void {
    const keeps = (route: Route) => {
      const link = this.#links.find(other => other.index === route.link)
      return route.protocol !== protocolRa || (link && this.read(conf(link.name, 'accept_ra')) === '2')
    }
    this.#routes = this.#routes.filter(keeps)
  }

  #flush(link: Link): void {
    this.#addresses = this.#addresses.filter(a => a.link !== link.index)
    this.#routes = this.#routes.filter(r => r.link !== link.index)
    this.#neighbours = this.#neighbours.filter(n => n.link !== link.index)
  }

  #linkOf(index: number, op: string): Link {
    const link = this.#links.find(other => other.index === index)
    if (!link) throw new KernelError(op, `link ${index}`, 'ENODEV')
    return link
  }

  #changeLink(link: Link, change: Partial<Link>): Link {
    const changed = { ...link, ...change }
    this.#links = this.#links.map(other => (other === link ? changed : other))
    return changed
  }

  #addAddress({ link, address, length }: Pick<Address, 'link' | 'address' | 'length'>, protocol: number): void {
    this.#linkOf(link, 'add-address')
    // The kernel knows an address of a link whatever its length.
    if (this.#addresses.some(a => sameAddress(a, { link, address }))) return
    this.#addresses.push({ link, address, length, protocol, scope: 'global', tentative: false, dadFailed: false })
  }

  #replaceRoute(route: Route): void {
    if (route.link !== undefined && !this.#linkOf(route.link, 'replace-route').up)
      throw new KernelError('replace-route', formatIp6(route.destination.address), 'ENETDOWN')
    this.#routes = this.#routes.filter(other => !sameSlot(other, route))
    this.#routes.push(route)
  }
}

const sameAddress = (a: Pick<Neighbour, 'link' | 'address'>, b: Pick<Neighbour, 'link' | 'address'>): boolean =>
  a.link === b.link && a.address === b.address

const samePlace = (a: Program, b: Program): boolean => a.link === b.link && a.point === b.point && a.way === b.way

/** A classifier takes the place of another in its slot; programs that stand directly stand side by side. */
const replaces = (a: Program, b: Program): boolean =>
  samePlace(a, b) && (a.way === 'clsact' ? a.slot === b.slot : a.id === b.id)

const sameSlot = (a: Route, b: Route): boolean =>
  a.table === b.table && a.metric === b.metric && equalPrefix(a.destination, b.destination)

const sameRule = (a: Rule, b: Rule): boolean => formatRule(a) === formatRule(b)
