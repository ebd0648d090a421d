/** The kernels that Debian 12 offers, from apt's own lists and archives; they are unpacked under build/, never installed. */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Apt } from '../apt.ts'
import { run } from '../lab/program.ts'

/** One build of a kernel. */
export interface Kernel {
  readonly name: string // the package without its linux-image-, which is what `uname -r` says
  readonly version: string
  readonly current: boolean // a metapackage points to it: who installs or upgrades now gets this one
}

export const folder = fileURLToPath(new URL('../../build/kernels/', import.meta.url))
const suites = {
  bookworm: 'debian',
  'bookworm-updates': 'debian',
  'bookworm-security': 'debian-security',
  'bookworm-backports': 'debian',
}

let asked: Promise<Apt> | undefined
const apt = (): Promise<Apt> => (asked ??= Apt.create(join(folder, 'apt'), suites))

/** Every kernel for amd64, oldest first. */
export async function offered(): Promise<Kernel[]> {
  const debian = await apt()
  const found = await debian.cache('search', '--names-only', '^linux-image-.*amd64$')
  const packages = found
    .split('\n')
    .map(line => line.split(' ')[0]!)
    .filter(name => name !== '')
  return kernels(await debian.cache('show', ...packages))
}

/** The kernels among the packages that `apt-cache show` describes. */
export function kernels(described: string): Kernel[] {
  const pointedTo = new Set<string>()
  const builds = new Map<string, Omit<Kernel, 'current'>>()
  for (const text of described.split(/\n\n+/)) {
    const field = (name: string) => new RegExp(`^${name}: (.*)`, 'm').exec(text)?.[1] ?? ''
    const name = /^linux-image-(\S+)$/.exec(field('Package'))?.[1]
    if (name === undefined) continue
    const target = /^linux-image-(\S+) \(= (\S+)\)/.exec(field('Depends'))
    if (target) pointedTo.add(`${target[1]}_${target[2]}`)
    else if (/^\d/.test(name)) builds.set(`${name}_${field('Version')}`, { name, version: field('Version') })
  }
  return [...builds]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .map(([id, build]) => ({ ...build, current: pointedTo.has(id) }))
}

// What a router has no use for, nine tenths of it.
const leftOut = ['usr', 'boot/System.map-*', 'kernel/sound', 'kernel/drivers/[a-mo-uw-z]*', 'kernel/drivers/net/*less']

/** Resolves with the folder that holds the kernel's boot/ and lib/modules/. */
export async function unpack({ name, version }: Kernel): Promise<string> {
  const whole = join(folder, `${name}_${version}`)
  if (existsSync(whole)) return whole
  const half = mkdtempSync(`${whole}-`)
  try {
    const options = leftOut.map(path => `--exclude=*/${path}`)
    await (await apt()).unpack(`linux-image-${name}=${version}`, half, ...options)
    await run('depmod', '-b', half, name)
    renameSync(half, whole)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return whole
}
