/** What Docker must be told, so that its containers have addresses of the site, and what that opens. Pure. */
import { OperatorError } from '../base/errors.ts'

/** What is known of the Docker of a machine. */
export interface DockerHost {
  readonly version: string // such as 20.10.24
  readonly file: string
  readonly present: Readonly<Record<string, unknown>> // what the file says
  readonly lans: number // that siteplane serves on this machine
}

export interface DockerPlan {
  readonly settings: Readonly<Record<string, unknown>> // for daemon.json
  readonly notes: readonly string[]
}

const filtersByDefault = 27 // the first major version that does for IPv6 what it does for IPv4

/** The bridge of containers that are in no network of their own. Throws an OperatorError where there is none. */
export function bridgeOf({ present, file }: Pick<DockerHost, 'present' | 'file'>): string {
  const { bridge = 'docker0' } = present
  if (bridge === 'none')
    throw new OperatorError(`${file} says bridge is "none": --network NAME is for a network of its own`)
  return bridge === '' ? 'docker0' : String(bridge)
}

const major = ({ version }: Pick<DockerHost, 'version'>): number => Number(/^\d+/.exec(version)?.[0] ?? 0)

/** Whether Docker drops what comes from elsewhere to a container by IPv6. */
const filters = (host: DockerHost): boolean => {
  const { ip6tables = major(host) >= filtersByDefault } = host.present
  return ip6tables !== false
}

/** For the default bridge. Throws an OperatorError where the file contradicts it, or where somebody must decide what is opened. */
export function planBridge(host: DockerHost, prefix: string, open: boolean): DockerPlan {
  const bridge = bridgeOf(host)
  const settings = { ipv6: true, 'fixed-cidr-v6': prefix, ...(open ? { ip6tables: false } : {}) }
  const conflicts = Object.entries(settings).flatMap(([key, value]) => {
    const there = host.present[key]
    return there === undefined || there === value
      ? []
      : [`${key} is ${JSON.stringify(there)}, and not ${JSON.stringify(value)}`]
  })
  if (conflicts.length > 0)
    throw new OperatorError(
      `${host.file} says that ${conflicts.join('; ')}: take that out first; the file is as it was`,
    )
  if (filters(host) && !open) return { settings, notes: [shut(host, bridge)] }
  return {
    settings,
    notes: [`every port of every container on ${bridge} is open to all sites by IPv6, published or not`],
  }
}

/** Whether the default bridge can be used as the file will be; else the note says what to decide. */
export const isShut = (host: DockerHost, open: boolean): boolean => filters(host) && !open

const shut = ({ version }: DockerHost, bridge: string): string =>
  [
    `Docker ${version} drops what comes to ${bridge} by IPv6, and sends by the address of this machine`,
    '--open adds "ip6tables": false, which opens every port of every container, of all its networks, to all sites',
    '--network NAME is for a network whose published ports alone are open',
  ].join('; ')

export interface NetworkPlan {
  readonly command: string
  readonly notes: readonly string[]
}

/** For a network of its own. */
export function planNetwork(host: DockerHost, name: string, prefix: string): NetworkPlan {
  const routed = major(host) >= filtersByDefault
  const options = [
    `-o com.docker.network.bridge.name=${name}`,
    ...(routed ? ['-o com.docker.network.bridge.gateway_mode_ipv6=routed'] : []),
  ]
  const opened =
    routed && filters(host)
      ? `the published ports of containers on ${name} are open to all sites, under the addresses of the containers`
      : `every port of every container on ${name} is open to all sites by IPv6, published or not`
  return {
    command: `docker network create --ipv6 --subnet ${prefix} ${options.join(' ')} ${name}`,
    notes: [opened, ...forwardPolicy(host)],
  }
}

/** Docker shuts the forwarding of everything that isn't its own, which on a router is everything. */
function forwardPolicy(host: DockerHost): string[] {
  if (host.lans === 0 || !filters(host)) return []
  if (major(host) >= 28)
    return host.present['ip-forward-no-drop'] === true
      ? []
      : [
          `"ip-forward-no-drop": true must be in ${host.file}: else Docker stops this machine from forwarding for its LANs`,
        ]
  return ['after each start of Docker, ip6tables -P FORWARD ACCEPT: it stops this machine from forwarding for its LANs']
}
