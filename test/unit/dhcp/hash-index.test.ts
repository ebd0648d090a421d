import { expect, test } from 'vitest'
import { parseDuid } from '../../../appliance/dhcp/duid.ts'
import { hashOfHost, hashOfKey, lanOf } from '../../../appliance/dhcp/slots.ts'
import { bindingOf } from './stored.ts'

const unshift = (h: number, by: number): number => {
  let value = h
  for (let done = by; done < 32; done += by) value = h ^ (value >>> by)
  return value
}
/** What `mix` makes of nothing, backwards, without its seed: anybody can do that. */
const unmix = (hash: number): number =>
  unshift(Math.imul(unshift(Math.imul(unshift(hash, 16), 0x7ed1b41d), 13), 0xa5cb9243), 16)

test('addresses that a stranger picks so that they share a hash do not', () => {
  // Offsets whose upper part undoes what the lower one does: all of one hash where there is no seed.
  const hosts = Array.from({ length: 4000 }, (_, high) => high * 2 ** 32 + ((unmix(7 ^ high) ^ lanOf(undefined)) >>> 0))
  expect(new Set(hosts.map(each => hashOfHost(undefined, each))).size).toBeGreaterThan(3990)
})

test('DUIDs that share a hash by the sum of their octets do not', () => {
  const octets = (number: number) =>
    number
      .toString(16)
      .padStart(6, '0')
      .replace(/..(?!$)/g, '$&:')
  const sum = (text: string) => [...text].reduce((hash, char) => (Math.imul(hash, 31) + char.charCodeAt(0)) | 0, 0)
  const seen = new Map<number, string>()
  const pairs: [string, string][] = []
  for (let number = 0; pairs.length < 20; number += 7919) {
    const text = octets(number % 2 ** 24)
    const other = seen.get(sum(text))
    if (other !== undefined && other !== text) pairs.push([text, other])
    seen.set(sum(text), text)
  }
  const hash = (text: string) => hashOfKey(bindingOf({ duid: parseDuid(`00:04:${text}`) }))
  expect(pairs.filter(([a, b]) => hash(a) === hash(b))).toEqual([])
})
