/**
 * Sends datagrams to a port that nobody has, evenly, to one address after the other, until SIGTERM; then says how many it sent. What it could not send in time, for
 * the machine was busy, it makes up for.
 * `node datagrams.ts ADDRESS,… PORT RATE`
 */
import { createSocket } from 'node:dgram'

const [list, port, rate] = process.argv.slice(2)
const addresses = list!.split(',')
const mostAtOnce = 200 // a burst that no queue on the way has to drop
const payload = Buffer.alloc(64)
const counts = { sent: 0, refused: 0 }
let asked = 0

// An address is no name: without this each one would be looked up.
const socket = createSocket({ type: 'udp6', lookup: (name, _, found) => found(null, name, 6) })
const began = performance.now()
const timer = setInterval(() => {
  const due = Math.floor(((performance.now() - began) / 1000) * Number(rate)) - asked
  for (let i = 0; i < Math.min(due, mostAtOnce); i++) {
    const address = addresses[asked % addresses.length]
    asked++
    socket.send(payload, Number(port), address, error => {
      counts[error ? 'refused' : 'sent']++
    })
  }
}, 1)

process.on('SIGTERM', () => {
  clearInterval(timer)
  const seconds = (performance.now() - began) / 1000
  const end = setInterval(() => {
    if (counts.sent + counts.refused < asked) return
    clearInterval(end)
    process.stdout.write(`${JSON.stringify({ ...counts, seconds })}\n`, () => process.exit())
  }, 5)
})
process.stdout.write('sending\n')
