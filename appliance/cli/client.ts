import { request } from 'node:http'
import { ConfigError, messageOf, OperatorError } from '../base/errors.ts'
import { loadConfig } from '../config/load.ts'
import { defaultConfigFile, defaultSocket } from '../config/schema.ts'
import type { Problem } from '../http/api.ts'
import type { CommonOptions } from './program.ts'

const timeout = 5_000 // milliseconds

/** The socket of the daemon: the one that is named, else that of the configuration, else the default one. */
export function socketOf({ config, socket }: CommonOptions): string {
  if (socket !== undefined) return socket
  try {
    return loadConfig(config ?? defaultConfigFile).http.socket
  } catch (error) {
    // Nobody asked for this file: that it is missing, unreadable or has problems is not what the command is about.
    if (config === undefined && error instanceof ConfigError) return defaultSocket
    throw error
  }
}

/** What the daemon shall change: the method, and what it is about as JSON. */
interface Order {
  readonly method: 'POST' | 'DELETE'
  readonly body?: object
}

/** The body of `GET path` from the daemon, or of what it is told to change. Throws an OperatorError where there is no daemon or it says no. */
export function ask<T>(socketPath: string, path: string, order?: Order): Promise<T> {
  return new Promise((resolve, reject) => {
    const method = order?.method ?? 'GET'
    const options = { socketPath, path, method, headers: { host: 'localhost' }, agent: false, timeout } as const
    const call = request(options, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        try {
          const parsed: unknown = JSON.parse(body)
          if (response.statusCode === 200 || response.statusCode === 201) resolve(parsed as T)
          else reject(new OperatorError(`siteplane says: ${(parsed as Problem).error ?? response.statusCode}`))
        } catch {
          reject(new OperatorError(`what answers on ${socketPath} is not siteplane`))
        }
      })
    })
    call.on('timeout', () => call.destroy(new OperatorError(`siteplane does not answer on ${socketPath}`)))
    call.on('error', error => reject(refusal(socketPath, error)))
    call.end(order?.body && JSON.stringify(order.body))
  })
}

function refusal(socket: string, error: NodeJS.ErrnoException): Error {
  switch (error.code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTSOCK':
      return new OperatorError(`no siteplane runs here (nothing answers on ${socket}): systemctl start siteplane`)
    case 'EACCES':
      return new OperatorError(`${socket} may not be opened by this user: be root, or in the group siteplane`)
    default:
      return error instanceof OperatorError ? error : new OperatorError(`${socket}: ${messageOf(error)}`)
  }
}
