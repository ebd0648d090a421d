// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The fast path: three programs for links, by TCX or as classifiers of a clsact discipline. On the overlay the next hop's MAC is
 * computed from the destination address, solicitations are answered where they arise, and a source address must be its sender's;
 * on a LAN the router answers for all that is elsewhere in the network. What isn't IPv6, and what none of this is about, goes on
 * to the next program untouched.
 */
#include <stddef.h>
#include <stdbool.h>
#include "bpf/count.h"
#include "bpf/frame.h"
#include "bpf/hosts.h"
#include "bpf/members.h"
#include "bpf/ndp.h"
#include "bpf/remote.h"
#include "bpf/sites.h"
#include "bpf/sixplane.h"

#define PASS		TC_ACT_UNSPEC	/* to the next program, and then on */
#define PLACEHOLDER_MAC	0x00005e005301ULL /* of fe80::5: never a member's, and ZeroTier loops none of it back */
#define NO_REASON	(-1)
#define MOST_OPTIONS	4		/* of an advertisement that are read: it has one */
#define MOST_HEADERS	4		/* before an ICMPv6 header: more are nobody's but an attacker's */

/* Solicitations that this host sends never leave it: the answer is computed, as ZeroTier does for multicast ones. */
inline_always int emulate(struct __sk_buff *skb, const struct headers *h)
{
	struct solicitation s;
	__u64 owner;
	__be64 target[2];

	if (bpf_skb_load_bytes(skb, HEADERS + 8, target, sizeof(target)))
		return PASS;
	s.target.hi = bpf_be64_to_cpu(target[0]);
	s.target.lo = bpf_be64_to_cpu(target[1]);
	if (!is_ours(&s.target))
		return PASS;
	owner = owner_in_either(&s.target);
	if (owner == here.node)
		return PASS;
	if (is_reserved(owner) || read_solicitation(skb, h, &s) != ND_VALID)
		return drop(OUT_DROP_SOLICITATION);
	if (!advertise(skb, &s, &s.target, mac_of(owner), 0))
		return drop(OUT_DROP_SOLICITATION);
	count(OUT_EMULATED);
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

inline_always bool is_solicitation(struct __sk_buff *skb, const struct headers *h)
{
	__u8 type;

	return h->next == NEXT_ICMP6 && !bpf_skb_load_bytes(skb, HEADERS, &type, sizeof(type)) &&
	       type == ND_SOLICITATION;
}

SEC("tc")
int overlay_egress(struct __sk_buff *skb)
{
	struct headers h;
	__u64 owner;
	void *frame;

	if (kind_of(skb) != FRAME_IPV6 || !read_headers(skb, &h))
		return PASS;
	if (has(FEATURE_GUARD)) {
		if (is_ours(&h.source) && owner_in_either(&h.source) != here.node)
			return drop(OUT_DROP_SOURCE);
	}
	if (has(FEATURE_EMULATE) && is_solicitation(skb, &h)) {
		int verdict = emulate(skb, &h);

		if (verdict != PASS)
			return verdict;
	}
	if (!in_network(&h.destination))
		return PASS;
	owner = owner_of(&h.destination);
	if (owner == here.node)
		return PASS;
	if (has(FEATURE_COUNT) && !is_counted(skb, EGRESS))
		count_out(skb, owner);
	if (has(FEATURE_REWRITE)) {
		frame = (void *)(long)skb->data;
		if (frame + HEADERS > (void *)(long)skb->data_end || mac_at(frame) != PLACEHOLDER_MAC)
			return PASS;
		put_mac(frame, mac_of(owner));
		count(OUT_REWRITTEN);
	}
	return PASS;
}

/* Whether a 6PLANE address is told with a MAC that isn't its owner's. */
inline_always bool is_lie(const struct address *a, __u64 mac)
{
	return is_ours(a) && mac_of(owner_in_either(a)) != mac;
}

inline_always bool is_skipped(__u8 next)
{
	return next == NEXT_HOPS || next == NEXT_ROUTING || next == NEXT_OPTIONS;
}

struct told {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 flags;
	__be64 target[2];
	__be64 destination[2]; /* of a redirect, RFC 4861 section 4.5 */
};

/* Whether an advertisement at `at` names another MAC than the sender's for an address of the network. */
inline_always bool names_another(struct __sk_buff *skb, int at, __u64 sender)
{
	at += ND_HEADER;
	for (int i = 0; i < MOST_OPTIONS; i++) {
		__be64 octets;
		__u64 option; /* type, length in units, six octets */

		if (bpf_skb_load_bytes(skb, at, &octets, sizeof(octets)))
			return false;
		option = bpf_be64_to_cpu(octets);
		if (option >> 56 == ND_TARGET_LINK_LAYER && (option & MAC_MASK) != sender)
			return true;
		at += ((option >> 48) & 0xff) * OPTION_UNIT;
	}
	return false;
}

/*
 * Messages of neighbour discovery that say something about addresses of the network: advertisements only of their owner and only
 * with its MAC, redirects never. Linux takes such a message behind other headers too, though not from fragments (RFC 6980
 * section 5), so it is looked for there. A function of its own, which the verifier goes through once.
 */
__attribute__((noinline)) int judge_discovery(struct __sk_buff *skb, __u64 sender, __u32 next)
{
	struct address target, destination;
	struct told told = {};
	int at = HEADERS;

	for (int i = 0; i < MOST_HEADERS && is_skipped(next); i++) {
		__u8 header[2];

		if (bpf_skb_load_bytes(skb, at, header, sizeof(header)))
			return NO_REASON;
		next = header[0];
		at += (header[1] + 1) * OPTION_UNIT;
	}
	if (is_skipped(next))
		return IN_DROP_HIDDEN;
	if (next != NEXT_ICMP6 || bpf_skb_load_bytes(skb, at, &told, ND_HEADER))
		return NO_REASON;
	target.hi = bpf_be64_to_cpu(told.target[0]);
	target.lo = bpf_be64_to_cpu(told.target[1]);
	if (told.type == ND_ADVERTISEMENT) {
		if (is_lie(&target, sender) || (is_ours(&target) && names_another(skb, at, sender)))
			return IN_DROP_ADVERTISEMENT;
		return NO_REASON;
	}
	if (told.type != ND_REDIRECT ||
	    bpf_skb_load_bytes(skb, at + ND_HEADER, told.destination, sizeof(told.destination)))
		return NO_REASON;
	destination.hi = bpf_be64_to_cpu(told.destination[0]);
	destination.lo = bpf_be64_to_cpu(told.destination[1]);
	return is_ours(&target) || is_ours(&destination) ? IN_DROP_REDIRECT : NO_REASON;
}

/* Why the frame may not come in. */
inline_always int refusal(struct __sk_buff *skb, const struct headers *h)
{
	int reason;

	if (has(FEATURE_GUARD)) {
		if (is_lie(&h->source, h->sender))
			return IN_DROP_SOURCE;
		if (h->hops == ND_HOPS) {
			reason = judge_discovery(skb, h->sender, h->next);
			if (reason != NO_REASON)
				return reason;
		}
	}
	if (has(FEATURE_BOUND) && in_network(&h->destination) && owner_of(&h->destination) == here.node &&
	    !may_look_for(h->destination.lo & HOST_MASK))
		return IN_DROP_UNKNOWN;
	return NO_REASON;
}

/* A peer that doesn't compute asks for one of our addresses. */
inline_always int proxy(struct __sk_buff *skb, const struct headers *h)
{
	const struct address source = { here.source_hi, here.source_lo };
	struct solicitation s;

	if (read_solicitation(skb, h, &s) != ND_VALID || !in_network(&s.target) || owner_of(&s.target) != here.node)
		return PASS;
	if (!advertise(skb, &s, &source, here.mac, ND_ROUTER))
		return TC_ACT_SHOT;
	count(IN_PROXIED);
	return bpf_redirect(skb->ifindex, 0);
}

SEC("tc")
int overlay_ingress(struct __sk_buff *skb)
{
	struct headers h;
	int kind = kind_of(skb), reason, verdict;

	if (kind == FRAME_NESTED && has(FEATURE_GUARD))
		return drop(IN_DROP_HIDDEN);
	if (kind != FRAME_IPV6 || !read_headers(skb, &h))
		return PASS;
	reason = refusal(skb, &h);
	if (reason != NO_REASON) {
		if (has(FEATURE_COUNT))
			count_drop(skb, node_behind(h.sender)); /* for the site that sent it */
		return drop(reason);
	}
	if (has(FEATURE_PROXY) && is_solicitation(skb, &h)) {
		verdict = proxy(skb, &h);
		if (verdict != PASS)
			return verdict;
	}
	if (has(FEATURE_BOUND_REMOTE) && in_network(&h.source))
		hear_remote(&h.source, &h.destination);
	if (has(FEATURE_COUNT) && in_network(&h.source) && !is_counted(skb, INGRESS))
		count_in(skb, owner_of(&h.source));
	return PASS;
}

inline_always bool on_this_lan(const struct address *a)
{
	return in_network(a) && is_site(owner_of(a)) && ((a->lo ^ here.lan) & here.lan_mask) == 0;
}

/* The router answers for everything in the network that is not on this LAN. RFC 4861 section 7.2.8. */
inline_always int answer(struct __sk_buff *skb, const struct headers *h)
{
	const struct address source = { here.source_hi, here.source_lo };
	struct solicitation s;
	int read = read_solicitation(skb, h, &s);

	if (read != ND_VALID) {
		if (read == ND_INVALID && !is_counted(skb, INGRESS))
			count(LAN_INVALID);
		return PASS;
	}
	if (on_this_lan(&s.target)) {
		if (has(FEATURE_BOUND) && s.duplicate) /* whoever probes is about to have it */
			hear(s.target.lo & HOST_MASK);
		return PASS;
	}
	if (!has(FEATURE_PROXY) || !in_network(&s.target))
		return PASS;
	if (!advertise(skb, &s, &source, here.mac, ND_ROUTER))
		return TC_ACT_SHOT;
	count(s.duplicate ? LAN_DEFENDED : LAN_ANSWERED);
	return bpf_redirect(skb->ifindex, 0);
}

/* Straight to the overlay, past the stack and netfilter. What needs an answer of the router's goes through the stack. */
inline_always int turbo(struct __sk_buff *skb, const struct headers *h)
{
	__u32 mtu = 0;
	void *frame;

	if (h->hops <= 1 || bpf_check_mtu(skb, here.overlay, &mtu, 0, BPF_MTU_CHK_SEGS))
		return PASS;
	frame = (void *)(long)skb->data;
	if (frame + HEADERS > (void *)(long)skb->data_end)
		return PASS;
	put_mac(frame, PLACEHOLDER_MAC);
	put_mac(frame + ETH_SOURCE, here.overlay_mac);
	*(__u8 *)(frame + IP_HOPS) = h->hops - 1;
	count(LAN_REDIRECTED);
	return bpf_redirect(here.overlay, 0);
}

/* Not a frame for another machine, which a card shows that listens to everything: another router's is none of ours. */
inline_always bool is_for_us(struct __sk_buff *skb)
{
	void *frame = (void *)(long)skb->data;
	__u64 to;

	if (frame + HEADERS > (void *)(long)skb->data_end)
		return false;
	to = mac_at(frame);
	return to == here.mac || to & GROUP_BIT;
}

SEC("tc")
int lan_ingress(struct __sk_buff *skb)
{
	struct headers h;
	__u64 owner;

	if (kind_of(skb) != FRAME_IPV6 || !read_headers(skb, &h))
		return PASS;
	if (has(FEATURE_BOUND) && on_this_lan(&h.source))
		hear(h.source.lo & HOST_MASK);
	if (!is_for_us(skb))
		return PASS;
	if (is_solicitation(skb, &h))
		return answer(skb, &h);
	if (!in_network(&h.destination))
		return PASS;
	owner = owner_of(&h.destination);
	if (is_site(owner)) {
		if (has(FEATURE_BOUND) && !may_look_for(h.destination.lo & HOST_MASK))
			return drop(LAN_DROP_UNKNOWN);
		return PASS;
	}
	/* What comes from an address of before reaches the site alone: the overlay's program drops it. */
	if (has(FEATURE_GUARD) && in_network(&h.source) && !is_site(owner_of(&h.source))) {
		note_member(skb, h.sender, owner_of(&h.source));
		return drop(LAN_DROP_SOURCE);
	}
	if (has(FEATURE_BOUND_REMOTE) && !may_resolve(&h.source, &h.destination))
		return drop(LAN_DROP_UNKNOWN);
	if (has(FEATURE_TURBO) && !is_reserved(owner))
		return turbo(skb, &h);
	return PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
