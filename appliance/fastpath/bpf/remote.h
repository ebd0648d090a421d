/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Which hosts of other sites may be sent to, where each takes an entry of the kernel's neighbour table (mode emulate), so that someone
 * on a LAN who scans the /40 can't fill it. Who has sent us something is known. Of all others each host of the LAN may look for so
 * many a minute, and gets back what it spent when one answers. RFC 6583 section 7.
 */
#ifndef SITEPLANE_REMOTE_H
#define SITEPLANE_REMOTE_H

#include "hosts.h"

#define REMOTE_SETS	16384
#define REMOTE_WAYS	4	/* a set fills a cache line */
#define MINUTES_ALLOWED	2	/* Linux keeps an entry for about one after its last packet */
#define ANSWERED	(1ULL << HOST_BITS)

/* Hosts by hash: the owner's 40 bits, then the minute until which they count; the host's 48 bits, above them whether it answered. */
struct remote_set {
	__u64 node[REMOTE_WAYS];
	__u64 host[REMOTE_WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REMOTE_SETS);
	__type(key, __u32);
	__type(value, struct remote_set);
} remote SEC(".maps");

inline_always struct remote_set *remote_set_of(__u64 owner, __u64 host)
{
	__u32 index = (owner * GOLDEN ^ host) * GOLDEN >> 50;

	return bpf_map_lookup_elem(&remote, &index);
}

inline_always bool counts(__u64 node, __u16 now)
{
	return (__u16)(node - now - 1) < MINUTES_ALLOWED;
}

/* Where the host stands in its set, if it still counts; else at a place whose host counts no more; else REMOTE_WAYS. */
inline_always __u32 place_of(const struct remote_set *set, __u64 owner, __u64 host, __u16 now, bool *found)
{
	__u32 place = REMOTE_WAYS;

	*found = false;
#pragma unroll
	for (__u32 way = 0; way < REMOTE_WAYS; way++) {
		if (!counts(set->node[way], now)) {
			if (!*found)
				place = way;
		} else if (set->node[way] >> 16 == owner && (set->host[way] & HOST_MASK) == host) {
			place = way;
			*found = true;
		}
	}
	return place;
}

inline_always __u32 budget_of(const struct address *asker)
{
	return BUDGET_ASKERS + (asker->lo * GOLDEN >> (64 - ASKER_BITS));
}

/* A host of the LAN sends to one of another site. */
inline_always bool may_resolve(const struct address *asker, const struct address *a)
{
	__u64 owner = owner_of(a), host = a->lo & HOST_MASK;
	struct remote_set *set = remote_set_of(owner, host);
	__u16 now = minute();
	bool found;
	__u32 place;

	if (!set)
		return false;
	place = place_of(set, owner, host, now, &found);
	if (found)
		return true;
	if (place >= REMOTE_WAYS || !spend(budget_of(asker), MINUTE_SHIFT, UNANSWERED_PER_ASKER) ||
	    !spend(BUDGET_UNANSWERED, MINUTE_SHIFT, UNANSWERED))
		return false;
	set->node[place] = owner << 16 | (__u16)(now + MINUTES_ALLOWED);
	set->host[place] = host;
	return true;
}

/* One of another site has sent to a host of the LAN. */
inline_always void hear_remote(const struct address *a, const struct address *asker)
{
	__u64 owner = owner_of(a), host = a->lo & HOST_MASK, until;
	struct remote_set *set = remote_set_of(owner, host);
	__u16 now = minute();
	bool found;
	__u32 place;

	if (!set)
		return;
	until = owner << 16 | (__u16)(now + MINUTES_ALLOWED);
	place = place_of(set, owner, host, now, &found);
	if (place >= REMOTE_WAYS)
		return;
	if (!found || !(set->host[place] & ANSWERED)) {
		if (!spend(BUDGET_ANSWERED, MINUTE_SHIFT, ANSWERED_PER_MINUTE))
			return;
		if (found) {
			give_back(budget_of(asker));
			give_back(BUDGET_UNANSWERED);
		}
		set->host[place] = host | ANSWERED;
	}
	if (set->node[place] != until)
		set->node[place] = until;
}

#endif
