import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Binding, BindingKey, Change } from '../../../appliance/dhcp/binding.ts'
import type { Store } from '../../../appliance/dhcp/store.ts'
import { host, macA } from './scene.ts'

/** A state directory that goes with the test. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'siteplane-'))

  get file(): string {
    return join(this.path, 'leases.sqlite')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

export const start = 1_800_000_000_000

export const bindingOf = (over: Partial<Binding> = {}): Binding => ({
  subnet: undefined,
  duid: host,
  iaType: 'na',
  iaid: 1,
  clone: undefined,
  host: 0x1234_5678_9abc,
  mac: macA,
  hostname: 'pc',
  state: 'bound',
  grantedAt: start,
  preferredUntil: start + 3_600_000,
  validUntil: start + 86_400_000,
  ...over,
})
export const put = (over: Partial<Binding> = {}): Change => ({ kind: 'put', binding: bindingOf(over) })

/** The key as text. */
export function keyText({ subnet, duid, iaType, iaid, clone }: BindingKey): string {
  return `${subnet ?? ''}/${duid}/${iaType}/${iaid}/${clone ?? ''}`
}

/** Commits in a store that syncs at once, and says whether it is stored. */
export function commit(store: Pick<Store, 'commit'>): boolean {
  let told: boolean | undefined
  store.commit(stored => {
    told = stored
  })
  if (told === undefined) throw new Error('the store does not sync at once')
  return told
}
