import { expect, test } from 'vitest'
import { archive, needed } from '../../kernels/initramfs.ts'

const dep = `kernel/fs/fuse/fuse.ko.xz:
kernel/fs/fuse/virtiofs.ko.xz: kernel/fs/fuse/fuse.ko.xz kernel/drivers/virtio/virtio.ko.xz kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz
kernel/drivers/virtio/virtio_ring.ko.xz:
kernel/fs/overlayfs/overlay.ko.xz:
`

test('modules come after those that they need, each once, and none that the kernel holds itself', () => {
  const paths = needed(dep, 'kernel/drivers/virtio/virtio_pci.ko\n')
  expect(paths.map(path => path.split('/').at(-1))).toEqual([
    'virtio_ring.ko.xz',
    'virtio.ko.xz',
    'fuse.ko.xz',
    'virtiofs.ko.xz',
    'overlay.ko.xz',
  ])
  expect(() => needed(dep, '')).toThrow('this kernel has no virtio_pci')
})

test('an archive is what cpio writes', () => {
  const bytes = archive([{ name: 'init', mode: 0o100755, body: Buffer.from('ab') }])
  const text = bytes.toString('latin1')
  expect(text.slice(0, 110)).toBe(
    `070701${['1', '81ed', '0', '0', '1', '0', '2', '0', '0', '0', '0', '5', '0'].map(x => x.padStart(8, '0')).join('')}`,
  )
  expect(text.slice(110, 120)).toBe('init\0\0ab\0\0')
  expect(text.slice(230)).toBe('TRAILER!!!\0\0\0\0')
  expect(bytes.length % 4).toBe(0)
})
