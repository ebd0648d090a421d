/**
 * A stand-in for the local API of the ZeroTier service, to be run on a router of the lab: it answers what `answers.json` in its
 * home says, `{status, networks: {<id>: …}, joining: {<id>: …}}`, in the form of recorded answers: a network that it is asked to join
 * becomes what `joining` has. Where `instead` is given, that is all it says. The overlay's interface is the lab's.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const home = process.argv[2]!
const token = randomBytes(12).toString('hex')
const port = 9993
const answersFile = join(home, 'answers.json')

/** Whole at once: the test may read it at any moment. */
function write(answers: object): void {
  writeFileSync(`${answersFile}.joined`, JSON.stringify(answers))
  renameSync(`${answersFile}.joined`, answersFile)
}

const server = createServer((request, response) => {
  const say = (code: number, body?: unknown) =>
    response.writeHead(code).end(body === undefined ? '' : JSON.stringify(body))
  if (request.headers['x-zt1-auth'] !== token) return say(401, {})
  if (!existsSync(answersFile)) return say(500, {}) // its home was taken away
  const answers = JSON.parse(readFileSync(answersFile, 'utf8'))
  if (answers.instead !== undefined) return response.end(answers.instead)
  const [, what, id] = (request.url ?? '').split('/')
  if (what === 'status') return say(200, answers.status)
  if (request.method === 'POST' && id !== undefined && !answers.networks[id] && answers.joining[id]) {
    answers.networks[id] = answers.joining[id]
    write(answers)
    mkdirSync(join(home, 'networks.d'), { recursive: true })
    writeFileSync(join(home, 'networks.d', `${id}.conf`), '\n')
  }
  const network = answers.networks[id ?? '']
  return network ? say(200, network) : say(404)
})
server.listen(port, '127.0.0.1', () => {
  writeFileSync(join(home, 'authtoken.secret'), token, { mode: 0o600 })
  writeFileSync(join(home, 'zerotier-one.port'), `${port}`)
  process.stdout.write('listening\n')
})
process.once('SIGTERM', () => process.exit(0)) // its port number stays behind
