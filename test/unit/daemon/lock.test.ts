import { connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { takeLock } from '../../../appliance/daemon/lock.ts'

// A name of its own for each test, beside the daemon's that may run on this machine.
const named = (name: string) => `\0siteplane-test-${process.pid}-${name}`

test('is held by one at a time, who is named to the second', async () => {
  const address = named('one')
  {
    await using _lock = await takeLock(address)
    await expect(takeLock(address)).rejects.toThrow(
      `another siteplane runs in this network namespace already (process ${process.pid})`,
    )
  }
  await using _again = await takeLock(address)
})

test('strangers who connect and leave at once do its holder no harm', async () => {
  const address = named('strangers')
  await using _lock = await takeLock(address)
  const visits = Array.from(
    { length: 200 },
    () =>
      new Promise<void>(resolve => {
        const client = connect({ path: address }, () => client.destroy())
        client.on('error', () => {}).on('close', () => resolve())
      }),
  )
  await Promise.all(visits)
  await expect(takeLock(address)).rejects.toThrow(`process ${process.pid}`)
})

test('a stranger who holds the name and says anything but a number is not quoted', async () => {
  const address = named('liar')
  const liar = createServer(client => client.on('error', () => {}).write('\u001b[2J1234 and more'))
  await new Promise<void>(resolve => liar.listen({ path: address }, resolve))
  await expect(takeLock(address)).rejects.toThrow('(process unknown)')
  liar.close()
})
