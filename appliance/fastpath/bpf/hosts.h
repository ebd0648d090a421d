/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which hosts of the site are known, so that someone who scans our /80 can't fill the kernel's neighbour table: those with a
 * lease, and those that spoke in the last half hour, are always looked for; all others only so often. RFC 6583 section 7.
 */
#ifndef SITEPLANE_HOSTS_H
#define SITEPLANE_HOSTS_H

#include "count.h"

#define HEARD_SLOTS	65536
#define MINUTE_SHIFT	36	/* 2^36 ns, 69 s */
#define MINUTES_KNOWN	26	/* half an hour */
#define WINDOW_SHIFT	29	/* 2^29 ns, 0.54 s */
#define UNKNOWN_PER_WINDOW	10
#define NEW_PER_WINDOW	64	/* hosts that become known, else someone could make them up */
#define ASKER_BITS	6	/* remote.h: hosts of the LAN share so many budgets, */
#define UNANSWERED_PER_ASKER 32	/* each for so many hosts of other sites that have not answered, in 2^36 ns, */
#define UNANSWERED	128	/* and all of them together so many */
#define ANSWERED_PER_MINUTE 256	/* that become known, else a site could make them up */
#define GOLDEN		0x9e3779b97f4a7c15ULL /* 2^64 divided by the golden ratio */
#define ROUTED_FROM	0xc0	/* first octet of the host bits: prefixes behind a next hop */
#define SUBNETS_FROM	0x80	/* those of further LANs, up to there */
#define SUBNET_MASK	((1ULL << 40) - 1)
#define ROUTER		1ULL	/* ::1 of a LAN, and below it the anycast address of its routers */

/* Slots by hash: the host's 48 bits, then the minute in which it was heard. A collision forgets the older one. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HEARD_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} heard SEC(".maps");

/* Hosts with a lease, kept by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1); /* the loader: as many as there may be leases */
	__type(key, __u64);
	__type(value, __u8);
} leases SEC(".maps");

/* A window of time, and how much of its budget is spent. Two CPUs may both open a new one: that costs precision only. */
struct budget {
	__u64 window;
	__s64 spent;
};

enum {
	BUDGET_UNKNOWN,
	BUDGET_NEW,
	BUDGET_UNANSWERED,
	BUDGET_ANSWERED,
	BUDGET_ASKERS,
	BUDGETS = BUDGET_ASKERS + (1 << ASKER_BITS),
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUDGETS);
	__type(key, __u32);
	__type(value, struct budget);
} budgets SEC(".maps");

inline_always bool spend(__u32 which, __u32 shift, __s64 limit)
{
	struct budget *budget = bpf_map_lookup_elem(&budgets, &which);
	__u64 window = bpf_ktime_get_coarse_ns() >> shift;

	if (!budget)
		return false;
	if (budget->window != window) {
		budget->window = window;
		budget->spent = 0;
	}
	if (budget->spent >= limit)
		return false;
	__sync_fetch_and_add(&budget->spent, 1);
	return true;
}

inline_always void give_back(__u32 which)
{
	struct budget *budget = bpf_map_lookup_elem(&budgets, &which);

	if (budget && budget->spent > 0)
		__sync_fetch_and_add(&budget->spent, -1);
}

inline_always __u16 minute(void)
{
	struct traffic *cpu = this_cpu();

	return cpu ? second(cpu) >> (MINUTE_SHIFT - SECOND_SHIFT) : 0;
}

inline_always __u64 *slot_of(__u64 host)
{
	__u32 index = host * GOLDEN >> 48;

	return bpf_map_lookup_elem(&heard, &index);
}

/* A host of this LAN has said that it has an address. */
inline_always void hear(__u64 host)
{
	__u64 *slot = slot_of(host), now = minute();

	if (!slot || *slot == (host << 16 | now))
		return;
	if (*slot >> 16 == host || spend(BUDGET_NEW, WINDOW_SHIFT, NEW_PER_WINDOW))
		*slot = host << 16 | now;
}

inline_always bool is_known(__u64 host)
{
	__u64 *slot = slot_of(host);

	if (slot && *slot >> 16 == host && (__u16)(minute() - (__u16)*slot) < MINUTES_KNOWN)
		return true;
	return bpf_map_lookup_elem(&leases, &host) != NULL;
}

/* Whether a packet to a host of the site may go on: looking for a host that nobody knows costs a neighbour entry. */
inline_always bool may_look_for(__u64 host)
{
	__u64 octet = host >> 40;

	if (octet >= ROUTED_FROM || (host & SUBNET_MASK) <= ROUTER)
		return true;
	if (octet >= SUBNETS_FROM && !(here.subnets >> (octet - SUBNETS_FROM) & 1))
		return true;
	return is_known(host) || spend(BUDGET_UNKNOWN, WINDOW_SHIFT, UNKNOWN_PER_WINDOW);
}

#endif
