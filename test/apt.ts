/** Debian's packages, beside the machine's own: suites that it doesn't have, lists and archives of their own, nothing installed. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './lab/program.ts'

const mirror = process.env['DEBIAN'] ?? 'http://deb.debian.org'

export class Apt {
  readonly #archives: string
  readonly #options: readonly string[]

  private constructor(folder: string, installed: string | undefined) {
    this.#archives = join(folder, 'cache/archives')
    this.#options = [
      `Dir::Etc::SourceList=${folder}/sources.list`,
      'Dir::Etc::SourceParts=/dev/null',
      `Dir::State::Lists=${folder}/lists`,
      `Dir::Cache=${folder}/cache`,
      'APT::Sandbox::User=root', // apt's user may not be allowed to read this folder
      ...(installed ? [`Dir::State::status=${installed}`] : []),
    ].flatMap(option => ['-o', option])
  }

  /**
   * With the lists of these suites, each with the archive that has it, as they are now. `installed` is dpkg's status file of another
   * system, by which is told what a package still needs.
   */
  static async create(folder: string, suites: Readonly<Record<string, string>>, installed?: string): Promise<Apt> {
    for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(folder, name), { recursive: true })
    const key = '[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
    const lines = Object.entries(suites).map(([suite, archive]) => `deb ${key} ${mirror}/${archive} ${suite} main\n`)
    writeFileSync(join(folder, 'sources.list'), lines.join(''))
    const apt = new Apt(folder, installed)
    await apt.get('--error-on=any', 'update')
    return apt
  }

  get(...args: readonly string[]): Promise<string> {
    return run('apt-get', ...this.#options, ...args)
  }

  cache(...args: readonly string[]): Promise<string> {
    return run('apt-cache', ...this.#options, ...args)
  }

  /** Downloads a package, checked by apt against Debian's signature, and unpacks it into a folder. */
  async unpack(what: string, into: string, ...tarOptions: readonly string[]): Promise<void> {
    const here = ['env', `--chdir=${into}`]
    await run(...here, 'apt-get', ...this.#options, 'download', what)
    await run(...here, 'sh', '-euc', unpackScript, 'sh', ...tarOptions)
  }

  /** The same with all that these packages need and the other system doesn't have. */
  async unpackWhole(packages: readonly string[], into: string): Promise<void> {
    await this.get('clean')
    const how = ['--yes', '--no-install-recommends', '--download-only']
    await this.get(...how, '-o', 'Debug::NoLocking=1', 'install', ...packages)
    await run('sh', '-euc', 'mv "$1"/*.deb "$2"', 'sh', this.#archives, into)
    // As on any Debian since 12; a package may still say /lib.
    const links = 'for name in bin sbin lib lib64; do mkdir -p usr/$name; ln -s usr/$name $name; done'
    const here = ['env', `--chdir=${into}`]
    await run(...here, 'sh', '-euc', `${links}; ${unpackScript}`, 'sh', '--keep-directory-symlink')
  }
}

const unpackScript =
  'for deb in *.deb; do dpkg-deb --fsys-tarfile "$deb" >files.tar; tar -x -f files.tar "$@"; done; rm -- *.deb files.tar'
