/** What makes hosts, from the suite of Debian that has the version to try: unpacked under build/, never installed. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Apt } from '../apt.ts'
import { debian } from '../lab/debian.ts'

export type Kind = keyof typeof kinds

interface Packages {
  readonly suite: string
  readonly packages: readonly string[] // the first one's version is the kind's
  readonly alone?: true // nothing of Debian 12 is under it, since its libraries are newer
}

const kinds = {
  docker: { suite: 'sid', packages: ['docker.io', 'docker-cli', 'iptables', 'busybox-static'], alone: true },
  incus: { suite: 'bookworm-backports', packages: ['incus-base', 'dnsmasq-base'] },
  libvirt: {
    suite: 'bookworm',
    packages: ['libvirt-daemon', 'libvirt-daemon-driver-qemu', 'libvirt-clients', 'dnsmasq-base'],
  },
  lxc: { suite: 'bookworm', packages: ['lxc'] },
} satisfies Record<string, Packages>

const folder = fileURLToPath(new URL('../../build/hosts/', import.meta.url))

/** Resolves with the folders that a host of this kind has for its root, the uppermost first; nobody writes to them. */
export async function layers(kind: Kind): Promise<string[]> {
  const { suite, packages, alone }: Packages = kinds[kind]
  mkdirSync(folder, { recursive: true })
  const below = alone ? [] : [await debian()]
  const none = join(folder, 'nothing-installed')
  writeFileSync(none, '')
  const installed = below[0] === undefined ? none : join(below[0], 'var/lib/dpkg/status')
  const suites = new Set(alone ? [suite] : ['bookworm', 'bookworm-updates', suite])
  const apt = await Apt.create(
    join(folder, 'apt', kind),
    Object.fromEntries([...suites].map(name => [name, 'debian'])),
    installed,
  )
  const shown = await apt.cache('show', `${packages[0]}/${suite}`)
  const version = /^Version: (?:\d+:)?(.*)/m.exec(shown)![1]!
  const whole = join(folder, `${packages[0]}_${version}`)
  if (existsSync(whole)) return [whole, ...below]
  const half = mkdtempSync(`${whole}-`)
  try {
    await apt.unpackWhole([`${packages[0]}/${suite}`, ...packages.slice(1)], half)
    renameSync(half, whole)
  } finally {
    rmSync(half, { recursive: true, force: true })
  }
  return [whole, ...below]
}
