/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What was done, per reason and per remote site. Each CPU has its own part of both tables, so that nothing is atomic; user space
 * maps them and reads along. A site's row is found by its address in a set of eight, and the row that was used longest ago
 * gives way: at most three cache lines whatever the number of sites, where a full LRU map costs a lock and a walk.
 */
#ifndef SITEPLANE_COUNT_H
#define SITEPLANE_COUNT_H

#include "sixplane.h"

/* In the order of fastpath/reasons.ts. */
enum reason {
	/* on the overlay, outward */
	OUT_REWRITTEN,
	OUT_EMULATED,		/* the host's own solicitations */
	OUT_DROP_SOURCE,	/* of another node */
	OUT_DROP_SOLICITATION,	/* for an address that no node can have, or broken */
	/* on the overlay, inward */
	IN_PROXIED,		/* solicitations for our /80 */
	IN_DROP_SOURCE,		/* not the sender's */
	IN_DROP_ADVERTISEMENT,	/* of an address that isn't the sender's */
	IN_DROP_REDIRECT,
	IN_DROP_HIDDEN,		/* neighbour discovery behind a chain of headers, or nested priority tags */
	IN_DROP_UNKNOWN,	/* for a host nobody has heard of, too many at once */
	/* on a LAN, inward */
	LAN_ANSWERED,
	LAN_DEFENDED,		/* against probes for duplicates */
	LAN_INVALID,
	LAN_DROP_SOURCE,	/* of another node */
	LAN_DROP_UNKNOWN,
	LAN_REDIRECTED,		/* turbo */
	REASONS,
};

#define REASONS_PER_CPU	32
#define WAYS		8
#define TICK_SHIFT	24 /* 2^24 ns, 16.8 ms: 32 bits of them last two years */

struct traffic {
	__u64 in_packets;
	__u64 in_bytes;
	__u64 out_packets;
	__u64 out_bytes;
	__u64 drops;
};

struct site_set {
	__u64 node[WAYS];
	__u32 used[WAYS];	/* ticks: when the row was last touched, */
	__u32 heard[WAYS];	/* and when the site last sent something */
	struct traffic traffic[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the loader: CPUs * REASONS_PER_CPU */
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the loader: CPUs * here.site_sets */
	__type(key, __u32);
	__type(value, struct site_set);
} sites SEC(".maps");

inline_always __u32 ticks(void)
{
	return bpf_ktime_get_coarse_ns() >> TICK_SHIFT;
}

inline_always void count(enum reason reason)
{
	__u32 index = bpf_get_smp_processor_id() * REASONS_PER_CPU + reason;
	__u64 *value = bpf_map_lookup_elem(&reasons, &index);

	if (value)
		*value += 1;
}

/* Counts and drops. */
inline_always int drop(enum reason reason)
{
	count(reason);
	return TC_ACT_SHOT;
}

/* Where to find a site: consecutive node addresses must not share a set. The multiplier is 2^64 / golden ratio. */
inline_always __u32 set_of(__u64 node)
{
	__u32 hash = (node * 0x9e3779b97f4a7c15ULL) >> 32;

	return bpf_get_smp_processor_id() * here.site_sets + (hash & (here.site_sets - 1));
}

inline_always __u32 way_of(struct site_set *set, __u64 node, __u32 now)
{
	__u32 oldest = 0, idle = 0;

	for (__u32 way = 0; way < WAYS; way++) {
		if (set->node[way] == node)
			return way;
	}
	for (__u32 way = 0; way < WAYS; way++) {
		if (set->node[way] == NOBODY) {
			oldest = way;
			break;
		}
		if (now - set->used[way] >= idle) {
			idle = now - set->used[way];
			oldest = way;
		}
	}
	oldest &= WAYS - 1;
	set->node[oldest] = node;
	set->heard[oldest] = 0;
	__builtin_memset(&set->traffic[oldest], 0, sizeof(struct traffic));
	return oldest;
}

enum direction { INWARD, OUTWARD, DROPPED };

inline_always void count_site(const struct __sk_buff *skb, __u64 node, enum direction direction)
{
	__u32 index = set_of(node), now = ticks(), way;
	struct site_set *set = bpf_map_lookup_elem(&sites, &index);
	__u32 packets = skb->gso_segs ? skb->gso_segs : 1;
	struct traffic *row;

	if (!set)
		return;
	way = way_of(set, node, now) & (WAYS - 1);
	row = &set->traffic[way];
	set->used[way] = now;
	switch (direction) {
	case INWARD:
		set->heard[way] = now;
		row->in_packets += packets;
		row->in_bytes += skb->len;
		break;
	case OUTWARD:
		row->out_packets += packets;
		row->out_bytes += skb->len;
		break;
	case DROPPED:
		row->drops += packets;
		break;
	}
}

#endif
