/** What Docker must be told, so that its containers have addresses of the site, and what that opens. Pure. */
import { OperatorError } from '../base/errors.ts'

/** What is known of the Docker of a machine. */
export interface DockerHost {
  readonly version: string // such as 20.10.24
  readonly file: string
  readonly present: Readonly<Record<string, unknown>> // what the file says
  readonly forwards: boolean // for LANs, or for prefixes that are not Docker's
}

export interface DockerPlan {
  readonly settings: Readonly<Record<string, unknown>> // for daemon.json
  readonly notes: readonly string[]
}

// Major versions of Docker.
const filtersByDefault = 27 // does for IPv6 what it does for IPv4
const changesBridges = 28 // gives a bridge that stands another prefix

const ownBridge = 'docker0' // which Docker makes; any other is the operator's

/** The bridge of containers that are in no network of their own. Throws an OperatorError where there is none. */
export function bridgeOf({ present, file }: Pick<DockerHost, 'present' | 'file'>): string {
  const { bridge = ownBridge } = present
  if (bridge === 'none')
    throw new OperatorError(`${file} says bridge is "none": --network NAME is for a network of its own`)
  return bridge === '' ? ownBridge : String(bridge)
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
  if (filters(host) && !routed)
    throw new OperatorError(
      `${host.file} says that ip6tables is true, by which Docker ${host.version} drops what comes to ${name} by IPv6: take that out first`,
    )
  const opened = filters(host)
    ? `the published ports of containers on ${name} are open to all sites, under the addresses of the containers, which answer pings`
    : `every port of every container on ${name} is open to all sites by IPv6, published or not`
  return {
    command: `docker network create --ipv6 --subnet ${prefix} ${options.join(' ')} ${name}`,
    notes: [opened, ...forwarding(host)],
  }
}

/** With iptables Docker shuts the forwarding of everything that isn't its own; with nftables it waits for somebody to open it. */
function forwarding(host: DockerHost): string[] {
  const { present, file, forwards } = host
  if (!filters(host)) return []
  if (present['firewall-backend'] === 'nftables')
    return [
      'with nftables Docker makes no network before net.ipv4.ip_forward and net.ipv6.conf.all.forwarding are 1, and switches neither on',
    ]
  if (!forwards || present['ip-forward-no-drop'] === true) return []
  const elseSo = 'Docker stops this machine from forwarding for anything but its containers'
  return major(host) >= 28
    ? [
        `"ip-forward-no-drop": true must be in ${file}, and where Docker has started before, ip6tables -P FORWARD ACCEPT once after its restart: else ${elseSo}`,
      ]
    : [`after each start of Docker, ip6tables -P FORWARD ACCEPT: ${elseSo}`]
}

/** What a bridge has now; undefined where there is none. */
export type Bridge = { readonly addresses: readonly string[] } | undefined

/** The commands by which Docker takes what its file says. `address` is what its bridge will have. */
export function restart(host: DockerHost, plan: DockerPlan, bridge: Bridge, address: string | null): string[] {
  const isNew = Object.entries(plan.settings).some(([key, value]) => host.present[key] !== value)
  const global = bridge?.addresses.filter(each => !each.startsWith('fe80:')) ?? []
  if (!isNew && global.some(each => each === address)) return []
  const link = bridgeOf(host)
  const between = [
    ...(global.length > 0 && link === ownBridge && major(host) < changesBridges ? [`ip link delete ${link}`] : []),
    // It doesn't take back what it filtered by when that is switched off.
    ...(bridge && filters(host) && plan.settings['ip6tables'] === false ? withoutRules(link) : []),
  ]
  if (between.length === 0) return ['systemctl restart docker']
  return ['systemctl stop docker docker.socket', ...between, 'systemctl start docker']
}

function withoutRules(link: string): string[] {
  const names = link.includes('docker') ? '-e docker' : `-e docker -e ${link}`
  return [`ip6tables-save | grep -vi ${names} | ip6tables-restore`, 'ip6tables -P FORWARD ACCEPT']
}
