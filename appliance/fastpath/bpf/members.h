/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* Hosts of a LAN that are members of the network themselves and send from their own /80: for the status to name. */
#ifndef SITEPLANE_MEMBERS_H
#define SITEPLANE_MEMBERS_H

#include "count.h"

#define MEMBER_SLOTS	64

struct member {
	__u64 mac;
	__u64 node;
	__u32 link;
	__u32 second;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMBER_SLOTS);
	__type(key, __u32);
	__type(value, struct member);
} members SEC(".maps");

inline_always void note_member(const struct __sk_buff *skb, __u64 mac, __u64 node)
{
	__u32 index = (mac * 0x9e3779b97f4a7c15ULL) >> 58;
	struct member *member = bpf_map_lookup_elem(&members, &index);

	if (!member)
		return;
	member->mac = mac;
	member->node = node;
	member->link = skb->ifindex;
	member->second = bpf_ktime_get_coarse_ns() >> SECOND_SHIFT & SECOND_MASK;
}

#endif
