import { expect, test } from 'vitest'
import { addressOf } from '../../../appliance/system/libc.ts'
import { MessageVector } from '../../../appliance/system/vector.ts'

const shape = { slots: 3, size: 100, name: 28, control: 64 }

/** A header as the kernel reads it: offsets of struct mmsghdr, the same on x64 and arm64. */
function header(vector: MessageVector, i: number) {
  const view = new DataView(vector.headers.buffer, i * 64, 64)
  const base = addressOf(new Uint8Array(vector.headers.buffer))
  const offset = (at: number) => Number(view.getBigUint64(at, true) - base)
  return {
    name: offset(0),
    nameLength: view.getUint32(8, true),
    iovec: offset(16),
    iovecs: view.getBigUint64(24, true),
    control: offset(32),
    controlLength: view.getBigUint64(40, true),
    flags: view.getUint32(48, true),
    view,
  }
}

test('headers point at slots of their own, inside of one buffer', () => {
  const vector = new MessageVector(shape)
  vector.reset()
  const all = [0, 1, 2].map(i => header(vector, i))
  const end = vector.headers.buffer.byteLength
  expect(all.map(h => h.iovec)).toEqual([192, 208, 224])
  expect(all.map(h => h.iovecs)).toEqual([1n, 1n, 1n])
  expect(all.map(h => [h.nameLength, h.controlLength])).toEqual(all.map(() => [32, 64n])) // rounded up to 8
  const payloads = all.map(h => {
    const iovec = new DataView(vector.headers.buffer, h.iovec, 16)
    return Number(iovec.getBigUint64(0, true) - addressOf(new Uint8Array(vector.headers.buffer)))
  })
  const regions = [...all.map(h => [h.name, 32]), ...all.map(h => [h.control, 64]), ...payloads.map(at => [at, 104])]
  const sorted = regions.sort((a, b) => a[0]! - b[0]!)
  sorted.forEach(([at, size], i) => {
    expect(at! % 8).toBe(0)
    expect(at! + size!).toBeLessThanOrEqual(sorted[i + 1]?.[0] ?? end)
  })
})

test('a filled slot says its lengths, and its ancillary data can be read back', () => {
  const vector = new MessageVector(shape)
  const data = Uint8Array.of(1, 2, 3, 4, 5)
  const filled = vector.fill(1, Uint8Array.of(9, 9), 28, [
    { level: 41, type: 50, data: new Uint8Array(20).fill(7) },
    { level: 41, type: 52, data },
  ])
  expect(filled).toBe(true)
  const { controlLength, nameLength, iovec } = header(vector, 1)
  expect([controlLength, nameLength]).toEqual([64n, 28]) // 16 + 20 and 16 + 5, each rounded up to 8
  expect(new DataView(vector.headers.buffer, iovec, 16).getBigUint64(8, true)).toBe(2n)
  const control = vector.control(1, 41)
  expect([...control.keys()]).toEqual([50, 52])
  expect(control.get(52)!.byteLength).toBe(5)
  expect(control.get(52)!.getUint8(4)).toBe(5)
  expect(vector.control(1, 1).size).toBe(0)
})

test('what does not fit is refused, and what was cut is not given on', () => {
  const vector = new MessageVector(shape)
  expect(vector.fill(0, new Uint8Array(105), 28)).toBe(false)
  const { view } = header(vector, 0)
  view.setUint32(56, 10, true)
  expect(vector.payload(0)?.length).toBe(10)
  view.setUint32(48, 0x20, true) // MSG_TRUNC
  expect(vector.payload(0)).toBeUndefined()
  view.setUint32(48, 0x08, true) // MSG_CTRUNC
  expect(vector.payload(0)).toBeUndefined()
})

test('ancillary data with a wrong length ends the walk', () => {
  const vector = new MessageVector(shape)
  vector.fill(0, new Uint8Array(1), 28, [{ level: 41, type: 50, data: new Uint8Array(20) }])
  const { control } = header(vector, 0)
  for (const length of [0n, 15n, 1000n]) {
    new DataView(vector.headers.buffer).setBigUint64(control, length, true)
    expect(vector.control(0, 41).size).toBe(0)
  }
})
