/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Packets and octets per remote site. A site's row is found by its address in a set of eight, whose tags fill one cache line; a
 * full set gives away a row that has been idle for a while, and no other. What finds no row, and what a row had counted that is
 * given away, is counted as of others: sums stay true, and nobody who makes up addresses washes out real sites.
 * A map with LRU costs 45 to 370 ns for each packet, this 4 to 25.
 */
#ifndef SITEPLANE_SITES_H
#define SITEPLANE_SITES_H

#include "count.h"

#define SITE_WAYS	8
#define SITE_IDLE	10	/* seconds */

/* A tag is a node's address and above it the second of its last packet; 0 is a free row. */
struct site_set {
	__u64 tag[SITE_WAYS];
	struct tally tally[SITE_WAYS];
};

/* Of each CPU `here.site_sets` sets, one CPU's after another's: no two write to one line. The loader makes them that long. */
#define SITE_TABLE(name)				\
	struct {					\
		__uint(type, BPF_MAP_TYPE_ARRAY);	\
		__uint(map_flags, BPF_F_MMAPABLE);	\
		__uint(max_entries, 1);			\
		__type(key, __u32);			\
		__type(value, struct site_set);		\
	} name SEC(".maps")

SITE_TABLE(sites_in);	/* sources, which the guard has checked */
SITE_TABLE(sites_out);	/* destinations: anything that a host makes up */
SITE_TABLE(sites_drop);	/* senders whose frames were dropped */

/* Consecutive node addresses must not share a set. The multiplier is 2^64 divided by the golden ratio. */
inline_always __u32 set_of(__u64 node)
{
	__u32 hash = (node * 0x9e3779b97f4a7c15ULL) >> 40;

	return bpf_get_smp_processor_id() * here.site_sets + (hash & (here.site_sets - 1));
}

/*
 * Each row is reached by a constant offset, in code of its own: count.h says why. As a loop, or without what sets them apart, the
 * compiler would make one of the eight.
 */
#define EACH_WAY(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7)
#define DONE(way)    asm volatile("# row " #way : : : "memory"); return true;

/* Counts in the site's row; false where it has none and none is to be had. */
inline_always bool count_in_row(struct site_set *set, __u64 node, __u64 now, __u64 packets, __u64 bytes,
				struct tally *freed)
{
	const __u64 tag = now << NODE_BITS | node;

#define ADD_TO_ITS_ROW(way)							\
	if ((set->tag[way] & NODE_MASK) == node) {				\
		if (set->tag[way] != tag) /* once a second: the line stays clean */	\
			set->tag[way] = tag;					\
		set->tally[way].packets += packets;				\
		set->tally[way].bytes += bytes;					\
		DONE(way)							\
	}
#define TAKE_ROW(way, condition)						\
	if (condition) {							\
		*freed = set->tally[way];					\
		set->tag[way] = tag;						\
		set->tally[way].packets = packets;				\
		set->tally[way].bytes = bytes;					\
		DONE(way)							\
	}
#define TAKE_FREE_ROW(way) TAKE_ROW(way, !set->tag[way])
#define TAKE_IDLE_ROW(way) TAKE_ROW(way, ((now - (set->tag[way] >> NODE_BITS)) & SECOND_MASK) >= SITE_IDLE)

	EACH_WAY(ADD_TO_ITS_ROW)
	EACH_WAY(TAKE_FREE_ROW)
	EACH_WAY(TAKE_IDLE_ROW)
	return false;
}

/* Counts a frame in a table. What it must do without, or what another site loses by it, goes to `others`. */
inline_always void count_site(void *table, __u64 node, struct tally *others, __u64 now, __u64 packets, __u64 bytes)
{
	__u32 index = set_of(node);
	struct site_set *set = bpf_map_lookup_elem(table, &index);
	struct tally freed = {};

	if (!set)
		return;
	if (!count_in_row(set, node, now, packets, bytes, &freed)) {
		freed.packets = packets;
		freed.bytes = bytes;
	}
	if (others && freed.packets) {
		others->packets += freed.packets;
		others->bytes += freed.bytes;
	}
}

#define packets_of(skb) ((skb)->gso_segs ? (skb)->gso_segs : 1)

inline_always void count_out(const struct __sk_buff *skb, __u64 node)
{
	struct traffic *cpu = this_cpu();

	if (!cpu)
		return;
	cpu->out.packets += packets_of(skb);
	cpu->out.bytes += skb->len;
	count_site(&sites_out, node, &cpu->out_others, second(cpu), packets_of(skb), skb->len);
}

inline_always void count_in(const struct __sk_buff *skb, __u64 node)
{
	struct traffic *cpu = this_cpu();

	if (!cpu)
		return;
	cpu->in.packets += packets_of(skb);
	cpu->in.bytes += skb->len;
	count_site(&sites_in, node, &cpu->in_others, second(cpu), packets_of(skb), skb->len);
}

inline_always void count_drop(const struct __sk_buff *skb, __u64 node)
{
	struct traffic *cpu = this_cpu();

	if (cpu)
		count_site(&sites_drop, node, NULL, second(cpu), packets_of(skb), skb->len);
}

#endif
