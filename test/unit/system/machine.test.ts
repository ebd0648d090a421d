import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseIp6 } from '../../../appliance/base/ip6.ts'
import { heldAddresses, listeners } from '../../../appliance/system/addresses.ts'
import { effectiveCapabilities } from '../../../appliance/system/capabilities.ts'
import { libc, nameOfErrno } from '../../../appliance/system/libc.ts'
import { sdNotify } from '../../../appliance/system/notify.ts'
import { so } from '../../../appliance/system/socket.ts'
import { listSysctls, readSysctl, writeSysctl } from '../../../appliance/system/sysctl.ts'
import { MessageVector } from '../../../appliance/system/vector.ts'

/** A service manager's socket: a Unix datagram socket at a path, or at `@name` in the abstract namespace. */
function manager(path: string) {
  const fd = libc.socket(1, so.SOCK_DGRAM, 0)
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  const address = Buffer.concat([Uint8Array.of(1, 0), name])
  if (libc.bind(fd, address, address.length) < 0) throw new Error(`could not bind ${path}`)
  return {
    read(): string {
      const vector = new MessageVector({ slots: 4, size: 512, name: 0, control: 0 })
      vector.reset()
      const count = libc.recvmmsg(fd, vector.headers, 4, so.MSG_DONTWAIT, null)
      return Array.from({ length: Math.max(count, 0) }, (_, i) => Buffer.from(vector.payload(i)!).toString()).join('|')
    },
    [Symbol.dispose]: () => void libc.close(fd),
  }
}

describe('sdNotify', () => {
  test('tells a socket in the file system', () => {
    const folder = mkdtempSync(join(tmpdir(), 'siteplane-'))
    try {
      using socket = manager(join(folder, 'notify'))
      expect(sdNotify('READY=1\nSTATUS=serves 2 LANs', join(folder, 'notify'))).toBe(true)
      expect(socket.read()).toBe('READY=1\nSTATUS=serves 2 LANs')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('tells a socket in the abstract namespace', () => {
    const path = `@siteplane-test-${randomBytes(6).toString('hex')}`
    using socket = manager(path)
    expect(sdNotify('READY=1', path)).toBe(true)
    expect(sdNotify('STOPPING=1', path)).toBe(true)
    expect(socket.read()).toBe('READY=1|STOPPING=1')
  })

  test('says no where nobody listens', () => {
    expect(sdNotify('READY=1', undefined)).toBe(false)
    expect(sdNotify('READY=1', '/nonexistent/notify')).toBe(false)
    expect(sdNotify('READY=1', 'relative')).toBe(false)
  })
})

test('capabilities are named by their bits', () => {
  const status = (mask: string) => `Name:\tnode\nCapPrm:\tffffffffffffffff\nCapEff:\t${mask}\nCapBnd:\t0\n`
  expect([...effectiveCapabilities(status('0000000000000000'))]).toEqual([])
  expect([...effectiveCapabilities(status('0000000000003400'))]).toEqual([
    'CAP_NET_BIND_SERVICE',
    'CAP_NET_ADMIN',
    'CAP_NET_RAW',
  ])
  expect(effectiveCapabilities(status('000001ffffffffff')).size).toBe(41)
  expect(effectiveCapabilities(status('000001ffffffffff'))).toContain('CAP_BPF')
  expect(effectiveCapabilities(status('000001ffffffffff'))).toContain('CAP_CHECKPOINT_RESTORE')
})

test('held addresses are those of one link', () => {
  const table = [
    'fe80000000000000000000fffe000001 02 40 20 80     eth0',
    'fc9d72cd5a89e92ceee5000000000001 0a 28 00 80      zt0',
    'fe80000000000000008000fffe000001 0a 40 20 80      zt0',
    '00000000000000000000000000000001 01 80 10 80       lo',
    '',
  ].join('\n')
  expect([...heldAddresses(10, table)]).toEqual([
    parseIp6('fc9d:72cd:5a89:e92c:eee5::1'),
    parseIp6('fe80::80:ff:fe00:1'),
  ])
  expect(heldAddresses(3, table).size).toBe(0)
})

test('listeners of a group are counted by link', () => {
  const table = [
    '1    lo              ff020000000000000000000000010002     1 0000000C 0',
    '12   eth1            ff0200000000000000000001ff000001     5 00000004 0',
    '12   eth1            ff020000000000000000000000010002     2 0000000C 0',
    '',
  ].join('\n')
  const allServers = parseIp6('ff02::1:2')
  expect([1, 12, 2].map(link => listeners(link, allServers, table))).toEqual([1, 2, 0])
})

test('sysctls: what is missing is undefined to a reader and ENOENT to a writer', () => {
  expect(readSysctl('ipv6/conf/lo/forwarding')).toMatch(/^[01]$/)
  expect(readSysctl('ipv6/conf/no-such-link/forwarding')).toBeUndefined()
  expect(listSysctls('ipv6/conf')).toEqual(expect.arrayContaining(['all', 'default', 'lo']))
  expect(listSysctls('ipv9/conf')).toEqual([])
  expect(() => writeSysctl('ipv6/conf/no-such-link/forwarding', '1')).toThrow(
    expect.objectContaining({ code: 'KERNEL', errno: 'ENOENT', target: 'ipv6/conf/no-such-link/forwarding' }),
  )
})

test('errors have one name each', () => {
  expect([11, 95, 105, 4095].map(nameOfErrno)).toEqual(['EAGAIN', 'EOPNOTSUPP', 'ENOBUFS', 'errno 4095'])
})
