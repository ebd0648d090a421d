import { advertiseOf, type LanConfig } from '../config/schema.ts'

/**
 * The flags of advertisements. They say what is true of our own server, and of another one what the operator says: with M set and
 * no server NetworkManager gives the whole connection up, without it hosts of a LAN that another server serves have no address.
 * RFC 4861 section 4.2.
 */
export function flagsOf(lan: LanConfig): {
  readonly managed: boolean
  readonly otherConfig: boolean
} {
  const advertise = advertiseOf(lan)
  const managed = advertise.managed ?? lan.dhcpv6 !== 'off'
  return { managed, otherConfig: advertise.otherConfig ?? managed }
}

/** Whether the managed flag of other routers is meant to send hosts to our server. */
export const sentToUsByOthers = ({ advertise, dhcpv6 }: LanConfig): boolean => advertise === 'off' && dhcpv6 !== 'off'
