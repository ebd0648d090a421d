import { expect, test } from 'vitest'
import { kernels } from '../../kernels/packages.ts'

const described = `Package: linux-image-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)

Package: linux-image-amd64
Version: 6.12.95-1~bpo12+1
Depends: linux-image-6.12.95+deb12-amd64 (= 6.12.95-1~bpo12+1)

Package: linux-image-6.12.95+deb12-amd64
Version: 6.12.95-1~deb12u1
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.12.95+deb12-amd64
Version: 6.12.95-1~bpo12+1
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.1.0-9-amd64
Version: 6.1.27-1
Depends: kmod, linux-base (>= 4.3~)

Package: linux-image-6.1.0-56-amd64
Version: 6.1.192-2
Depends: kmod, linux-base (>= 4.3~)
`

test('a kernel is current where a metapackage of some suite points to that very build, and old ones come first', () => {
  expect(kernels(described)).toEqual([
    { name: '6.1.0-9-amd64', version: '6.1.27-1', current: false },
    { name: '6.1.0-56-amd64', version: '6.1.192-2', current: true },
    { name: '6.12.95+deb12-amd64', version: '6.12.95-1~bpo12+1', current: true },
    { name: '6.12.95+deb12-amd64', version: '6.12.95-1~deb12u1', current: false },
  ])
})
