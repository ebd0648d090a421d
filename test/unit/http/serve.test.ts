import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sleep } from '../../../appliance/base/clock.ts'
import { silentLog } from '../../../appliance/base/log.ts'
import { HttpServer } from '../../../appliance/http/serve.ts'
import { loadToken } from '../../../appliance/http/token.ts'
import { groupId } from '../../../appliance/http/unix.ts'
import { FakeView, servingStatus } from './view.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteplane-http-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

type Listen = { host: string; port: number } | 'off'

async function serving(listen: Listen, socket = join(folder, 'run', 'api.sock')) {
  const http = new HttpServer({
    listen,
    socket,
    stateDirectory: folder,
    view: new FakeView(),
    log: silentLog,
    retry: 20,
  })
  const abort = new AbortController()
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const ended = http.run(abort.signal, resolve)
  await ready
  return {
    http,
    socket,
    async [Symbol.asyncDispose]() {
      abort.abort()
      await ended
    },
  }
}

function get(to: { port: number } | { socketPath: string }, path: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; body: unknown }>()
  const call = request({ ...to, host: '127.0.0.1', path, headers, agent: false }, response => {
    let body = ''
    response.on('data', chunk => {
      body += chunk
    })
    response.on('end', () => resolve({ code: response.statusCode!, body: JSON.parse(body) }))
  })
  call.on('error', reject).end()
  return promise
}

function listening(server: Server, where: { port: number; host: string } | { path: string }): Promise<void> {
  return new Promise(resolve => server.listen(where, () => resolve()))
}

describe('the Unix socket', () => {
  test('answers, is for its user and group only, and goes when we stop', async () => {
    {
      await using server = await serving('off')
      expect(await get({ socketPath: server.socket }, '/v1/status')).toEqual({ code: 200, body: servingStatus })
      expect(statSync(server.socket).mode & 0o777).toBe(0o660)
      expect(server.http.reasons()).toEqual([])
    }
    expect(existsSync(join(folder, 'run', 'api.sock'))).toBe(false)
  })

  test('that a dead process left there is taken over', async () => {
    const socket = join(folder, 'stale.sock')
    // A process that is killed leaves its socket: so does a handle that is closed without Node's own tidying up.
    const dead = createServer()
    await listening(dead, { path: socket })
    const kept = `${socket}.kept`
    await import('node:fs').then(fs => fs.linkSync(socket, kept))
    await new Promise(resolve => dead.close(resolve))
    await import('node:fs').then(fs => fs.renameSync(kept, socket))

    await using server = await serving('off', socket)
    expect(server.http.reasons()).toEqual([])
    expect((await get({ socketPath: socket }, '/healthz')).code).toBe(200)
  })

  test('that someone deletes, with its folder, is made again', async () => {
    await using server = await serving('off')
    rmSync(join(folder, 'run'), { recursive: true })
    const code = () => get({ socketPath: server.socket }, '/healthz').then(({ code }) => code)
    await expect.poll(code).toBe(200)
    expect(statSync(server.socket).mode & 0o777).toBe(0o660)
    expect(server.http.reasons()).toEqual([])
  })

  test('that someone puts a file of his own in the place of is left to him', async () => {
    await using server = await serving('off')
    rmSync(server.socket)
    writeFileSync(server.socket, 'precious')
    await sleep(100)
    expect(readFileSync(server.socket, 'utf8')).toBe('precious')
    expect(server.http.reasons()).toEqual([expect.stringContaining('is not a socket')])
  })

  test('on which another program answers is left alone, and tried again', async () => {
    const socket = join(folder, 'taken.sock')
    const other = createServer()
    await listening(other, { path: socket })
    await using server = await serving({ host: '127.0.0.1', port: 0 }, socket)
    expect(server.http.reasons()).toEqual([
      `the API can't have unix:${socket}: another program answers on ${socket}: stop it, or set http.socket`,
    ])
    expect((await get({ port: server.http.port! }, '/healthz')).code).toBe(200)

    await new Promise(resolve => other.close(resolve))
    await expect.poll(() => server.http.reasons()).toEqual([])
    expect((await get({ socketPath: socket }, '/healthz')).code).toBe(200)
  })

  test('never takes the place of a file', async () => {
    const socket = join(folder, 'file')
    writeFileSync(socket, 'precious')
    await using server = await serving('off', socket)
    expect(server.http.reasons()).toEqual([expect.stringContaining('is there and is not a socket')])
    expect(readFileSync(socket, 'utf8')).toBe('precious')
  })
})

describe('TCP', () => {
  test('on loopback answers by loopback names only', async () => {
    await using server = await serving({ host: '127.0.0.1', port: 0 })
    const to = { port: server.http.port! }
    expect((await get(to, '/v1/status')).code).toBe(200)
    expect((await get(to, '/v1/status', { host: 'evil.example' })).code).toBe(403)
  })

  test('on any other address asks for the token, which is made at first use', async () => {
    await using server = await serving({ host: '0.0.0.0', port: 0 })
    const to = { port: server.http.port! }
    expect((await get(to, '/v1/status')).code).toBe(401)
    expect((await get(to, '/healthz')).code).toBe(200)
    const token = readFileSync(join(folder, 'http.token'), 'utf8').trim()
    expect((await get(to, '/v1/status', { authorization: `Bearer ${token}` })).code).toBe(200)
  })

  test('a port that is taken is one sentence, the socket serves, and the port is had when it is free', async () => {
    const other = createServer()
    await listening(other, { port: 0, host: '127.0.0.1' })
    const { port } = other.address() as AddressInfo
    await using server = await serving({ host: '127.0.0.1', port })
    expect(server.http.reasons()).toEqual([
      `the API can't have 127.0.0.1:${port}: another program listens there (http.listen names another place)`,
    ])
    expect((await get({ socketPath: server.socket }, '/healthz')).code).toBe(200)

    await new Promise(resolve => other.close(resolve))
    await expect.poll(() => server.http.reasons()).toEqual([])
    expect((await get({ port }, '/healthz')).code).toBe(200)
  })

  test('an address that no interface has is waited for', async () => {
    await using server = await serving({ host: '192.0.2.1', port: 8680 })
    expect(server.http.reasons()).toEqual(['the API waits for 192.0.2.1:8680: no interface has this address yet'])
  })

  test('a client that says nothing does not keep us from stopping', async () => {
    const server = await serving({ host: '127.0.0.1', port: 0 })
    const client = connect(server.http.port!, '127.0.0.1')
    await new Promise(resolve => client.once('connect', resolve))
    const gone = new Promise(resolve => client.once('close', resolve))
    await server[Symbol.asyncDispose]()
    await gone
  })
})

describe('the token', () => {
  test('is ours alone and stays the same', () => {
    const token = loadToken(join(folder, 'state'))
    expect(token).toMatch(/^[\w-]{32}$/)
    expect(statSync(join(folder, 'state', 'http.token')).mode & 0o777).toBe(0o600)
    expect(loadToken(join(folder, 'state'))).toBe(token)
  })

  test('is never an empty one', () => {
    mkdirSync(join(folder, 'state'))
    writeFileSync(join(folder, 'state', 'http.token'), '\n', { mode: 0o644 })
    expect(() => loadToken(join(folder, 'state'))).toThrow('holds no token')
    expect(statSync(join(folder, 'state', 'http.token')).mode & 0o777).toBe(0o600)
  })
})

test('a group has its number in /etc/group', () => {
  const file = join(folder, 'group')
  writeFileSync(file, 'root:x:0:\nsiteplane:x:998:alice\nbroken:x::\n')
  expect(['siteplane', 'root', 'broken', 'none'].map(name => groupId(name, file))).toEqual([
    998,
    0,
    undefined,
    undefined,
  ])
  expect(groupId('root', join(folder, 'nothing'))).toBeUndefined()
})
