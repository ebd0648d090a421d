import { connect, createServer, type Server } from 'node:net'
import { OperatorError } from '../base/errors.ts'

/** An abstract socket belongs to the network namespace and goes with the process, however that ends: the lock can't be stale. */
const address = '\0siteplane'

/**
 * Makes sure that one daemon runs in this network namespace. Throws an OperatorError that names the other one.
 */
export async function takeLock(): Promise<AsyncDisposable> {
  const server = createServer(client => client.end(`${process.pid}\n`))
  try {
    await listening(server)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new OperatorError(`another siteplane runs in this network namespace already (process ${await holder()})`)
  }
  server.unref()
  return {
    [Symbol.asyncDispose]: () => new Promise(resolve => server.close(() => resolve())),
  }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ path: address }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** The process id that the holder of the lock says, or `unknown`. */
function holder(): Promise<string> {
  return new Promise(resolve => {
    const client = connect({ path: address, timeout: 500 })
    let text = ''
    const done = () => {
      client.destroy()
      resolve(text.trim() || 'unknown')
    }
    client.on('data', chunk => {
      text += chunk.toString()
    })
    client.on('end', done).on('error', done).on('timeout', done)
  })
}
