/**
 * A virtual machine that has this machine's files and another kernel.
 *
 *   ttyS0: kernel and command ──▶ console      ttyS1: status and result ──▶ report
 *   virtiofs "host": / of this machine, through virtiofsd; the guest mounts it read-only
 *
 * QEMU translates, so no KVM is needed, and every instruction takes a nanosecond of the guest's own time: however slow or busy
 * this computer is, the guest sees a machine of its usual speed, and the time limits of tests hold.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from '../lab/program.ts'
import { Hopeless, until } from '../lab/until.ts'

export interface Machine {
  readonly kernel: string
  readonly initramfs: Buffer
  readonly seconds: number // it is switched off after that
  readonly stop: AbortSignal // and when this comes
  readonly console: (text: string) => void
}

export interface Outcome {
  readonly inTime: boolean
  readonly report: string
}

const together = ['setpriv', '--pdeathsig', 'KILL'] // however this process ends
const memory = '2G'

/** Boots it, and resolves when it is off. */
export async function boot({ kernel, initramfs, seconds, stop, console }: Machine): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'sp-kernel-'))
  const at = (name: string) => join(folder, name)
  const socket = at('files')
  try {
    writeFileSync(at('initramfs'), initramfs)
    const share = ['-o', 'source=/', '-o', 'sandbox=chroot', '-o', 'cache=always', '-o', 'no_posix_lock']
    await using files = new Program([...together, '/usr/lib/qemu/virtiofsd', `--socket-path=${socket}`, ...share])
    const listens = () => {
      if (files.exit) throw new Hopeless(`virtiofsd ended: ${files.output}`)
      return existsSync(socket)
    }
    await until(listens, 'virtiofsd to listen', 60_000)
    const ports = ['-serial', 'stdio', '-serial', `file:${at('report')}`]
    const boots = ['-kernel', kernel, '-initrd', at('initramfs'), '-append', 'console=ttyS0 quiet panic=-1']
    const argv = [...together, 'qemu-system-x86_64', ...hardware(socket), ...ports, ...boots]
    const inTime = await show(argv, AbortSignal.any([stop, AbortSignal.timeout(seconds * 1000)]), console)
    return { inTime, report: existsSync(at('report')) ? readFileSync(at('report'), 'utf8').replaceAll('\r', '') : '' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(join('/run/virtiofsd', `${socket.replaceAll('/', '.')}.pid`), { force: true }) // virtiofsd leaves it there
  }
}

/** The cheapest PC that every Debian kernel knows. */
function hardware(socket: string): string[] {
  return [
    ...['-machine', 'q35,memory-backend=memory', '-accel', 'tcg', '-icount', 'shift=0', '-cpu', 'max', '-m', memory],
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`], // shared with virtiofsd
    ...['-chardev', `socket,id=files,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=files,tag=host'],
    ...['-nodefaults', '-no-reboot', '-display', 'none'],
  ]
}

/** Runs a command and passes on what it prints. Resolves with whether it ended by itself. */
async function show(
  [command, ...args]: readonly string[],
  stop: AbortSignal,
  to: (text: string) => void,
): Promise<boolean> {
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  stop.addEventListener('abort', () => child.kill('SIGKILL'))
  if (stop.aborted) child.kill('SIGKILL')
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => to(text.replaceAll('\r', '')))
  }
  const signal = await new Promise<NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (_, ended) => resolve(ended))
  })
  return signal === null
}
