/** The constants of one instance of the programs: `struct instance` of bpf/sixplane.h, filled in before the verifier runs. */
import { type Ip6, mask, type Prefix } from '../base/ip6.ts'
import { type Mac, macNumber } from '../base/mac.ts'
import { type LanPlan, upperHalf } from '../plane/plan.ts'
import type { Site } from '../plane/site.ts'
import { macOf, type NodeAddress, rfc4193Prefix } from '../plane/sixplane.ts'

/** Bits of `here.features`. */
export const feature = {
  rewrite: 1 << 0,
  emulate: 1 << 1,
  proxy: 1 << 2,
  guard: 1 << 3,
  count: 1 << 4,
  bound: 1 << 5,
  turbo: 1 << 6,
  boundRemote: 1 << 7,
} as const

export type Feature = keyof typeof feature

/** What an instance on the overlay's interface must know. */
export interface OverlayInstance {
  readonly kind: 'overlay'
  readonly site: Site
  readonly features: readonly Feature[]
  readonly subnets: readonly number[] // of further LANs on links of ours: hosts there are looked for by solicitations
}

/** What an instance on a LAN must know. */
export interface LanInstance {
  readonly kind: 'lan'
  readonly site: Site
  readonly plan: LanPlan
  readonly mac: Mac // of the link
  readonly linkLocal: Ip6
  readonly features: readonly Feature[]
  readonly subnets: readonly number[]
  readonly former?: NodeAddress | undefined // who this node was, while hosts may have addresses of then
  readonly overlay: { readonly index: number; readonly mac: Mac } | undefined // where turbo sends packets
}

export type Instance = OverlayInstance | LanInstance

const size = 128
const hostMask = (1n << 48n) - 1n

/** What all instances of a process share. */
export interface Sharing {
  readonly siteSets: number // of one CPU
  readonly mark: number // 32 bits, random: by it programs of one process know what one of them has counted
}

/** The octets of `struct instance`, in the host's order, which is little-endian wherever siteplane runs. */
export function encodeInstance(instance: Instance, { siteSets, mark: own }: Sharing): Uint8Array {
  const { site } = instance
  const constants = new DataView(new ArrayBuffer(size))
  const privatePrefix = rfc4193Prefix(site.network)
  const macMask = macNumber(macOf(site.network, 0n as NodeAddress)) // the MAC of node 0: the first octet and the mask
  const lan = instance.kind === 'lan' ? lanOf(instance.plan) : undefined
  const source = instance.kind === 'lan' ? instance.linkLocal : site.address
  const words = [
    site.networkPrefix.address >> 88n,
    privatePrefix.address >> 64n,
    (privatePrefix.address >> 40n) & 0xff_ffffn,
    site.node,
    macMask & (0xffn << 40n),
    macMask & ((1n << 40n) - 1n),
    macNumber(instance.kind === 'lan' ? instance.mac : site.mac),
    source >> 64n,
    source & 0xffff_ffff_ffff_ffffn,
    lan ? lan.address & hostMask : 0n,
    lan ? mask(lan.length) & hostMask : 0n,
    instance.kind === 'lan' && instance.overlay ? macNumber(instance.overlay.mac) : 0n,
  ]
  words.forEach((word, i) => {
    constants.setBigUint64(i * 8, word, true)
  })
  const overlay = instance.kind === 'lan' ? (instance.overlay?.index ?? 0) : 0
  const features = instance.features.reduce((bits, each) => bits | feature[each], 0)
  ;[overlay, features, siteSets, own].forEach((word, i) => {
    constants.setUint32(words.length * 8 + i * 4, word, true)
  })
  const subnets = instance.subnets.reduce((bits, subnet) => bits | (1n << BigInt(subnet)), 0n)
  constants.setBigUint64(words.length * 8 + 16, subnets, true)
  constants.setBigUint64(words.length * 8 + 24, (instance.kind === 'lan' && instance.former) || 0n, true)
  return new Uint8Array(constants.buffer, 0, words.length * 8 + 32)
}

/** What is on this LAN: of the first one the lower half of the /80, since the upper is for others. */
function lanOf(plan: LanPlan): Prefix {
  if (plan.subnet !== undefined) return plan.prefix
  return { address: plan.prefix.address, length: upperHalf(plan.prefix).length }
}
