// SPDX-License-Identifier: MIT
/*
 * Writes the next destination into a frame of BPF_PROG_TEST_RUN (BPF_F_TEST_XDP_LIVE_FRAMES) and sends it out of a link. A frame
 * comes back with whatever a router did to it, so the link-layer header and the hop limit are written anew each time.
 */
#include <linux/bpf.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "generator.h"

const volatile struct traffic traffic = {};

#define GOLDEN 0x9e3779b9u /* odd, so that its multiples visit every 32-bit number once, far apart from each other */

struct sent sent = {};

/* As scattered as ZeroTier's own, the same in every run, and none of them reserved: the first octet is 0x10 to 0x1f. */
static __u64 node_address(__u32 site)
{
	return 0x1000000000 | site * 0x9e3779b97f4a7c15 >> 28;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct ipv6hdr *ip6 = (void *)(eth + 1);

	if ((void *)(ip6 + 1) > (void *)(long)ctx->data_end)
		return XDP_ABORTED;

	/* The call itself takes milliseconds to begin and to end: the clock runs from the first frame to a recent one. */
	if (sent.frames % CLOCK_EVERY == 0) {
		sent.last = bpf_ktime_get_ns();
		sent.counted = sent.frames;
		if (!sent.first)
			sent.first = sent.last;
	}
	__u32 step = ++sent.frames * GOLDEN;
	__u32 index = (__u64)step * traffic.destinations >> 32;
	__u64 node = node_address(index % traffic.sites);

	for (int i = 0; i < ETH_HLEN; i++)
		((__u8 *)eth)[i] = traffic.ethernet[i];
	ip6->hop_limit = 64;
	ip6->daddr.s6_addr32[0] = bpf_htonl(traffic.network >> 8);
	ip6->daddr.s6_addr32[1] = bpf_htonl(traffic.network << 24 | node >> 16);
	ip6->daddr.s6_addr32[2] = bpf_htonl(node << 16);
	ip6->daddr.s6_addr32[3] = bpf_htonl(index / traffic.sites + 0x10000);
	return bpf_redirect(traffic.link, 0);
}

char LICENSE[] SEC("license") = "MIT";
