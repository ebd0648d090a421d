import { join } from 'node:path'
import { silentLog } from '../../../appliance/base/log.ts'
import { HttpServer } from '../../../appliance/http/serve.ts'
import type { FakeView } from '../http/view.ts'

/** The daemon's API on a socket in that folder, of a daemon that says this. */
export async function served(folder: string, view: FakeView): Promise<AsyncDisposable & { readonly socket: string }> {
  const socket = join(folder, 'api.sock')
  const abort = new AbortController()
  const http = new HttpServer({ listen: 'off', socket, stateDirectory: folder, view, log: silentLog })
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const ended = http.run(abort.signal, resolve)
  await ready
  return {
    socket,
    async [Symbol.asyncDispose]() {
      abort.abort()
      await ended
    },
  }
}
