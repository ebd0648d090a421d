/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What was done, per reason. Each CPU has counters of its own, so that nothing is atomic; user space maps them and reads along. */
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
#define SECOND_SHIFT	30 /* "seconds" of 2^30 ns since boot, */
#define SECOND_MASK	0xffffffULL /* of which 24 bits last half a year */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the loader: CPUs * REASONS_PER_CPU */
	__type(key, __u32);
	__type(value, __u64);
} reasons SEC(".maps");

struct tally {
	__u64 packets;
	__u64 bytes;
};

/* Between the sites, on one CPU. In the order of fastpath/reasons.ts. */
struct traffic {
	struct tally out;
	struct tally in;
	struct tally out_others;	/* those of them that stand in the row of no site: sites.h */
	struct tally in_others;
	__u64 jiffies;			/* the clock is kept here, since reading it takes longer than all that is counted */
	__u64 second;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1); /* the loader: CPUs */
	__type(key, __u32);
	__type(value, struct traffic);
} traffic SEC(".maps");

enum point { INGRESS, EGRESS };

/*
 * For a while two programs of one process stand at one point of a link: one that moves from a classifier to where it stands directly,
 * or two of which one replaces the other. The first counts, and says so to the second in the scratch space of the packet, which lasts
 * that long. What lies there from before is another number: the mark is random, and the network layer wipes it.
 */
inline_always bool is_counted(struct __sk_buff *skb, enum point point)
{
	const __u32 mark = here.mark ^ point;

	if (skb->cb[0] == mark)
		return true;
	skb->cb[0] = mark;
	return false;
}

/* By a key of its own for each reason: without CAP_PERFMON the verifier lets nobody add different constants to one pointer. */
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

inline_always struct traffic *this_cpu(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&traffic, &cpu);
}

inline_always __u64 second(struct traffic *cpu)
{
	__u64 jiffies = bpf_jiffies64();

	if (jiffies != cpu->jiffies) {
		cpu->jiffies = jiffies;
		cpu->second = bpf_ktime_get_coarse_ns() >> SECOND_SHIFT & SECOND_MASK;
	}
	return cpu->second;
}

#endif
