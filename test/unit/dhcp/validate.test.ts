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
  ['E01 Solicit without client', 'solicit', [], 'noClientId'],
  ['E01 Solicit to a server', 'solicit', [client, toUs], 'serverIdToAll'],
  ['E02 Advertise', 'advertise', [client, toUs], 'notForServers'],
  ['E02 Reply', 'reply', [client, toUs], 'notForServers'],
  ['E02 Reconfigure', 'reconfigure', [client, toUs], 'notForServers'],
  ['E03 Request without server', 'request', [client], 'noServerId'],
  ['E03 Request to another', 'request', [client, toThem], 'foreignServerId'],
  ['E03 Request without client', 'request', [toUs], 'noClientId'],
  ['E04 Confirm to a server', 'confirm', [client, toUs], 'serverIdToAll'],
  ['E04 Confirm without client', 'confirm', [], 'noClientId'],
  ['E05 Renew without server', 'renew', [client], 'noServerId'],
  ['E05 Renew to another', 'renew', [client, toThem], 'foreignServerId'],
  ['E05 Renew without client', 'renew', [toUs], 'noClientId'],
  ['E06 Rebind to a server', 'rebind', [client, toUs], 'serverIdToAll'],
  ['E06 Rebind without client', 'rebind', [], 'noClientId'],
  ['E07 Decline to another', 'decline', [client, toThem], 'foreignServerId'],
  ['E07 Decline without client', 'decline', [toUs], 'noClientId'],
  ['E08 Release to another', 'release', [client, toThem], 'foreignServerId'],
  ['E08 Release without server', 'release', [client], 'noServerId'],
  ['E09 Information-request to another', 'informationRequest', [toThem], 'foreignServerId'],
  ...[ia(), pd()].map((option): [string, keyof typeof MessageType, Option[], string] => [
    `E09 Information-request with ${option.kind}`,
    'informationRequest',
    [client, option],
    'iaNotAllowed',
  ]),
  ['D09 two clients', 'solicit', [client, client], 'repeatedIdentifier'],
  ['D09 two servers', 'request', [client, toUs, toThem], 'repeatedIdentifier'],
]

const of = (type: number, options: Option[]): Message => ({ type, transaction: 1, options })

test.for(accepted)('%s is accepted', ([, type, options]) => {
  expect(refusal(of(MessageType[type], options), us)).toBeUndefined()
})

test.for(refused)('%s is discarded', ([, type, options, reason]) => {
  expect(refusal(of(MessageType[type], options), us)).toBe(reason)
})

test.for([0, 12, 13, 16, 35, 255])('D05 message type %i is discarded', type => {
  expect(refusal(of(type, [client]), us)).toBe('notForServers')
})
