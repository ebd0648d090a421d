/** Solicits on eth0 every 2 ms until somebody answers: `node first-answer.ts`. Prints `solicits`, then when the answer came. */
import { readFileSync } from 'node:fs'
import { parseIp6 } from '../../appliance/base/ip6.ts'
import { parseDuid } from '../../appliance/dhcp/duid.ts'
import { decodeMessage, encodeMessage, MessageType } from '../../appliance/dhcp/message.ts'
import { openUdp } from '../../appliance/system/udp.ts'

const link = { name: 'eth0', index: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')) }
const endpoint = openUdp({ link, port: 546, groups: [] })
const bytes = encodeMessage({
  type: MessageType.solicit,
  transaction: 0x123456,
  options: [
    { kind: 'client-id', duid: parseDuid('00:03:00:01:02:00:00:00:00:0b') },
    { kind: 'ia-na', iaid: 1, t1: 0, t2: 0, options: [] },
  ],
})
const again = setInterval(() => endpoint.send([{ bytes, address: parseIp6('ff02::1:2'), port: 547 }]), 2)
endpoint.listen(
  batch => {
    if (!batch.some(({ bytes }) => decodeMessage(bytes).type === MessageType.advertise)) return
    console.log(`answered at ${performance.timeOrigin + performance.now()}`)
    clearInterval(again)
    endpoint.close()
  },
  error => console.log(error.message),
)
console.log('solicits')
