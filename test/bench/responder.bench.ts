import { test } from 'vitest'
import { NdpLan } from '../lab/ndp-lan.ts'

/** Asks one address of another site after the other, each when the last was answered, and prints the times in microseconds. */
const prober = (count: number) => `
import { readFileSync } from 'node:fs'
import { parseIp6, solicitedNode } from './appliance/base/ip6.ts'
import { openPacket } from './appliance/system/packet.ts'
import { icmp6Frame } from './test/unit/ndp/frame.ts'
const link = { name: 'eth0', index: Number(readFileSync('/sys/class/net/eth0/ifindex', 'utf8')) }
const endpoint = openPacket({ link, etherType: 0x86dd })
const mac = '02:00:00:00:00:0b'
const source = parseIp6('fe80::ff:fe00:b')
const first = parseIp6('fc9c:56c2:e312:3456:7890::')
const frames = Array.from({ length: ${count} }, (_, n) => {
  const target = first + (BigInt(n) << 16n) + 7n
  const message = { kind: 'neighbour-solicitation', target, options: [{ kind: 'source-link-layer-address', mac }] }
  return { frame: icmp6Frame(message, { from: mac, source, destination: solicitedNode(target) }) }
})
const times = []
let asked = 0
let began = 0
const ask = () => {
  began = performance.now()
  endpoint.send([frames[asked++]])
}
endpoint.listen(batch => {
  if (!batch.some(({ frame }) => frame[54] === 136)) return
  times.push((performance.now() - began) * 1000)
  if (asked < frames.length) return setImmediate(ask)
  console.log(JSON.stringify(times))
  endpoint.close()
}, error => { throw error })
ask()
`

// Decides: may the responder stay in user space until the eBPF one is there? Yes, while a first packet waits less for us than
// for the kernel's own neighbour discovery (30 µs over veth) and the forwarding behind it together take it: well under 1 ms.
test('a solicitation over veth and back, responder and prober in processes of their own', async () => {
  await using lan = await NdpLan.create()
  await using _ = await lan.start()
  const run = ['--no-warnings', '--input-type=module-typescript', '-e', prober(6_000)]
  const times = JSON.parse(await lan.host.run(process.execPath, ...run)) as number[]
  const warm = times.slice(1_000).toSorted((a, b) => a - b)
  const at = (share: number) => Math.round(warm[Math.floor(warm.length * share)]!)
  console.log(
    `responder: median ${at(0.5)} µs, 90 % ${at(0.9)} µs, 99 % ${at(0.99)} µs; first of all ${Math.round(times[0]!)} µs`,
  )
})
