/** Docker's part: a prefix of this site for its containers, in daemon.json or as a network of its own. */
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { type Command, InvalidArgumentError } from 'commander'
import { messageOf, OperatorError } from '../base/errors.ts'
import { formatIp6, type Ip6 } from '../base/ip6.ts'
import { replaceFileSync } from '../base/whole-file.ts'
import type { Prefixes, PrefixRow, Status } from '../http/api.ts'
import { ask, socketOf } from './client.ts'
import { type Bridge, bridgeOf, type DockerHost, isShut, planBridge, planNetwork, restart } from './docker-plan.ts'
import { allocate, wholeNumber } from './prefix.ts'
import type { CommonOptions } from './program.ts'
import { json, type Terminal } from './terminal.ts'

const usualFile = '/etc/docker/daemon.json'

interface Options extends CommonOptions {
  readonly write?: true
  readonly open?: true
  readonly file: string
  readonly length?: number
  readonly network?: string
  readonly dockerVersion?: string
}

export function dockerCommand(command: Command, terminal: Terminal): void {
  command
    .option('--write', 'put it into the file, and keep what else is in there')
    .option('--file <path>', "Docker's configuration", usualFile)
    .option('--open', 'switch off what Docker filters by IPv6')
    .option('--network <name>', 'for a network of its own instead of the default bridge')
    .option(
      '--length <bits>',
      'of the prefix (default: 96; where this machine has no LAN, all of its site)',
      wholeNumber,
    )
    .option('--docker-version <version>', 'for this Docker (default: the one installed)', versionTyped)
    .option('--json', 'as one object')
    .action(async (options: Options) => {
      const told = options.network === undefined ? await bridge(options) : await network(options, options.network)
      terminal.out(options.json ? json(told) : show(told))
    })
}

/** What the command has to say. */
export interface Told {
  readonly prefix: string
  readonly interface: string
  readonly dockerVersion: string
  readonly file: string
  readonly settings: Readonly<Record<string, unknown>> // of the file; empty for a network
  readonly written: boolean
  readonly commands: readonly string[] // to type now
  readonly notes: readonly string[]
}

export function show(told: Told): string {
  const { prefix, interface: link, file, settings, written, commands, notes } = told
  const lines = [`the containers on ${link} have ${prefix}`]
  if (Object.keys(settings).length > 0) {
    const hint = commands.length > 0 ? ' (--write puts it there, and keeps the rest)' : ''
    lines.push(written ? `${file} says:` : `in ${file}${hint}:`)
    lines.push(
      ...JSON.stringify(settings, undefined, 2)
        .split('\n')
        .map(line => `  ${line}`),
    )
  }
  if (commands.length > 0) lines.push('then:', ...commands.map(each => `  ${each}`))
  return [...lines, ...notes.map(note => `note: ${note}`)].map(line => `${line}\n`).join('')
}

async function bridge(options: Options): Promise<Told> {
  const socket = socketOf(options)
  const { lan } = await ask<Status>(socket, '/v1/status')
  const host = await hostFor(options, socket, lan.length)
  const link = bridgeOf(host)
  const open = options.open === true
  if (options.write && isShut(host, open)) throw new OperatorError(planBridge(host, '', open).notes.join('; '))
  const row = await prefixFor(socket, 'docker', link, options.length, lan.length === 0 ? 80 : undefined)
  const plan = planBridge(host, row.prefix, open)
  const commands = isShut(host, open) ? [] : restart(host, plan, standing(link), row.routerAddress)
  const { settings, notes } = plan
  if (options.write && Object.entries(settings).some(([key, value]) => host.present[key] !== value))
    write(host, { ...host.present, ...settings })
  const { version: dockerVersion, file } = host
  const written = options.write === true
  return { prefix: row.prefix, interface: link, dockerVersion, file, settings, written, commands, notes }
}

async function network(options: Options, name: string): Promise<Told> {
  if (options.write) throw new OperatorError('--write is for the default bridge: what a network has is not in the file')
  const socket = socketOf(options)
  const { lan } = await ask<Status>(socket, '/v1/status')
  const host = await hostFor(options, socket, lan.length)
  planNetwork(host, name, '') // nothing is allocated for what can't be
  const { prefix } = await prefixFor(socket, `docker-${name}`, name, options.length)
  const { command, notes } = planNetwork(host, name, prefix)
  const { version: dockerVersion, file } = host
  return { prefix, interface: name, dockerVersion, file, settings: {}, written: false, commands: [command], notes }
}

/** The one that it has already, unless another length is asked for. */
async function prefixFor(
  socket: string,
  name: string,
  link: string,
  length: number | undefined,
  usualLength?: number,
): Promise<PrefixRow> {
  const { prefixes } = await ask<Prefixes>(socket, '/v1/prefixes')
  const known = prefixes.find(each => each.name === name && each.via === null && each.interface === link)
  if (known && (length === undefined || known.prefix.endsWith(`/${length}`))) return known
  return await allocate(socket, { name, interface: link, length: length ?? usualLength })
}

/** What the kernel says about a bridge, which need not be up: no container may run. */
function standing(link: string): Bridge {
  const isNamed = (line: string) => line.trim().startsWith(`${link}:`)
  if (!readFileSync('/proc/self/net/dev', 'utf8').split('\n').some(isNamed)) return undefined
  if (!existsSync('/proc/self/net/if_inet6')) return { addresses: [] } // a kernel without IPv6
  const rows = readFileSync('/proc/self/net/if_inet6', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
  const own = rows.filter(row => row.at(-1) === link)
  return { addresses: own.map(([address]) => formatIp6(BigInt(`0x${address}`) as Ip6)) }
}

async function hostFor({ file, dockerVersion }: Options, socket: string, lans: number): Promise<DockerHost> {
  const { prefixes } = await ask<Prefixes>(socket, '/v1/prefixes')
  const forwards = lans > 0 || prefixes.some(({ name }) => !/^docker(-|$)/.test(name))
  return { version: dockerVersion ?? (await installed()), file, present: read(file), forwards }
}

const paths = ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'] // a user's own PATH may lack some

async function installed(): Promise<string> {
  const env = { ...process.env, PATH: [process.env['PATH'] ?? '', ...paths].join(':') }
  try {
    const { stdout } = await promisify(execFile)('dockerd', ['--version'], { env, timeout: 10_000 })
    const version = /version (\d+[\w.+-]*)/.exec(stdout)?.[1]
    if (version !== undefined) return version
  } catch {
    // As below: it is not there, or not to be run.
  }
  throw new OperatorError(
    'no dockerd can be asked for its version: install Docker, or --docker-version says which it will be',
  )
}

function versionTyped(text: string): string {
  if (/^\d+(\.\d+)*/.test(text)) return text
  throw new InvalidArgumentError('must be a version such as 28.3')
}

function read(file: string): Record<string, unknown> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw new OperatorError(`${file} can't be read: ${messageOf(error)}`)
  }
  if (text.trim() === '') return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new OperatorError(`${file} is no JSON: ${messageOf(error)}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new OperatorError(`${file} must hold a JSON object`)
}

/** Its owner and mode stay. */
function write({ file: named }: DockerHost, content: Record<string, unknown>): void {
  try {
    mkdirSync(dirname(named), { recursive: true })
    const stat = statSync(named, { throwIfNoEntry: false })
    const file = stat ? realpathSync(named) : named
    replaceFileSync(file, `${JSON.stringify(content, undefined, stat ? indentOf(file) : 2)}\n`, stat ?? 0o644)
  } catch (error) {
    throw new OperatorError(`${named} can't be written, nothing is changed: ${messageOf(error)}`)
  }
}

const indentOf = (file: string): string => /^[{\s]*\n([ \t]+)"/.exec(readFileSync(file, 'utf8'))?.[1] ?? '  '
