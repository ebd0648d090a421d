/** Status codes that a server of RFC 9915 sends; 5 (UseMulticast) is obsolete. RFC 9915 section 21.13. */
export const Status = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  noPrefixAvail: 6,
  unknownQueryType: 7, // RFC 5007 section 4.1.3
  malformedQuery: 8,
  notConfigured: 9,
} as const
