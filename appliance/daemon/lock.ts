import { connect, createServer, type Server } from 'node:net'
import { OperatorError } from '../base/errors.ts'

/** An abstract socket belongs to the network namespace and goes with the process, however that ends: the lock can't be stale. */
const usualAddress = '\0siteplane'

/**
 * Makes sure that one daemon runs in this network namespace. Throws an OperatorError that names the other one.
 */
export async function takeLock(address = usualAddress): Promise<AsyncDisposable> {
  // Anyone on this machine may connect, and be gone before the answer: an error of theirs is no error of ours.
  const server = createServer(client => client.on('error', () => {}).end(`${process.pid}\n`))
  try {
    await listening(server, address)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    const pid = await holder(address)
    throw new OperatorError(`another siteplane runs in this network namespace already (process ${pid})`)
  }
  server.unref()
  return {
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: address }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** The process id that the holder of the lock says in its first words, or `unknown`: it may be anyone. */
function holder(address: string): Promise<string> {
  return new Promise(resolve => {
    const client = connect({ path: address, timeout: 2_000 })
    const done = (said = '') => {
      client.destroy()
      resolve(/^(\d{1,10})\n$/.exec(said)?.[1] ?? 'unknown')
    }
    client.on('data', chunk => done(chunk.toString('latin1')))
    client
      .on('end', () => done())
      .on('error', () => done())
      .on('timeout', () => done())
  })
}
