/** The first root of a guest: a shell, the modules that reach the real one, and what to do there. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

const wanted = ['virtio_pci', 'virtiofs', 'overlay']

/** An initramfs for the kernel of that name, unpacked in `kernel`. `job` is a shell script that runs once the host's files are there. */
export function initramfs(kernel: string, name: string, busybox: string, job: string): Buffer {
  const modules = join(kernel, 'lib/modules', name)
  const paths = needed(
    readFileSync(join(modules, 'modules.dep'), 'utf8'),
    readFileSync(join(modules, 'modules.builtin'), 'utf8'),
  )
  return archive([
    { name: 'init', mode: 0o100755, body: readFileSync(new URL('init.sh', import.meta.url)) },
    { name: 'busybox', mode: 0o100755, body: readFileSync(busybox) },
    { name: 'job', mode: 0o100644, body: Buffer.from(job) },
    ...['dev', 'proc', 'sys', 'modules', 'host', 'changes', 'root'].map(folder => ({
      name: folder,
      mode: 0o040755,
      body: Buffer.alloc(0),
    })),
    ...paths.map((path, i) => ({
      name: `modules/${String(i).padStart(2, '0')}-${basename(path).replace(/\.xz$/, '')}`,
      mode: 0o100644,
      body: read(join(modules, path)),
    })),
  ])
}

/** The modules to load, in that order. `dep` and `builtin` are the kernel's modules.dep and modules.builtin. */
export function needed(dep: string, builtin: string): string[] {
  const moduleOf = (path: string) => basename(path).replace(/\.ko.*/, '')
  const inside = new Set(builtin.split('\n').map(moduleOf))
  const rows = new Map(
    dep.split('\n').map(line => {
      const [path = '', below = ''] = line.split(':')
      return [moduleOf(path), [path, ...below.split(' ').filter(other => other !== '')]] as const
    }),
  )
  const paths = new Set<string>()
  for (const module of wanted) {
    const row = rows.get(module)
    if (!row && !inside.has(module)) throw new Error(`this kernel has no ${module}`)
    for (const path of row?.toReversed() ?? []) paths.add(path) // a line names what must be there first last
  }
  return [...paths]
}

function read(path: string): Buffer {
  return path.endsWith('.xz') ? execFileSync('xz', ['-dc', path], { maxBuffer: 64 << 20 }) : readFileSync(path)
}

interface Entry {
  readonly name: string
  readonly mode: number
  readonly body: Buffer
}

/** A cpio archive in the "newc" format, as the kernel's buffer-format.rst describes it. */
export function archive(entries: readonly Entry[]): Buffer {
  const end = { name: 'TRAILER!!!', mode: 0, body: Buffer.alloc(0) }
  return Buffer.concat(
    [...entries, end].flatMap(({ name, mode, body }, i) => {
      // inode, mode, uid, gid, links, mtime, size, device and special device (major, minor each), name with its NUL, checksum
      const fields = [i + 1, mode, 0, 0, 1, 0, body.length, 0, 0, 0, 0, name.length + 1, 0]
      const header = `070701${fields.map(field => field.toString(16).padStart(8, '0')).join('')}${name}\0`
      return [padded(Buffer.from(header)), padded(body)]
    }),
  )
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
}
