/** The parts of the npm package `dhcp` that are used: its codec, which has no types of its own. */
declare module 'dhcp/lib/protocol.js' {
  /** A message as it reads and writes it. */
  interface Header {
    readonly op: number
    readonly htype: number
    readonly hlen: number
    readonly hops: number
    readonly xid: number
    readonly secs: number
    readonly flags: number
    readonly ciaddr: string
    readonly yiaddr: string
    readonly siaddr: string
    readonly giaddr: string
    readonly chaddr: string
    readonly sname: string
    readonly file: string
    readonly options: Readonly<Record<number, readonly number[]>>
  }
  const protocol: {
    /** Throws an Error where the hardware address is none of Ethernet, or the octets end too soon. */
    parse(bytes: Buffer): Header & { readonly magicCookie: number }
    /** The octets are the first `_w` of `_data`. */
    format(header: Header): { readonly _data: Buffer; readonly _w: number }
  }
  export = protocol
}

declare module 'dhcp/lib/options.js' {
  const table: { readonly opts: Record<number, { readonly name: string; readonly type: string }> }
  export = table
}
