/** ZeroTier's local API: HTTP on loopback, on a port and with a token that stand in two files of its home. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { messageOf } from '../base/errors.ts'
import { formatNetworkId, type NetworkId } from '../plane/sixplane.ts'
import type { Visit } from './judge.ts'

const timeout = 1_500 // milliseconds for one answer, which usually takes one or two
const largestAnswer = 1 << 20 // octets

const statusSchema = z.object({
  address: z.string(),
  version: z.string().default('unknown'),
  online: z.boolean().default(true),
})
const memberSchema = z.object({
  status: z.string(),
  portDeviceName: z // becomes a part of paths
    .string()
    .regex(/^(?!\.\.?$)[^\s/]{0,15}$/)
    .default(''),
  portError: z.number().default(0),
  assignedAddresses: z.array(z.string()).default([]),
  allowManaged: z.boolean().default(true),
  mtu: z.number().optional(),
})

/** Something that keeps us from asking; becomes a Visit. */
class Obstacle extends Error {
  readonly kind: 'no-service' | 'bad-token'

  constructor(kind: 'no-service' | 'bad-token', reason: string) {
    super(reason)
    this.kind = kind
  }
}

/** Asks once, with the port and the token read anew, since a restart of the service may change both. Never rejects. */
export async function visit(home: string, network: NetworkId, signal?: AbortSignal): Promise<Visit> {
  try {
    const port = await readPort(home)
    const token = await readToken(home)
    const get = (path: string) => ask({ method: 'GET', path, port, token }, signal)
    const [status, member] = await Promise.all([get('/status'), get(`/network/${formatNetworkId(network)}`)])
    if (status === undefined) throw new Obstacle('no-service', `what answers on 127.0.0.1:${port} is not ZeroTier`)
    return {
      kind: 'answered',
      status: sane(statusSchema, status, port),
      member: member === undefined ? undefined : sane(memberSchema, member, port),
      remembered: existsSync(join(home, 'networks.d', `${formatNetworkId(network)}.conf`)),
    }
  } catch (error) {
    return obstacleOf(error)
  }
}

/** Asks the service to join the network; what comes of it, later visits tell. Undefined, or what keeps us from asking. */
export async function joinNetwork(home: string, network: NetworkId, signal?: AbortSignal): Promise<Visit | undefined> {
  try {
    const port = await readPort(home)
    const token = await readToken(home)
    const path = `/network/${formatNetworkId(network)}`
    const answer = await ask({ method: 'POST', path, port, token }, signal) // {} where it could make no interface
    if (answer === undefined) throw new Obstacle('no-service', `what answers on 127.0.0.1:${port} is not ZeroTier`)
    return undefined
  } catch (error) {
    return obstacleOf(error)
  }
}

function obstacleOf(error: unknown): Visit {
  if (error instanceof Obstacle) return { kind: error.kind, reason: error.message }
  return { kind: 'no-service', reason: `ZeroTier's local API can't be asked: ${messageOf(error)}` }
}

function sane<T>(schema: z.ZodType<T>, body: unknown, port: number): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new Obstacle('no-service', `what answers on 127.0.0.1:${port} is not ZeroTier, or not one that we know`)
}

async function readPort(home: string): Promise<number> {
  const file = join(home, 'zerotier-one.port')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      if (!existsSync(home))
        throw new Obstacle(
          'no-service',
          `ZeroTier is not installed (no ${home}): install it, or name its folder as home`,
        )
      throw new Obstacle('no-service', `ZeroTier does not run (no ${file}): systemctl start zerotier-one`)
    }
    if (error.code === 'EACCES') throw new Obstacle('bad-token', unreadable(file))
    throw error
  })
  const port = Number(text.trim())
  if (!/^\d+$/.test(text.trim()) || port < 1 || port > 65_535) {
    throw new Obstacle('no-service', `${file} does not hold a port number: systemctl restart zerotier-one`)
  }
  return port
}

async function readToken(home: string): Promise<string> {
  const file = join(home, 'authtoken.secret')
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EACCES') throw new Obstacle('bad-token', unreadable(file))
    if (error.code === 'ENOENT') {
      throw new Obstacle('bad-token', `ZeroTier's token ${file} is missing: systemctl restart zerotier-one`)
    }
    throw error
  })
  if (/^[\x21-\x7e]+$/.test(text.trim())) return text.trim()
  throw new Obstacle('bad-token', `${file} does not hold a token: remove it and systemctl restart zerotier-one`)
}

/** The unit gives us CAP_DAC_READ_SEARCH; without it, the owner of the file can let us in. */
function unreadable(file: string): string {
  const user = process.getuid?.() ?? 0
  return `${file} may not be read by user ${user}: give the service CAP_DAC_READ_SEARCH, or setfacl -m u:${user}:r ${file}`
}

interface Question {
  readonly method: 'GET' | 'POST' // a POST carries no settings of its own: `{}`
  readonly path: string
  readonly port: number
  readonly token: string
}

/** The parsed body, or undefined where the answer is 404. */
async function ask({ method, path, port, token }: Question, signal?: AbortSignal): Promise<unknown> {
  const { request } = await import('node:http') // takes long to load, and the hosts come first
  const limit = AbortSignal.timeout(timeout) // for the whole answer: a server may send an octet now and then for ever
  const refused = (error: NodeJS.ErrnoException) => {
    if (limit.aborted) return new Obstacle('no-service', `ZeroTier does not answer on 127.0.0.1:${port} in time`)
    if (error.code !== 'ECONNREFUSED') return error
    return new Obstacle('no-service', `nothing answers on 127.0.0.1:${port}: systemctl restart zerotier-one`)
  }
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { 'X-ZT1-Auth': token },
      agent: false,
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    } as const
    const call = request(options, response => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > largestAnswer) call.destroy(new Obstacle('no-service', 'an answer too long to be ZeroTier'))
      })
      response.on('error', error => reject(refused(error)))
      response.on('end', () => {
        try {
          resolve(answer(response.statusCode ?? 0, body, port))
        } catch (error) {
          reject(error)
        }
      })
    })
    call.on('error', error => reject(refused(error)))
    call.end(method === 'POST' ? '{}' : undefined)
  })
}

function answer(code: number, body: string, port: number): unknown {
  if (code === 404) return undefined
  if (code === 401 || code === 403) {
    throw new Obstacle('bad-token', 'ZeroTier refuses its own token: systemctl restart zerotier-one')
  }
  if (code !== 200) throw new Obstacle('no-service', `ZeroTier's local API on port ${port} answers with status ${code}`)
  try {
    return JSON.parse(body)
  } catch {
    throw new Obstacle('no-service', `what answers on 127.0.0.1:${port} is not ZeroTier`)
  }
}
