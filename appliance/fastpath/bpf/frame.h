/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Frames as they lie in memory, and how to reach into them. All numbers are in host order once loaded. */
#ifndef SITEPLANE_FRAME_H
#define SITEPLANE_FRAME_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define inline_always static __always_inline

/* Octets from the start of a frame. RFC 2464 section 3, RFC 8200 section 3. */
#define ETH_SOURCE	6
#define ETH_TYPE	12
#define ETH_HEADER	14
#define IP_NEXT		(ETH_HEADER + 6)
#define IP_HOPS		(ETH_HEADER + 7)
#define IP_SOURCE	(ETH_HEADER + 8)
#define IP_DESTINATION	(ETH_HEADER + 24)
#define IP_HEADER	40
#define HEADERS		(ETH_HEADER + IP_HEADER)

#define TYPE_IPV6	0x86dd
#define TYPE_VLAN	0x8100 /* IEEE 802.1Q */
#define TYPE_QINQ	0x88a8 /* IEEE 802.1ad */
#define VLAN_ID_MASK	0x0fff

/* Next headers. RFC 8200 section 4. */
#define NEXT_HOPS	0
#define NEXT_ROUTING	43
#define NEXT_FRAGMENT	44
#define NEXT_ICMP6	58
#define NEXT_OPTIONS	60

struct address {
	__u64 hi;
	__u64 lo;
};

/* The part of a frame that every program looks at. */
struct headers {
	struct address source;
	struct address destination;
	__u64 sender;		/* MAC, 48 bits */
	__u8 next;
	__u8 hops;
};

#define u16_at(p)	bpf_ntohs(*(__be16 *)(p))
#define u32_at(p)	bpf_ntohl(*(__be32 *)(p))
#define u64_at(p)	bpf_be64_to_cpu(*(__be64 *)(p))

inline_always __u64 mac_at(const void *p)
{
	return (__u64)u32_at(p) << 16 | u16_at(p + 4);
}

inline_always void put_mac(void *p, __u64 mac)
{
	__be64 octets = bpf_cpu_to_be64(mac << 16);

	*(__u32 *)p = octets;
	*(__u16 *)(p + 4) = octets >> 32;
}

enum { FRAME_FOREIGN, FRAME_IPV6, FRAME_NESTED };

/*
 * Whether IPv6 will see the frame. A tag with VLAN 0 is a priority, and the kernel takes it off: twice, where another one
 * follows, which no program would see.
 */
inline_always int kind_of(const struct __sk_buff *skb)
{
	if (skb->vlan_present && (skb->vlan_tci & VLAN_ID_MASK))
		return FRAME_FOREIGN;
	if (skb->protocol == bpf_htons(TYPE_IPV6))
		return FRAME_IPV6;
	if (skb->vlan_present && (skb->protocol == bpf_htons(TYPE_VLAN) || skb->protocol == bpf_htons(TYPE_QINQ)))
		return FRAME_NESTED;
	return FRAME_FOREIGN;
}

/* Makes both headers readable; a card may have left all but the first octets in pages. False for a frame that is too short. */
inline_always bool has_headers(struct __sk_buff *skb)
{
	if ((void *)(long)skb->data + HEADERS <= (void *)(long)skb->data_end)
		return true;
	return bpf_skb_pull_data(skb, HEADERS) == 0;
}

inline_always bool read_headers(struct __sk_buff *skb, struct headers *h)
{
	void *frame, *end;

	if (!has_headers(skb))
		return false;
	frame = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	if (frame + HEADERS > end)
		return false;
	h->sender = mac_at(frame + ETH_SOURCE);
	h->next = *(__u8 *)(frame + IP_NEXT);
	h->hops = *(__u8 *)(frame + IP_HOPS);
	h->source.hi = u64_at(frame + IP_SOURCE);
	h->source.lo = u64_at(frame + IP_SOURCE + 8);
	h->destination.hi = u64_at(frame + IP_DESTINATION);
	h->destination.lo = u64_at(frame + IP_DESTINATION + 8);
	return true;
}

#endif
