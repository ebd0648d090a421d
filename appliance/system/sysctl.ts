import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { KernelError } from '../base/errors.ts'

const root = '/proc/sys/net'

/** The value at a path such as `ipv6/conf/eth1/forwarding`; undefined where this kernel or namespace has none. Throws a KernelError. */
export function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`${root}/${path}`, 'utf8').trimEnd()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new KernelError('read sysctl', path, code ?? 'EIO', { cause: error })
  }
}

/** Throws a KernelError: ENOENT where there is no such sysctl, EACCES or EROFS where it may not be written. */
export function writeSysctl(path: string, value: string): void {
  try {
    writeFileSync(`${root}/${path}`, value, { flag: 'r+' }) // never creates, never truncates
  } catch (error) {
    throw new KernelError('write sysctl', path, (error as NodeJS.ErrnoException).code ?? 'EIO', { cause: error })
  }
}

/** The names in a folder such as `ipv6/conf`, one for each interface there; none where there is no such folder. */
export function listSysctls(folder: string): readonly string[] {
  try {
    return readdirSync(`${root}/${folder}`)
  } catch {
    return []
  }
}

/** The tables that ip6tables without nftables has made in this namespace; none where the kernel has no such module. */
export function readLegacyTables(): readonly string[] {
  try {
    return readFileSync('/proc/self/net/ip6_tables_names', 'utf8')
      .split('\n')
      .filter(name => name !== '')
  } catch {
    return []
  }
}
