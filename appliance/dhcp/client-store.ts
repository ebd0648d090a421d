/**
 * What is known of clients besides their leases: the relays between us and them, and the key by which they believe a Reconfigure.
 * A file of its own, apart from the leases: where it fails, leases go on, and all that is lost is the short way to a client.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, rmSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { equalBytes } from '../base/bytes.ts'
import type { Clock } from '../base/clock.ts'
import { messageOf } from '../base/errors.ts'
import { formatIp6, type Ip6, parseIp6 } from '../base/ip6.ts'
import { type Log, Throttle } from '../base/log.ts'
import { type Duid, parseDuid } from './duid.ts'
import { keyLength } from './reconfigure-key.ts'
import { formatRoute, parseRoute, type Route } from './route.ts'

export interface Client {
  readonly subnet: number | undefined // of its LAN
  readonly duid: Duid
  readonly address: Ip6 // link-local, on its own link
  readonly route: Route | undefined // undefined: it is on our own link
  readonly key: Uint8Array | undefined // of the Reconfigure Key Authentication Protocol; undefined: it takes no Reconfigure
  readonly until: number // when its leases end, milliseconds since 1970
}

const schema = `
  CREATE TABLE IF NOT EXISTS client (
    lan INTEGER NOT NULL, -- number of the further LAN, -1 for the first
    duid TEXT NOT NULL,
    address TEXT NOT NULL,
    route TEXT,
    key BLOB,
    until INTEGER NOT NULL,
    PRIMARY KEY (lan, duid)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS client_until ON client (until);
  CREATE TABLE IF NOT EXISTS told (lan INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS replay (id INTEGER PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;`

const firstLan = -1
const usualMost = 131_072 // our own: a stranger may call itself anything, and leases that were given up leave their clients here
const kept = 0.99 // of them, when it is full
const renewable = 0.25 // of a lease, our own: who has been silent for the rest of it need not be asked to renew

const keyOf = (subnet: number | undefined, duid: Duid): string => `${subnet ?? firstLan}/${duid}`

type Row = Record<string, string | number | Uint8Array | null>

export class ClientStore implements Disposable {
  readonly #path: string
  readonly #most: number
  readonly #log: Log
  readonly #clock: Clock
  readonly #throttle: Throttle
  readonly #db: DatabaseSync | undefined
  readonly #find: StatementSync | undefined
  readonly #put: StatementSync | undefined
  readonly #keyed = new Set<string>()
  #count = 0
  #replay: bigint | undefined
  #failure: string | undefined // since which nothing could be written

  /** A file that can't be used is made anew; where that fails too, nothing is remembered and the log says so. */
  constructor(path: string, log: Log, clock: Clock, most = usualMost) {
    this.#most = most
    this.#path = path
    this.#log = log
    this.#clock = clock
    this.#throttle = new Throttle(clock)
    this.#db = this.#attempt(() => opened(path)) ?? this.#write(() => anew(path))
    this.#find = this.#db?.prepare('SELECT * FROM client WHERE lan = ? AND duid = ?')
    this.#put = this.#db?.prepare('INSERT OR REPLACE INTO client VALUES (?, ?, ?, ?, ?, ?)')
    this.#look()
  }

  /** Whether a client takes a Reconfigure: known without a look at the file, since every reply asks. */
  hasKey(subnet: number | undefined, duid: Duid): boolean {
    return this.#keyed.has(keyOf(subnet, duid))
  }

  find(subnet: number | undefined, duid: Duid): Client | undefined {
    if (this.#count === 0) return undefined
    const row = this.#attempt(() => this.#find?.get(subnet ?? firstLan, duid))
    return row && clientOf(row as Row)
  }

  /** Remembers a client from the next commit on. What is known is not written again: most hosts renew, and stay where they are. */
  put(client: Client): void {
    this.#attempt(() => {
      const { subnet, duid, address, route, key, until } = client
      const text = route && formatRoute(route)
      if (this.#isKnown(client, text)) return
      if (!this.#db?.isTransaction) this.#db?.exec('BEGIN IMMEDIATE')
      if (this.#count >= this.#most) this.#prune()
      this.#put?.run(subnet ?? firstLan, duid, formatIp6(address), text ?? null, key ?? null, until)
      if (key) this.#keyed.add(keyOf(subnet, duid))
      else this.#keyed.delete(keyOf(subnet, duid))
      this.#count++ // one that was known counts twice until the next look
    })
  }

  /** Stores what was put. */
  commit(): void {
    if (this.#db?.isOpen && this.#db.isTransaction) this.#write(() => this.#db?.exec('COMMIT'))
  }

  /** Clients of a LAN that take a Reconfigure and have leases now. */
  reconfigurable(subnet: number | undefined, now: number): Duid[] {
    const query = 'SELECT duid FROM client WHERE lan = ? AND key IS NOT NULL AND until > ?'
    return this.#rows(query, subnet ?? firstLan, now).map(row => parseDuid(String(row['duid'])))
  }

  /** How to reach the clients of a LAN behind relays. */
  routes(subnet: number | undefined): Map<Duid, Route> {
    const rows = this.#rows('SELECT duid, route FROM client WHERE lan = ? AND route IS NOT NULL', subnet ?? firstLan)
    return new Map(
      rows.flatMap(row => {
        const route = parseRoute(String(row['route']))
        return route ? [[parseDuid(String(row['duid'])), route] as const] : []
      }),
    )
  }

  /** What the hosts of a LAN were last told, as a text of the caller's. */
  told(subnet: number | undefined): string | undefined {
    const [row] = this.#rows('SELECT text FROM told WHERE lan = ?', subnet ?? firstLan)
    return row && String(row['text'])
  }

  tell(subnet: number | undefined, text: string): void {
    this.#write(() => this.#db?.prepare('INSERT OR REPLACE INTO told VALUES (?, ?)').run(subnet ?? firstLan, text))
  }

  /**
   * A number greater than every one before, also of earlier runs: its upper half is the time of the start, or more where the clock
   * was set back. Undefined where that can't be kept. RFC 9915 section 20.3.
   */
  replay(): bigint | undefined {
    this.#replay ??= this.#write(() => this.#epoch())
    if (this.#replay !== undefined) this.#replay++
    return this.#replay
  }

  /** What is wrong, as clauses for the status. */
  reasons(): string[] {
    if (this.#failure === undefined) return []
    return [`clients can't be asked to renew, since ${this.#path} can't be used: ${this.#failure}`]
  }

  /** 16 octets that nobody can guess. */
  newKey(): Uint8Array {
    return new Uint8Array(randomBytes(keyLength))
  }

  [Symbol.dispose](): void {
    this.commit()
    this.#db?.close()
  }

  /** Whether the file says the same of a client, but for an end of its leases that has moved a little. */
  #isKnown({ subnet, duid, address, key, until }: Client, route: string | undefined): boolean {
    const row = this.#count === 0 ? undefined : (this.#find?.get(subnet ?? firstLan, duid) as Row | undefined)
    if (!row || row['address'] !== formatIp6(address) || row['route'] !== (route ?? null)) return false
    const held = row['key'] instanceof Uint8Array ? row['key'] : undefined
    if (held && key ? !equalBytes(held, key) : held !== key) return false
    return Math.abs(until - Number(row['until'])) < (until - this.#clock.now()) * renewable
  }

  #epoch(): bigint | undefined {
    if (!this.#db) return undefined
    const last = Number(this.#row('SELECT epoch FROM replay')?.['epoch'] ?? 0)
    const epoch = Math.max(last + 1, Math.floor(this.#clock.now() / 1000))
    this.#db.prepare('INSERT OR REPLACE INTO replay VALUES (1, ?)').run(epoch)
    return BigInt(epoch) << 32n
  }

  #prune(): void {
    this.#db?.prepare('DELETE FROM client WHERE until <= ?').run(this.#clock.now())
    const oldest = 'SELECT lan, duid FROM client ORDER BY until LIMIT max(0, (SELECT count(*) FROM client) - ?)'
    this.#db?.prepare(`DELETE FROM client WHERE (lan, duid) IN (${oldest})`).run(Math.floor(this.#most * kept))
    this.#look()
  }

  /** What the file holds. */
  #look(): void {
    this.#count = Number(this.#row('SELECT count(*) AS n FROM client')?.['n'] ?? 0)
    this.#keyed.clear()
    for (const { lan, duid } of this.#rows('SELECT lan, duid FROM client WHERE key IS NOT NULL'))
      this.#keyed.add(`${lan}/${duid}`)
  }

  #row(query: string): Row | undefined {
    return this.#rows(query)[0]
  }

  #rows(query: string, ...values: (string | number)[]): Row[] {
    return this.#attempt(() => this.#db?.prepare(query).all(...values) as Row[] | undefined) ?? []
  }

  /** What ends a failure where it succeeds; that something can be read does not. */
  #write<T>(body: () => T): T | undefined {
    return this.#attempt(() => {
      const result = body()
      if (result !== undefined || this.#db) this.#failure = undefined
      return result
    })
  }

  #attempt<T>(body: () => T): T | undefined {
    try {
      return body()
    } catch (error) {
      this.#failure = messageOf(error)
      const pass = this.#throttle.pass('clients')
      if (pass)
        this.#log.warn(
          { err: error, path: this.#path, ...pass },
          'what is known of clients besides their leases is lost',
        )
      return undefined
    }
  }
}

function opened(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600)) // the keys are nobody else's business
  const db = new DatabaseSync(path)
  try {
    // A power failure may cost the last few: their clients are reached at their next renewal then.
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 100; ${schema}`)
    db.exec('PRAGMA cache_size = -256') // KB
    db.prepare('SELECT * FROM client LIMIT 1').all()
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function anew(path: string): DatabaseSync {
  for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true })
  return opened(path)
}

function clientOf(row: Row): Client {
  const lan = Number(row['lan'])
  return {
    subnet: lan === firstLan ? undefined : lan,
    duid: parseDuid(String(row['duid'])),
    address: parseIp6(String(row['address'])),
    route: row['route'] === null ? undefined : parseRoute(String(row['route'])),
    key: row['key'] instanceof Uint8Array ? row['key'] : undefined,
    until: Number(row['until']),
  }
}
