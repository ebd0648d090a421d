import { timingSafeEqual } from 'node:crypto'
import { Hono, type MiddlewareHandler } from 'hono'
import type { Log } from '../base/log.ts'
import type { Leases, Problem, Sites, View } from './api.ts'
import { prefixesPath, servePrefixes } from './prefixes.ts'

/**
 * Who may read and change. The Unix socket has its file mode, root and the group siteplane; loopback is open to this machine for
 * reading and needs the token for changes; any other address needs it for everything.
 */
export type Access =
  | { readonly kind: 'socket' }
  | { readonly kind: 'loopback'; readonly token: () => string } // made at first use
  | { readonly kind: 'token'; readonly token: string }

const problem = (error: string): Problem => ({ error })

/** The API as a function from request to response. It opens nothing. */
export function createApp(view: View, access: Access, log: Log): Hono {
  const app = new Hono()
  app.use(async (context, next) => {
    await next()
    context.header('Cache-Control', 'no-store')
    context.header('X-Content-Type-Options', 'nosniff')
  })
  if (access.kind === 'loopback') app.use(onlyLoopbackNames)
  app.use(async (context, next) => {
    const { method, path } = context.req
    if (isReading(method) || isUnder(prefixesPath, path)) return next()
    context.header('Allow', 'GET, HEAD')
    return context.json(problem(`${method} changes things, and nothing at ${path} can be changed`), 405)
  })

  app.get('/healthz', context => {
    const alive = view.alive()
    return context.json({ alive }, alive ? 200 : 503)
  })
  if (access.kind === 'token') app.use(bearer(() => access.token))
  if (access.kind === 'loopback') {
    const withToken = bearer(access.token)
    app.use((context, next) => (isReading(context.req.method) ? next() : withToken(context, next)))
  }
  app.get('/readyz', context => {
    if (view.serving()) return context.json({ ready: true, reasons: [] })
    return context.json({ ready: false, reasons: view.status().reasons }, 503)
  })
  app.get('/v1/status', context => context.json(view.status()))
  app.get('/v1/leases', context => context.json(view.leases() satisfies Leases))

  app.get('/v1/sites', context => context.json({ sites: view.sites() } satisfies Sites))
  servePrefixes(app, view)

  app.notFound(context => context.json(problem(`there is nothing at ${context.req.path}`), 404))
  app.onError((error, context) => {
    log.error({ err: error, path: context.req.path }, 'a request found a bug')
    return context.json(problem('internal error: the log says more'), 500)
  })
  return app
}

/**
 * A page of the web can have its own name resolve to 127.0.0.1 and then read us by it (DNS rebinding); the Host header still
 * carries that name, so only names of this machine's loopback are answered.
 */
const onlyLoopbackNames: MiddlewareHandler = async (context, next) => {
  const host = context.req.header('host') ?? ''
  if (/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i.test(host)) return next()
  return context.json(problem('ask by localhost, 127.0.0.1 or [::1]: other names are refused here'), 403)
}

const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'
const isUnder = (place: string, path: string): boolean => path === place || path.startsWith(`${place}/`)

function bearer(token: () => string): MiddlewareHandler {
  return async (context, next) => {
    const wanted = Buffer.from(`Bearer ${token()}`)
    const given = Buffer.from(context.req.header('authorization') ?? '')
    if (given.length === wanted.length && timingSafeEqual(given, wanted)) return next()
    context.header('WWW-Authenticate', 'Bearer')
    return context.json(
      problem('this needs the token in http.token of the state directory: Authorization: Bearer'),
      401,
    )
  }
}
