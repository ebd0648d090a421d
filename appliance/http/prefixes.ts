/** What allocates prefixes by name, shows and releases them: all that can be changed here. */
import type { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Changed, Prefixes, PrefixRequest, PrefixRow, Problem, View } from './api.ts'

export const prefixesPath = '/v1/prefixes'
const longestBody = 4096 // octets

export function servePrefixes(app: Hono, view: View): void {
  app.get(prefixesPath, context => context.json({ prefixes: view.prefixes() } satisfies Prefixes))

  const tooLong = bodyLimit({
    maxSize: longestBody,
    onError: context => context.json(problem('the body is too long'), 400),
  })
  app.post(prefixesPath, tooLong, async context => {
    const request = requestOf(await context.req.json().catch(() => undefined))
    if (typeof request === 'string') return context.json(problem(request), 400)
    const changed = await view.allocatePrefix(request)
    return context.json(bodyOf(changed), statusOf(changed))
  })

  app.delete(`${prefixesPath}/:name`, async context => {
    const changed = await view.releasePrefix(context.req.param('name'))
    return context.json(bodyOf(changed), statusOf(changed))
  })
}

const problem = (error: string): Problem => ({ error })
const bodyOf = (changed: Changed<PrefixRow>) => (changed.kind === 'done' ? changed.what : problem(changed.error))
const statusOf = (changed: Changed<PrefixRow>) =>
  changed.kind === 'refused' ? changed.status : changed.created ? 201 : 200

const keys = { name: 'string', length: 'number', via: 'string', interface: 'string', overlay: 'string' } as const

/** The request in a body, or a sentence that says what is wrong with it. */
function requestOf(body: unknown): PrefixRequest | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return 'the body must be a JSON object'
  for (const [key, value] of Object.entries(body)) {
    if (!Object.hasOwn(keys, key)) return `${key} is unknown here: name, length, via, interface and overlay are not`
    const type = keys[key as keyof typeof keys]
    if (typeof value !== type || (type === 'number' && !Number.isInteger(value)))
      return `${key} must be a ${type === 'number' ? 'whole number' : 'text'}`
  }
  return 'name' in body ? (body as PrefixRequest) : 'name is missing'
}
