/** What the programs count, in the order of `enum reason` in bpf/count.h. */
export const reasons = [
  'rewritten',
  'emulated',
  'drop.foreignSource',
  'drop.badSolicitation',
  'proxied',
  'drop.forgedSource',
  'drop.forgedAdvertisement',
  'drop.redirect',
  'drop.hidden',
  'drop.unknownHost',
  'lan.answered',
  'lan.defended',
  'lan.invalid',
  'lan.drop.foreignSource',
  'lan.drop.unknownHost',
  'lan.redirected',
] as const

export type Reason = (typeof reasons)[number]

/** What they carry between the sites, in the order of `struct traffic` there. */
export const traffic = [
  'out.packets',
  'out.bytes',
  'in.packets',
  'in.bytes',
  'out.otherPackets',
  'out.otherBytes',
  'in.otherPackets',
  'in.otherBytes',
] as const

export type Traffic = (typeof traffic)[number]
