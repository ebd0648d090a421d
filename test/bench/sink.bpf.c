// SPDX-License-Identifier: MIT
/*
 * The far end of the overlay (clsact ingress): drops what comes, which the qdisc counts, and answers every neighbour solicitation
 * at once, as a network would in which each address of the world is there and near.
 */
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stddef.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define SOLICITATION 135 /* RFC 4861 section 4.3 */
#define ADVERTISEMENT 136
#define TARGET_LINK_LAYER 2

struct solicitation {
	struct ethhdr eth;
	struct ipv6hdr ip6;
	struct icmp6hdr icmp6;
	struct in6_addr target;
	__u8 option[2];
	__u8 mac[ETH_ALEN];
} __attribute__((packed));

#define ICMP6_LENGTH (sizeof(struct solicitation) - sizeof(struct ethhdr) - sizeof(struct ipv6hdr))

static __sum16 checksum(struct solicitation *s)
{
	__be32 pseudo[2] = { bpf_htonl(ICMP6_LENGTH), bpf_htonl(IPPROTO_ICMPV6) };
	__u64 sum = bpf_csum_diff(0, 0, (void *)s + offsetof(struct solicitation, ip6.saddr), 2 * sizeof(struct in6_addr), 0);

	sum = bpf_csum_diff(0, 0, pseudo, sizeof(pseudo), sum);
	sum = bpf_csum_diff(0, 0, (void *)s + offsetof(struct solicitation, icmp6), ICMP6_LENGTH, sum);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~((sum & 0xffff) + (sum >> 16));
}

SEC("tc")
int sink(struct __sk_buff *skb)
{
	struct solicitation *s;

	if (bpf_skb_pull_data(skb, sizeof(*s)))
		return TC_ACT_SHOT;
	s = (void *)(long)skb->data;
	if ((void *)(s + 1) > (void *)(long)skb->data_end || s->ip6.nexthdr != IPPROTO_ICMPV6 ||
	    s->icmp6.icmp6_type != SOLICITATION)
		return TC_ACT_SHOT;

	s->option[0] = TARGET_LINK_LAYER;
	for (int i = 0; i < ETH_ALEN; i++) {
		s->eth.h_dest[i] = s->eth.h_source[i];
		s->eth.h_source[i] = s->mac[i] = i ? s->target.s6_addr[10 + i] : 2;
	}
	s->ip6.daddr = s->ip6.saddr;
	s->ip6.saddr = s->target;
	s->icmp6.icmp6_type = ADVERTISEMENT;
	s->icmp6.icmp6_dataun.un_data32[0] = 0;
	s->icmp6.icmp6_solicited = 1;
	s->icmp6.icmp6_override = 1;
	s->icmp6.icmp6_cksum = 0;
	s->icmp6.icmp6_cksum = checksum(s);
	return bpf_redirect(skb->ifindex, 0);
}

/* What every program costs that does nothing. */
SEC("classifier")
int nothing(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}

/* Instead of a router: what comes goes no further. */
SEC("xdp")
int nowhere(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "MIT";
