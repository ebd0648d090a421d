import { describe, expect, test } from 'vitest'
import { type Log, silentLog } from '../../../appliance/base/log.ts'
import type { View } from '../../../appliance/http/api.ts'
import { type Access, createApp } from '../../../appliance/http/app.ts'
import { FakeView, leaseRows, prefixRows, servingStatus, waitingStatus } from './view.ts'

async function ask(
  path: string,
  o: {
    view?: View
    access?: Access
    headers?: Record<string, string>
    method?: string
    body?: string
    log?: Log
  } = {},
) {
  const app = createApp(o.view ?? new FakeView(), o.access ?? { kind: 'socket' }, o.log ?? silentLog)
  const response = await app.request(path, {
    headers: o.headers ?? {},
    method: o.method ?? 'GET',
    body: o.body ?? null,
  })
  return { code: response.status, body: (await response.json()) as unknown, headers: response.headers }
}

describe('what the API says', () => {
  test('the status and the leases', async () => {
    expect(await ask('/v1/status')).toMatchObject({ code: 200, body: servingStatus })
    expect(await ask('/v1/leases')).toMatchObject({ code: 200, body: { leases: leaseRows, leftOut: 0 } })
  })

  test('whether it is ready, and why not', async () => {
    const view = new FakeView()
    expect(await ask('/readyz', { view })).toMatchObject({ code: 200, body: { ready: true, reasons: [] } })
    view.current = waitingStatus
    expect(await ask('/readyz', { view })).toMatchObject({
      code: 503,
      body: { ready: false, reasons: waitingStatus.reasons },
    })
  })

  test('whether it lives, which waiting does not change', async () => {
    const view = new FakeView()
    view.current = waitingStatus
    expect(await ask('/healthz', { view })).toMatchObject({ code: 200, body: { alive: true } })
    view.living = false
    expect(await ask('/healthz', { view })).toMatchObject({ code: 503, body: { alive: false } })
  })

  test('no is said in JSON too', async () => {
    expect(await ask('/v2/status')).toMatchObject({ code: 404, body: { error: 'there is nothing at /v2/status' } })
    const post = await ask('/v1/status', { method: 'POST' })
    expect(post).toMatchObject({
      code: 405,
      body: { error: 'POST changes things, and nothing at /v1/status can be changed' },
    })
    expect(post.headers.get('allow')).toBe('GET, HEAD')
  })

  test('a bug is logged, and shows no inside', async () => {
    const errors: object[] = []
    const log: Log = { ...silentLog, error: fields => void errors.push(fields) }
    const view = new FakeView()
    view.status = () => {
      throw new Error('secret inside')
    }
    const { code, body } = await ask('/v1/status', { view, log })
    expect(code).toBe(500)
    expect(JSON.stringify(body)).not.toContain('secret')
    expect(errors).toEqual([expect.objectContaining({ path: '/v1/status' })])
  })

  test('nobody keeps a copy', async () => {
    for (const path of ['/v1/status', '/healthz', '/none']) {
      const { headers } = await ask(path)
      expect([headers.get('cache-control'), headers.get('x-content-type-options')]).toEqual(['no-store', 'nosniff'])
    }
  })
})

describe('prefixes with names', () => {
  const body = JSON.stringify({ name: 'vm1', interface: 'tap0', length: 112 })

  test('are shown, allocated and released', async () => {
    const view = new FakeView()
    expect(await ask('/v1/prefixes', { view })).toMatchObject({ code: 200, body: { prefixes: prefixRows } })
    expect(await ask('/v1/prefixes', { view, method: 'POST', body })).toMatchObject({ code: 201, body: prefixRows[0] })
    view.changed = { kind: 'done', what: prefixRows[1]!, created: false }
    expect(await ask('/v1/prefixes/vm%201', { view, method: 'DELETE' })).toMatchObject({
      code: 200,
      body: prefixRows[1],
    })
    expect(view.asked).toEqual([{ name: 'vm1', interface: 'tap0', length: 112 }, 'vm 1'])
  })

  test('that can not be had are told why', async () => {
    const view = new FakeView()
    view.changed = { kind: 'refused', status: 409, error: 'vm1 is taken' }
    expect(await ask('/v1/prefixes', { view, method: 'POST', body })).toMatchObject({
      code: 409,
      body: { error: 'vm1 is taken' },
    })
  })

  test.for([
    ['', 'the body must be a JSON object'],
    ['[]', 'the body must be a JSON object'],
    ['{"interface": "tap0"}', 'name is missing'],
    ['{"name": 5}', 'name must be a text'],
    ['{"name": "vm1", "length": "96"}', 'length must be a whole number'],
    ['{"name": "vm1", "toString": 1}', 'toString is unknown here: name, length, via, interface and overlay are not'],
    [JSON.stringify({ name: 'x'.repeat(5000) }), 'the body is too long'],
  ] as const)('a body of %s is refused', async ([given, error]) => {
    const view = new FakeView()
    expect(await ask('/v1/prefixes', { view, method: 'POST', body: given })).toMatchObject({
      code: 400,
      body: { error },
    })
    expect(view.asked).toEqual([])
  })

  test('are changed by loopback and other addresses with the token alone', async () => {
    for (const access of [
      { kind: 'loopback', token: () => 'a-long-enough-token' },
      { kind: 'token', token: 'a-long-enough-token' },
    ] as const) {
      const view = new FakeView()
      const headers = { host: 'localhost' }
      expect((await ask('/v1/prefixes', { view, access, headers, method: 'POST', body })).code).toBe(401)
      expect((await ask('/v1/prefixes/vm1', { view, access, headers, method: 'DELETE' })).code).toBe(401)
      expect(view.asked).toEqual([])
      const known = { ...headers, authorization: 'Bearer a-long-enough-token' }
      expect((await ask('/v1/prefixes', { view, access, headers: known, method: 'POST', body })).code).toBe(201)
    }
  })
})

describe('who may ask on loopback', () => {
  const access = { kind: 'loopback', token: () => 'a-long-enough-token' } as const

  test.for(['localhost', 'localhost:8680', '127.0.0.1:8680', '127.0.0.2', '[::1]:8680', 'LOCALHOST'])(
    'as %s',
    async host => {
      expect((await ask('/v1/status', { access, headers: { host } })).code).toBe(200)
    },
  )

  test.for(['evil.example', 'evil.example:8680', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1', ''])(
    'not as "%s"',
    async host => {
      for (const path of ['/v1/status', '/healthz', '/none']) {
        expect((await ask(path, { access, headers: { host } })).code).toBe(403)
      }
    },
  )
})

describe('who may ask on any other address', () => {
  const access = { kind: 'token', token: 'a-long-enough-token' } as const

  test('who has the token', async () => {
    const headers = { authorization: 'Bearer a-long-enough-token', host: 'router.example' }
    expect((await ask('/v1/status', { access, headers })).code).toBe(200)
    expect((await ask('/readyz', { access, headers })).code).toBe(200)
  })

  test.for([{}, { authorization: 'Bearer wrong' }, { authorization: 'a-long-enough-token' }, { authorization: '' }])(
    'nobody with %o',
    async headers => {
      for (const path of ['/v1/status', '/v1/leases', '/readyz', '/none']) {
        const refused = await ask(path, { access, headers: headers as Record<string, string> })
        expect([refused.code, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
      }
    },
  )

  test('anyone whether we live', async () => {
    expect((await ask('/healthz', { access })).code).toBe(200)
  })
})
