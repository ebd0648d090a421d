import { expect, test } from 'vitest'
import { cable, Namespaces } from './namespaces.ts'

/**
 *   near ── v0 ═══ v0 ── far
 *   fe80::1             fe80::2
 */
async function pair() {
  const namespaces = new Namespaces()
  try {
    const near = await namespaces.add('near')
    const far = await namespaces.add('far')
    await cable(
      { namespace: near, link: 'v0', mac: '02:00:00:00:00:01' },
      { namespace: far, link: 'v0', mac: '02:00:00:00:00:02' },
    )
    await near.run('ip', 'addr', 'add', 'fe80::1/64', 'dev', 'v0', 'nodad')
    await far.run('ip', 'addr', 'add', 'fe80::2/64', 'dev', 'v0', 'nodad')
    const [link] = await near.ip('link', 'show', 'v0')
    const [farLink] = await far.ip('link', 'show', 'v0')
    return { namespaces, near, far, index: link!['ifindex'] as number, farIndex: farLink!['ifindex'] as number }
  } catch (error) {
    await namespaces[Symbol.asyncDispose]()
    throw error
  }
}

const prelude = `
import { readFileSync } from 'node:fs'
import { formatIp6, parseIp6 } from './appliance/base/ip6.ts'
import { toHex, fromHex } from './appliance/base/bytes.ts'
import { openUdp } from './appliance/system/udp.ts'
import { openIcmp } from './appliance/system/icmp6.ts'
import { openPacket } from './appliance/system/packet.ts'
const say = value => console.log(JSON.stringify(value))
const link = { name: 'v0', index: Number(readFileSync('/sys/class/net/v0/ifindex', 'utf8')) }
const failed = error => say({ error: error.message })
`

test('UDP: batches come with sender and link, an answer goes back, and a closed endpoint lets the process end', async () => {
  const { namespaces, near, far, index } = await pair()
  await using _ = namespaces
  const server = near.program(`${prelude}
    const endpoint = openUdp({ link, port: 547, groups: [parseIp6('ff02::1:2')] })
    let seen = 0
    endpoint.listen(batch => {
      for (const { address, destination, port, link, bytes } of batch)
        say({ from: formatIp6(address), to: formatIp6(destination), port, link, size: bytes.length })
      const failures = endpoint.send(batch)
      if (failures.length > 0) say({ failures })
      seen += batch.length
      if (seen === 100) endpoint.close()
    }, failed)
    say({ ready: true })
  `)
  await server.line(line => line['ready'] === true)
  const client = far.program(`${prelude}
    const endpoint = openUdp({ link, port: 546, groups: [] })
    let echoed = 0
    endpoint.listen(batch => {
      echoed += batch.length
      if (echoed === 100) { const { address, destination, bytes } = batch.at(-1); say({ echoed, from: formatIp6(address), to: formatIp6(destination), size: bytes.length }); endpoint.close() }
    }, failed)
    const failures = endpoint.send(Array.from({ length: 100 }, (_, i) => (
      { bytes: new Uint8Array(i === 99 ? 3000 : 100 + i), address: parseIp6('ff02::1:2'), port: 547 })))
    say({ failures })
  `)
  expect(await client.line(line => 'failures' in line)).toEqual({ failures: [] })
  expect(await client.line(line => 'echoed' in line)).toEqual({
    echoed: 100,
    from: 'fe80::1',
    to: 'fe80::2',
    size: 3000,
  })
  expect(await server.line(line => line['size'] === 142)).toEqual({
    from: 'fe80::2',
    to: 'ff02::1:2',
    port: 546,
    link: index,
    size: 142,
  })
  expect(await Promise.all([server.ended, client.ended])).toEqual([0, 0])
})

test('UDP: what can not leave is told by index, and the rest leaves', async () => {
  const { namespaces, far } = await pair()
  await using _ = namespaces
  await far.run('ip', '-6', 'route', 'add', 'unreachable', 'fc00:bad::/32')
  const client = far.program(`${prelude}
    const endpoint = openUdp({ link, port: 546, groups: [] })
    const to = (address, size = 10) => ({ bytes: new Uint8Array(size), address: parseIp6(address), port: 547 })
    say(endpoint.send([to('fe80::1'), to('fc00:bad::1'), to('fe80::1', 70_000), to('fe80::1')]))
    endpoint.close()
    say(endpoint.send([to('fe80::1')]))
  `)
  await client.ended
  expect(client.lines).toEqual([
    [
      { index: 2, errno: 'EMSGSIZE' },
      { index: 1, errno: expect.stringMatching(/^E(NETUNREACH|HOSTUNREACH)$/) },
    ],
    [{ index: 0, errno: 'EBADF' }],
  ])
})

test('UDP: two links have a socket each on the same port; a second on one link is refused by name, and who shares is not', async () => {
  const { namespaces, near, far } = await pair()
  await using _ = namespaces
  await cable({ namespace: near, link: 'v1' }, { namespace: far, link: 'v1' })
  const program = near.program(`${prelude}
    const other = { name: 'v1', index: Number(readFileSync('/sys/class/net/v1/ifindex', 'utf8')) }
    using first = openUdp({ link, port: 547, groups: [parseIp6('ff02::1:2')] })
    using second = openUdp({ link: other, port: 547, groups: [parseIp6('ff02::1:2')] })
    try { openUdp({ link, port: 547, groups: [] }) } catch (error) { failed(error) }
    const sharing = (await import('node:dgram')).createSocket({ type: 'udp6', reuseAddr: true })
    await new Promise((resolve, reject) => sharing.on('error', reject).bind(547, resolve))
    sharing.close()
    try { openUdp({ link: { name: 'none', index: 99 }, port: 547, groups: [] }) } catch (error) { failed(error) }
  `)
  expect(await program.ended).toBe(0)
  expect(program.lines).toEqual([
    { error: 'bind UDP port 547 on v0: EADDRINUSE' },
    { error: 'bind a socket to none: ENODEV' },
  ])
})

test('ICMPv6: a solicitation arrives with hop limit and link, an advertisement leaves with hop limit 255', async () => {
  const { namespaces, near, far, index } = await pair()
  await using _ = namespaces
  const router = near.program(`${prelude}
    const endpoint = openIcmp({ link, types: [133], groups: [parseIp6('ff02::2')] })
    endpoint.listen(batch => {
      // The host's kernel solicits too, from the address that it made of its MAC.
      const sent = batch.filter(({ source }) => formatIp6(source) === 'fe80::2')
      if (sent.length === 0) return
      for (const { bytes, source, destination, hopLimit, link } of sent)
        say({ type: bytes[0], source: formatIp6(source), destination: formatIp6(destination), hopLimit, link })
      const advertisement = new Uint8Array(16)
      advertisement[0] = 134
      say({ failures: endpoint.send([
        { bytes: advertisement, destination: parseIp6('ff02::1'), source: parseIp6('fe80::1') },
        { bytes: Uint8Array.of(151, 20, 0, 0, 0, 0, 0, 0), destination: parseIp6('ff02::6a'), hopLimit: 1, routerAlert: true },
        { bytes: advertisement, destination: parseIp6('ff02::1'), source: parseIp6('fe80::99') },
      ]) })
      endpoint.close()
    }, failed)
    say({ ready: true })
  `)
  await router.line(line => line['ready'] === true)
  const host = far.program(`${prelude}
    const endpoint = openIcmp({ link, types: [134, 151], groups: [parseIp6('ff02::1'), parseIp6('ff02::6a')] })
    let seen = 0
    endpoint.listen(batch => {
      for (const { bytes, source, hopLimit } of batch) {
        say({ type: bytes[0], source: formatIp6(source), hopLimit, checksum: (bytes[2] | bytes[3]) !== 0 })
        seen++
      }
      if (seen === 2) endpoint.close()
    }, failed)
    // An echo request first: the router must not hear it.
    const failures = endpoint.send([
      { bytes: Uint8Array.of(128, 0, 0, 0, 0, 0, 0, 0), destination: parseIp6('ff02::2') },
      { bytes: Uint8Array.of(133, 0, 0, 0, 0, 0, 0, 0), destination: parseIp6('ff02::2'), source: parseIp6('fe80::2') },
    ])
    say({ failures })
  `)
  expect(await host.line(line => line['type'] === 134)).toEqual({
    type: 134,
    source: 'fe80::1',
    hopLimit: 255,
    checksum: true,
  })
  expect(await host.line(line => line['type'] === 151)).toMatchObject({ type: 151, hopLimit: 1 })
  expect(await router.line(line => 'type' in line)).toEqual({
    type: 133,
    source: 'fe80::2',
    destination: 'ff02::2',
    hopLimit: 255,
    link: index,
  })
  expect(await router.line(line => 'failures' in line)).toEqual({ failures: [{ index: 2, errno: 'EINVAL' }] })
  expect(await Promise.all([router.ended, host.ended])).toEqual([0, 0])
})

test('packets: a filter chooses, frames go both ways, and a link that goes down is an error that is survived', async () => {
  const { namespaces, near, far } = await pair()
  await using _ = namespaces
  // ldb [20] (next header); jeq 58; accept or drop
  const filter = `[{ code: 0x30, jt: 0, jf: 0, k: 20 }, { code: 0x15, jt: 0, jf: 1, k: 58 }, { code: 6, jt: 0, jf: 0, k: 0x40000 }, { code: 6, jt: 0, jf: 0, k: 0 }]`
  const frame = (nextHeader: string, note: string) =>
    `02000000000${1} 020000000002 86dd 60000000 0004 ${nextHeader} ff ${'00'.repeat(32)} ${note}`
  const listener = near.program(`${prelude}
    const endpoint = openPacket({ link, etherType: 0x86dd, filter: ${filter}, allMulticast: true })
    endpoint.listen(batch => {
      for (const { frame, outgoing } of batch) {
        if (frame[20] !== 58) say({ wrong: toHex(frame) })
        const note = toHex(frame.subarray(54, 58))
        if (note.startsWith('aabb')) say({ note, outgoing })
        if (note === 'aabb0002') endpoint.close()
      }
    }, failed)
    endpoint.send([{ frame: fromHex('ffffffffffff 020000000001 86dd 60') }])
    say({ ready: true })
  `)
  await listener.line(line => line['ready'] === true)
  const send = (text: string[]) =>
    far.program(`${prelude}
      using endpoint = openPacket({ link, etherType: 0 })
      say(endpoint.send(${JSON.stringify(text)}.map(text => ({ frame: fromHex(text) }))))`)
  expect(await send([frame('11', 'aabb0000'), frame('3a', 'aabb0001')]).line()).toEqual([])
  expect(await listener.line(line => 'note' in line)).toEqual({ note: 'aabb0001', outgoing: false })

  await near.run('ip', 'link', 'set', 'v0', 'down')
  expect(await listener.line(line => 'error' in line)).toEqual({ error: 'receive on v0: ENETDOWN' })
  await near.run('ip', 'link', 'set', 'v0', 'up')
  await expect
    .poll(
      async () => {
        await send([frame('3a', 'aabb0002')]).ended
        return listener.child.exitCode
      },
      { timeout: 10_000 },
    )
    .toBe(0)
  expect(listener.lines.filter(line => 'wrong' in (line as object))).toEqual([])
})

test('packets: what comes in a VLAN, or for another host, is not of the link', async () => {
  const { namespaces, near, far } = await pair()
  await using _ = namespaces
  const listener = near.program(`${prelude}
    const endpoint = openPacket({ link, etherType: 0x86dd, allMulticast: true })
    endpoint.listen(batch => {
      for (const { frame } of batch) {
        const note = toHex(frame.subarray(54, 58))
        if (note.startsWith('aabb')) say({ note })
        if (note === 'aabb0004') endpoint.close()
      }
    }, failed)
    say({ ready: true })`)
  await listener.line(line => line['ready'] === true)
  const rest = (note: string) => `86dd 60000000 0004 3b ff ${'00'.repeat(32)} ${note}`
  const frames = [
    `3333ff000001 020000000002 8100 0005 ${rest('aabb0001')}`,
    `3333ff000001 020000000002 8100 0006 ${rest('aabb0002')}`,
    `020000000099 020000000002 ${rest('aabb0003')}`, // another host's
    `3333ff000001 020000000002 ${rest('aabb0004')}`,
  ]
  const sender = far.program(`${prelude}
    using endpoint = openPacket({ link, etherType: 0 })
    say(endpoint.send(${JSON.stringify(frames)}.map(text => ({ frame: fromHex(text) }))))`)
  expect(await sender.line()).toEqual([])
  expect(await listener.ended).toBe(0)
  expect(listener.lines.slice(1)).toEqual([{ note: 'aabb0004' }])
})

test('packets: one that only asks hears answers for a while, and costs the kernel nothing afterwards', async () => {
  const { namespaces, near, far } = await pair()
  await using _ = namespaces
  const asking = near.program(`${prelude}
    const endpoint = openPacket({ link, etherType: 0x88b6, answersWithin: 2_000 })
    endpoint.listen(batch => {
      for (const { frame } of batch) say({ note: toHex(frame.subarray(14, 16)) })
    }, failed)
    process.stdin.on('data', () => {
      endpoint.send([{ frame: fromHex('ffffffffffff 020000000001 88b7 00') }])
      say({ asked: true })
    })
    say({ ready: true })`)
  await asking.line(line => line['ready'] === true)
  const taps = async () =>
    (await near.run('cat', '/proc/net/packet')).split('\n').filter(line => / 88b6 /.test(line)).length
  const tell = (note: string) =>
    far.program(`${prelude}
      using endpoint = openPacket({ link, etherType: 0 })
      say(endpoint.send([{ frame: fromHex('ffffffffffff 020000000002 88b6 ${note}') }]))`).ended
  await tell('0001')
  expect(await taps()).toBe(0)
  asking.tell({})
  await asking.line(line => line['asked'] === true)
  expect(await taps()).toBe(1)
  await tell('0002')
  expect(await asking.line(line => 'note' in line)).toEqual({ note: '0002' })
  await expect.poll(taps, { timeout: 10_000 }).toBe(0)
  asking.child.kill('SIGKILL')
})
