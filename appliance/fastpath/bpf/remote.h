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
#define REMOTE_WAYS	4	/* rows in a row: a cache line */
#define MINUTES_ALLOWED	2	/* Linux keeps an entry for about one after its last packet */
#define ANSWERED	(1ULL << HOST_BITS)

/*
 * A host, in one of the rows of its set: the owner's 40 bits, then the minute until which it counts; the host's 48 bits, above them
 * whether it answered. Each row is an entry of the map, since an index into a value needs CAP_PERFMON.
 */
struct remote {
	__u64 node;
	__u64 host;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REMOTE_SETS * REMOTE_WAYS);
	__type(key, __u32);
	__type(value, struct remote);
} remote SEC(".maps");

inline_always __u32 remote_set_of(__u64 owner, __u64 host)
{
	return ((owner * GOLDEN ^ host) * GOLDEN >> 50) * REMOTE_WAYS;
}

inline_always bool counts(__u64 node, __u16 now)
{
	return (__u16)(node - now - 1) < MINUTES_ALLOWED;
}

/* The host's row in its set, if it still counts; else one whose host counts no more; else NULL. */
inline_always struct remote *row_of(__u64 owner, __u64 host, __u16 now, bool *found)
{
	__u32 set = remote_set_of(owner, host), row = REMOTE_SETS * REMOTE_WAYS;

	*found = false;
#pragma unroll
	for (__u32 way = 0; way < REMOTE_WAYS; way++) {
		__u32 index = set + way;
		struct remote *r = bpf_map_lookup_elem(&remote, &index);

		if (!r)
			return NULL;
		if (!counts(r->node, now)) {
			if (!*found)
				row = index;
		} else if (r->node >> 16 == owner && (r->host & HOST_MASK) == host) {
			row = index;
			*found = true;
		}
	}
	return bpf_map_lookup_elem(&remote, &row); /* NULL beyond the last */
}

inline_always __u32 budget_of(const struct address *asker)
{
	return BUDGET_ASKERS + (asker->lo * GOLDEN >> (64 - ASKER_BITS));
}

/* A host of the LAN sends to one of another site. */
inline_always bool may_resolve(const struct address *asker, const struct address *a)
{
	__u64 owner = owner_of(a), host = a->lo & HOST_MASK;
	__u16 now = minute();
	bool found;
	struct remote *row = row_of(owner, host, now, &found);

	if (!row)
		return false;
	if (found)
		return true;
	if (!spend(budget_of(asker), MINUTE_SHIFT, UNANSWERED_PER_ASKER) ||
	    !spend(BUDGET_UNANSWERED, MINUTE_SHIFT, UNANSWERED))
		return false;
	row->node = owner << 16 | (__u16)(now + MINUTES_ALLOWED);
	row->host = host;
	return true;
}

/* One of another site has sent to a host of the LAN. */
inline_always void hear_remote(const struct address *a, const struct address *asker)
{
	__u64 owner = owner_of(a), host = a->lo & HOST_MASK, until;
	__u16 now = minute();
	bool found;
	struct remote *row = row_of(owner, host, now, &found);

	if (!row)
		return;
	until = owner << 16 | (__u16)(now + MINUTES_ALLOWED);
	if (!found || !(row->host & ANSWERED)) {
		if (!spend(BUDGET_ANSWERED, MINUTE_SHIFT, ANSWERED_PER_MINUTE))
			return;
		if (found) {
			give_back(budget_of(asker));
			give_back(BUDGET_UNANSWERED);
		}
		row->host = host | ANSWERED;
	}
	if (row->node != until)
		row->node = until;
}

#endif
