import { expect, test } from 'vitest'
import { type Message, MessageType } from '../../../appliance/dhcp/message.ts'
import type { Option } from '../../../appliance/dhcp/options.ts'
import { refusal } from '../../../appliance/dhcp/validate.ts'
import { host, ia, pd, them, us } from './scene.ts'

const client: Option = { kind: 'client-id', duid: host }
const toUs: Option = { kind: 'server-id', duid: us }
const toThem: Option = { kind: 'server-id', duid: them }

const accepted: [string, keyof typeof MessageType, Option[]][] = [
  ['E01 Solicit', 'solicit', [client]],
  ['E03 Request', 'request', [client, toUs]],
  ['E04 Confirm', 'confirm', [client]],
  ['E05 Renew', 'renew', [client, toUs]],
  ['E06 Rebind', 'rebind', [client]],
  ['E07 Decline', 'decline', [client, toUs]],
  ['E08 Release', 'release', [client, toUs]],
  ['E09 Information-request without identifiers', 'informationRequest', []],
  ['E09 Information-request to us', 'informationRequest', [client, toUs]],
  ['D08 an unknown option', 'solicit', [client, { kind: 'unknown', code: 4242, bytes: new Uint8Array(3) }]],
  ['D09 options in any order', 'request', [ia(), toUs, client]],
]

const refused: [string, keyof typeof MessageType, Option[], string][] = [
  ['E01 Solicit without client', 'solicit', [], 'no client identifier'],
  ['E01 Solicit to a server', 'solicit', [client, toUs], 'a server identifier in a message to all servers'],
  ['E02 Advertise', 'advertise', [client, toUs], 'not a message for a server'],
  ['E02 Reply', 'reply', [client, toUs], 'not a message for a server'],
  ['E02 Reconfigure', 'reconfigure', [client, toUs], 'not a message for a server'],
  ['E03 Request without server', 'request', [client], 'no server identifier'],
  ['E03 Request to another', 'request', [client, toThem], 'for another server'],
  ['E03 Request without client', 'request', [toUs], 'no client identifier'],
  ['E04 Confirm to a server', 'confirm', [client, toUs], 'a server identifier in a message to all servers'],
  ['E04 Confirm without client', 'confirm', [], 'no client identifier'],
  ['E05 Renew without server', 'renew', [client], 'no server identifier'],
  ['E05 Renew to another', 'renew', [client, toThem], 'for another server'],
  ['E05 Renew without client', 'renew', [toUs], 'no client identifier'],
  ['E06 Rebind to a server', 'rebind', [client, toUs], 'a server identifier in a message to all servers'],
  ['E06 Rebind without client', 'rebind', [], 'no client identifier'],
  ['E07 Decline to another', 'decline', [client, toThem], 'for another server'],
  ['E07 Decline without client', 'decline', [toUs], 'no client identifier'],
  ['E08 Release to another', 'release', [client, toThem], 'for another server'],
  ['E08 Release without server', 'release', [client], 'no server identifier'],
  ['E09 Information-request to another', 'informationRequest', [toThem], 'for another server'],
  ...[ia(), pd()].map((option): [string, keyof typeof MessageType, Option[], string] => [
    `E09 Information-request with ${option.kind}`,
    'informationRequest',
    [client, option],
    'an identity association where only configuration may be asked for',
  ]),
  ['D09 two clients', 'solicit', [client, client], 'an identifier that may appear once appears again'],
  ['D09 two servers', 'request', [client, toUs, toThem], 'an identifier that may appear once appears again'],
]

const of = (type: number, options: Option[]): Message => ({ type, transaction: 1, options })

test.for(accepted)('%s is accepted', ([, type, options]) => {
  expect(refusal(of(MessageType[type], options), us)).toBeUndefined()
})

test.for(refused)('%s is discarded', ([, type, options, reason]) => {
  expect(refusal(of(MessageType[type], options), us)).toBe(reason)
})

test.for([0, 14, 36, 255])('D05 message type %i is discarded', type => {
  expect(refusal(of(type, [client]), us)).toBe('not a message for a server')
})
