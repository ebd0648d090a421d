/** Which address a host gets: the same one for ever, from what it calls itself and a secret, with no table. RFC 7943 section 4. */
import { hash } from 'node:crypto'
import { fromHex, Writer } from '../base/bytes.ts'
import { addressIn, type Ip6, type Prefix } from '../base/ip6.ts'
import type { LanPlan } from '../plane/plan.ts'
import type { BindingKey } from './binding.ts'
import { addressOf, hostOf } from './binding.ts'
import { duidBytes } from './duid.ts'

const iaTypes = { na: 3, pd: 25 } as const // their option codes
const firstLan = 0xff // no further LAN has this number

/** The number that the hash draws for attempt `counter` of a binding. It does not depend on the site's prefix. */
function draw(key: BindingKey, counter: number, secret: Uint8Array): bigint {
  const duid = duidBytes(key.duid)
  const out = new Writer(64)
  out
    .u8(key.subnet ?? firstLan)
    .u8(duid.length)
    .bytes(duid)
    .u8(iaTypes[key.iaType])
    .u32(key.iaid)
  if (key.clone !== undefined) out.bytes(fromHex(key.clone))
  return hmac(secret, out.u32(counter).take()).readBigUInt64BE(0)
}

/** The same of a prefix that is chosen by its name. No secret: whoever knows the name may know the prefix, and it is the same again where all files are lost. */
export function drawNamed(name: string, counter: number): bigint {
  return hash('sha256', `siteplane prefix ${name} ${counter}`, 'buffer').readBigUInt64BE(0)
}

/** HMAC-SHA256 by its definition: Node's own makes objects that cost more than the hashes. RFC 2104 section 2. */
function hmac(secret: Uint8Array, message: Uint8Array): Buffer {
  const key = secret.length > block ? hash('sha256', secret, 'buffer') : secret
  inner.fill(0x36, 0, block)
  outer.fill(0x5c, 0, block)
  for (let i = 0; i < key.length; i++) {
    inner[i]! ^= key[i]!
    outer[i]! ^= key[i]!
  }
  inner.set(message, block)
  outer.set(hash('sha256', inner.subarray(0, block + message.length), 'buffer'), block)
  return hash('sha256', outer, 'buffer')
}
const block = 64 // octets that SHA-256 takes at a time
const inner = new Uint8Array(block + 256) // for the longest DUID, with all that is drawn for
const outer = new Uint8Array(block + 32)

/** The candidate number `counter` for an address: its offset in the LAN's prefix, within the dynamic range. */
export function candidate(key: BindingKey, counter: number, secret: Uint8Array, plan: LanPlan): number {
  const first = hostOf(plan.prefix, plan.dynamic.first)
  const size = BigInt(hostOf(plan.prefix, plan.dynamic.last) - first + 1)
  return first + Number(draw(key, counter, secret) % size)
}

/** Whether the last 64 bits are kept for something else by IANA. RFC 5453 section 3. */
export function isReservedInterfaceId(address: Ip6): boolean {
  const id = BigInt.asUintN(64, address)
  if (id === 0n) return true // the subnet-router anycast address, RFC 4291 section 2.6.1
  if (id >= 0xfdff_ffff_ffff_ff80n && id <= 0xfdff_ffff_ffff_ffffn) return true
  return id >= 0x0200_5eff_fe00_0000n && id <= 0x0200_5eff_fe00_5212n
}

const attempts = 64 // in a pool of 2^40 and more only quarantine and reserved ones are ever met; a small test pool needs luck

/** The first candidate that `isFree` lets through, or undefined. */
export function allocate(
  key: BindingKey,
  secret: Uint8Array,
  plan: LanPlan,
  isFree: (host: number) => boolean,
): number | undefined {
  for (let counter = 0; counter < attempts; counter++) {
    const host = candidate(key, counter, secret, plan)
    if (!isReservedInterfaceId(addressOf(plan.prefix, host)) && isFree(host)) return host
  }
  return undefined
}

const neighbours = 1024 // prefixes beside the candidate that are looked at in a crowded pool

/** The same for the prefix of a binding. */
export const drawFor =
  (key: BindingKey, secret: Uint8Array) =>
  (counter: number): bigint =>
    draw(key, counter, secret)

/** The first candidate for a prefix of this length in `pool` that `isFree` lets through, as its first address; or undefined. */
export function allocatePrefix(
  draw: (counter: number) => bigint,
  pool: Prefix,
  length: number,
  isFree: (first: Ip6) => boolean,
): Ip6 | undefined {
  const count = 1n << BigInt(length - pool.length)
  const at = (index: bigint) => addressIn(pool, index << BigInt(128 - length))
  for (let counter = 0; counter < attempts; counter++) {
    const first = at(draw(counter) % count)
    if (isFree(first)) return first
  }
  const start = draw(0)
  for (let i = 0n; i < neighbours && i < count; i++) {
    const first = at((start + i) % count)
    if (isFree(first)) return first
  }
  return undefined
}
