import { expect, test } from 'vitest'
import { nodeOfIdentity } from '../../../appliance/plane/identity.ts'

const key = '0a'.repeat(64)

test.for([
  { name: 'public', text: `89e92ceee5:0:${key}`, node: 0x89e92ceee5n },
  { name: 'secret', text: `89e92ceee5:0:${key}:${key}`, node: 0x89e92ceee5n },
  { name: 'with the end of its line', text: `89e92ceee5:0:${key}\n`, node: 0x89e92ceee5n },
  { name: 'of a newer type', text: `89e92ceee5:1:${key}`, node: 0x89e92ceee5n },
])('an identity, $name', ({ text, node }) => {
  expect(nodeOfIdentity(text)).toBe(node)
})

test.for([
  { name: 'empty', text: '' },
  { name: 'an address alone', text: '89e92ceee5' },
  { name: 'an address and a type', text: '89e92ceee5:0:' },
  { name: 'a token', text: 'abcdefghijklmnopqrstuvwx' },
  { name: 'an address too short', text: `89e92ceee:0:${key}` },
  { name: 'an address that is reserved', text: `ff00000001:0:${key}` },
  { name: 'two of them', text: `89e92ceee5:0:${key}\n89e92ceee5:0:${key}` },
  { name: 'cut off in the secret key', text: `89e92ceee5:0:${key}:` },
])('no identity: $name', ({ text }) => {
  expect(nodeOfIdentity(text)).toBeUndefined()
})
