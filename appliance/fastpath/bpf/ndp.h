/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Neighbour solicitations read and turned into advertisements in place. RFC 4861 sections 4.3, 4.4 and 7. */
#ifndef SITEPLANE_NDP_H
#define SITEPLANE_NDP_H

#include "frame.h"
#include "sixplane.h"

#define ND_HOPS			255	/* RFC 4861 section 7.1.1 */
#define ND_SOLICITATION		135
#define ND_ADVERTISEMENT	136
#define ND_REDIRECT		137
#define ND_HEADER		24	/* without options */
#define ND_SOURCE_LINK_LAYER	1
#define ND_TARGET_LINK_LAYER	2
#define ND_ROUTER		0x80000000U /* RFC 4861 section 4.4 */
#define ND_SOLICITED		0x40000000U
#define ND_OVERRIDE		0x20000000U
#define OPTION_UNIT		8
#define OPTION_UNITS		8	/* as many as are read; a longer message is left alone */

#define ALL_NODES_HI		0xff02000000000000ULL /* ff02::1, RFC 4291 section 2.7.1 */
#define ALL_NODES_LO		1ULL
#define ALL_NODES_MAC		0x333300000001ULL
#define SOLICITED_NODE_LO	0x00000001ffULL /* the upper 40 bits of the lower half */
#define GROUP_BIT		(1ULL << 40) /* of a MAC, RFC 2464 section 7 */

/* A message behind its pseudo-header (RFC 8200 section 8.1), in wire order, so that one sum covers both. */
struct message {
	__be64 source[2];
	__be64 destination[2];
	__be32 length;
	__be32 next;
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	__be64 target[2];
	__be64 options[OPTION_UNITS];
};

struct solicitation {
	struct address target;
	struct address source;
	__u64 reply_to;		/* MAC */
	bool duplicate;		/* a probe for duplicates, RFC 4862 section 5.4.2 */
};

enum { ND_VALID, ND_INVALID, ND_TOO_LONG };

inline_always __u16 folded(__s64 sum)
{
	__u32 folded = (__u32)sum;

	folded = (folded & 0xffff) + (folded >> 16);
	folded = (folded & 0xffff) + (folded >> 16);
	return ~folded;
}

inline_always bool is_multicast(const struct address *a)
{
	return a->hi >> 56 == 0xff;
}

/* The message of a frame whose headers were read, without its place in memory mattering any more. */
inline_always int read_message(struct __sk_buff *skb, struct message *m)
{
	__be16 payload;
	__u32 length;

	__builtin_memset(m, 0, sizeof(*m));
	if (bpf_skb_load_bytes(skb, ETH_HEADER + 4, &payload, sizeof(payload)) ||
	    bpf_skb_load_bytes(skb, IP_SOURCE, m->source, 2 * sizeof(struct address)) ||
	    bpf_skb_load_bytes(skb, HEADERS, &m->type, ND_HEADER))
		return ND_INVALID;
	length = bpf_ntohs(payload);
	if (length < ND_HEADER || (length - ND_HEADER) % OPTION_UNIT)
		return ND_INVALID;
	if (length - ND_HEADER > sizeof(m->options))
		return ND_TOO_LONG;
	m->length = bpf_htonl(length);
	m->next = bpf_htonl(NEXT_ICMP6);
	if (length > ND_HEADER) {
		__u64 last = length - ND_HEADER - 1;

		/* The verifier wants to see the bounds on the very register, and before Linux 6.8 learns nothing from "not 0". */
		asm volatile("" : "+r"(last));
		if (last >= sizeof(m->options) ||
		    bpf_skb_load_bytes(skb, HEADERS + ND_HEADER, m->options, last + 1))
			return ND_INVALID;
	}
	return ND_VALID;
}

inline_always bool sum_holds(struct message *m)
{
	return folded(bpf_csum_diff(NULL, 0, (__be32 *)m, sizeof(*m), 0)) == 0;
}

/* The top bit, and whether nothing is set: numbers of which the compiler makes no branch. */
inline_always __u64 top_bit(__u64 x)
{
	asm volatile("" : "+r"(x));
	return x >> 63;
}

inline_always __u64 is_zero(__u64 x)
{
	return top_bit(x | -x) ^ 1;
}

/*
 * Walks the options without a branch: the verifier would follow each of them, eight times over, for longer than it looks at all else
 * together, at every start. False where one has length 0 or runs over the end. `mac` becomes the first link-layer address of the
 * wanted type that is one host's; an answer to a group would go to everybody.
 */
inline_always bool link_layer_option(const struct message *m, __u8 wanted, __u64 *mac)
{
	__u64 units = (bpf_ntohl(m->length) - ND_HEADER) / OPTION_UNIT;
	__u64 skip = 0, empty = 0;

	*mac = 0;
	for (__u64 unit = 0; unit < OPTION_UNITS; unit++) {
		__u64 option = bpf_be64_to_cpu(m->options[unit]); /* type, length in units, six octets */
		__u64 length = option >> 48 & 0xff;
		__u64 present = top_bit(unit - units);
		__u64 begins = present & is_zero(skip);
		__u64 fits = is_zero(option >> 48 ^ ((__u64)wanted << 8 | 1)) & is_zero(option & GROUP_BIT);

		empty |= begins & is_zero(length);
		*mac |= option & MAC_MASK & -(begins & fits & is_zero(*mac));
		skip += (length & -begins) - present;
	}
	return is_zero(empty | skip);
}

/* What RFC 4861 section 7.1.1 asks of a solicitation. */
inline_always int read_solicitation(struct __sk_buff *skb, const struct headers *h, struct solicitation *s)
{
	struct message m;
	__u64 source_mac;
	int read;

	if (h->hops != ND_HOPS)
		return ND_INVALID;
	read = read_message(skb, &m);
	if (read != ND_VALID)
		return read;
	s->target.hi = bpf_be64_to_cpu(m.target[0]);
	s->target.lo = bpf_be64_to_cpu(m.target[1]);
	s->source = h->source;
	s->duplicate = !h->source.hi && !h->source.lo;
	if (m.code || is_multicast(&s->target) || is_multicast(&s->source) || !sum_holds(&m) ||
	    !link_layer_option(&m, ND_SOURCE_LINK_LAYER, &source_mac))
		return ND_INVALID;
	if (s->duplicate && (source_mac || h->destination.hi != ALL_NODES_HI ||
			     h->destination.lo >> 24 != SOLICITED_NODE_LO))
		return ND_INVALID;
	s->reply_to = source_mac ? source_mac : h->sender;
	return ND_VALID;
}

/*
 * Turns the frame into the advertisement of `mac` for the target, from `source`: solicited, to who asked; to a probe for
 * duplicates unsolicited, to all nodes. False where the frame is broken now. RFC 4861 section 7.2.4.
 */
inline_always bool advertise(struct __sk_buff *skb, const struct solicitation *s, const struct address *source,
			     __u64 mac, __u32 flags)
{
	const __u32 length = ND_HEADER + OPTION_UNIT;
	const __u64 to = s->duplicate ? ALL_NODES_MAC : s->reply_to;
	/* From the first octet to the addresses. */
	__be64 start[3] = {
		bpf_cpu_to_be64(to << 16 | mac >> 32),
		bpf_cpu_to_be64(mac << 32 | (__u64)TYPE_IPV6 << 16 | 6 << 12),
		bpf_cpu_to_be64((__u64)length << 32 | NEXT_ICMP6 << 24 | ND_HOPS << 16),
	};
	struct message m = {
		.source = { bpf_cpu_to_be64(source->hi), bpf_cpu_to_be64(source->lo) },
		.destination = {
			bpf_cpu_to_be64(s->duplicate ? ALL_NODES_HI : s->source.hi),
			bpf_cpu_to_be64(s->duplicate ? ALL_NODES_LO : s->source.lo),
		},
		.length = bpf_htonl(length),
		.next = bpf_htonl(NEXT_ICMP6),
		.type = ND_ADVERTISEMENT,
		.flags = bpf_htonl(flags | ND_OVERRIDE | (s->duplicate ? 0 : ND_SOLICITED)),
		.target = { bpf_cpu_to_be64(s->target.hi), bpf_cpu_to_be64(s->target.lo) },
		.options = { bpf_cpu_to_be64((__u64)ND_TARGET_LINK_LAYER << 56 | 1ULL << 48 | mac) },
	};

	m.checksum = folded(bpf_csum_diff(NULL, 0, (__be32 *)&m, sizeof(m), 0));
	if (bpf_skb_change_tail(skb, HEADERS + length, 0) ||
	    bpf_skb_store_bytes(skb, 0, start, IP_SOURCE, 0) ||
	    bpf_skb_store_bytes(skb, IP_SOURCE, m.source, 2 * sizeof(struct address), 0) ||
	    bpf_skb_store_bytes(skb, HEADERS, &m.type, length, 0))
		return false;
	return true;
}

#endif
