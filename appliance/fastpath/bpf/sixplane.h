/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* 6PLANE arithmetic, as plane/sixplane.ts has it: from an address to its owner, from an owner to its MAC. */
#ifndef SITEPLANE_SIXPLANE_H
#define SITEPLANE_SIXPLANE_H

#include "frame.h"

#define NODE_BITS	40
#define NODE_MASK	((1ULL << NODE_BITS) - 1)
#define HOST_BITS	48
#define HOST_MASK	((1ULL << HOST_BITS) - 1)
#define MAC_MASK	((1ULL << 48) - 1)
#define NOBODY		0ULL	/* no node has this address, nor one that begins with ff */

/* Every constant of one instance. The loader fills it in before the verifier runs, which folds it into the code. */
struct instance {
	__u64 network;		/* the /40, its 40 bits */
	__u64 private_hi;	/* the /88 of RFC 4193 mode: 64 bits, */
	__u64 private_lo;	/* and 24 */
	__u64 node;		/* this node */
	__u64 mac_first;	/* first octet of all MACs of the network, where it stands in 48 bits */
	__u64 mac_mask;		/* xored with a node's address gives the other five */
	__u64 mac;		/* of the link that the program stands on */
	__u64 source_hi;	/* who answers solicitations there */
	__u64 source_lo;
	__u64 lan;		/* host bits of the LAN that the program stands on, */
	__u64 lan_mask;		/* and those that count */
	__u64 overlay_mac;	/* turbo: what LAN packets leave with, */
	__u32 overlay;		/* and the index of the link */
	__u32 features;
	__u32 site_sets;	/* a power of two */
	__u32 mark;		/* of this process: count.h */
	__u64 subnets;		/* bit n: the LAN of subnet n is on a link of ours */
	__u64 former;		/* the node that this one was: hosts may still have addresses of it; or NOBODY */
};

enum {
	FEATURE_REWRITE = 1 << 0,	/* stateless next hop */
	FEATURE_EMULATE = 1 << 1,	/* answer the host's own solicitations */
	FEATURE_PROXY = 1 << 2,		/* answer for our /80 on the overlay, for the rest of the /40 on a LAN */
	FEATURE_GUARD = 1 << 3,
	FEATURE_COUNT = 1 << 4,
	FEATURE_BOUND = 1 << 5,		/* unknown hosts of the site are looked for only so often */
	FEATURE_TURBO = 1 << 6,
	FEATURE_BOUND_REMOTE = 1 << 7,	/* hosts of other sites too: remote.h */
};

const volatile struct instance here = {};

#define has(feature)	(here.features & (feature))

inline_always bool in_network(const struct address *a)
{
	return a->hi >> (64 - NODE_BITS) == here.network;
}

inline_always bool in_private(const struct address *a)
{
	return a->hi == here.private_hi && a->lo >> NODE_BITS == here.private_lo;
}

/* The node that owns an address of the /40: bits 40 to 79. */
inline_always __u64 owner_of(const struct address *a)
{
	return (a->hi << 16 | a->lo >> HOST_BITS) & NODE_MASK;
}

/* In the network, in either mode. */
inline_always bool is_ours(const struct address *a)
{
	return in_network(a) || in_private(a);
}

/* The owner in either mode, or NOBODY. */
inline_always __u64 owner_in_either(const struct address *a)
{
	if (in_network(a))
		return owner_of(a);
	if (in_private(a))
		return a->lo & NODE_MASK;
	return NOBODY;
}

inline_always bool is_reserved(__u64 node)
{
	return node == NOBODY || node >> 32 == 0xff;
}

/* Of this site, now or before. */
inline_always bool is_site(__u64 node)
{
	return node == here.node || (here.former != NOBODY && node == here.former);
}

inline_always __u64 mac_of(__u64 node)
{
	return here.mac_first | (node ^ here.mac_mask);
}

/* The node behind a MAC of the network. */
inline_always __u64 node_behind(__u64 mac)
{
	return (mac ^ here.mac_mask) & NODE_MASK;
}

#endif
