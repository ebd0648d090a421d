import { execFile } from 'node:child_process'
import { OperatorError } from '../base/errors.ts'

const patience = 10_000 // ms

/** Has nft do all of a script or nothing. Throws an OperatorError with its complaint. */
export function nft(script: string): Promise<void> {
  const { PATH = '' } = process.env
  const env = { PATH: `${PATH}:/usr/sbin:/sbin` }
  return new Promise((resolve, reject) => {
    const child = execFile('nft', ['-f', '-'], { env, timeout: patience }, (error, _, complaint) => {
      if (!error) resolve()
      else reject(new OperatorError(sentence(error, complaint), { cause: error }))
    })
    child.stdin!.on('error', () => {}) // it has ended before it read all: its complaint says why
    child.stdin!.end(script)
  })
}

function sentence(error: Error, complaint: string): string {
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOENT' || code === 'EACCES') return `nft can't be run (${code}): apt-get install nftables`
  const [first] = complaint.split('\n').filter(line => line.trim() !== '')
  return `nft refuses: ${first ?? error.message}`
}
