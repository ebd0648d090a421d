/** Status codes that a server of RFC 9915 sends; 5 (UseMulticast) is obsolete. RFC 9915 section 21.13. */
export const Status = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  noPrefixAvail: 6,
} as const
