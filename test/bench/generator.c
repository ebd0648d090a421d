// SPDX-License-Identifier: MIT
/*
 * Sends small UDP packets over IPv6 to many destinations, as fast as one core can or at a rate, and prints how many it sent and
 * in how many nanoseconds.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include "generator.h"

#define BATCH 64 /* frames in flight: a NAPI poll's worth */

struct frame {
	struct ethhdr eth;
	struct ipv6hdr ip6;
	struct udphdr udp;
	char payload[18]; /* makes it 80 octets: a small packet, where the cost of each shows */
} __attribute__((packed));

static void parse_mac(const char *text, void *mac)
{
	const struct ether_addr *parsed = ether_aton(text);

	if (!parsed)
		errx(2, "%s is no MAC", text);
	memcpy(mac, parsed, ETH_ALEN);
}

static void parse_ip6(const char *text, void *address)
{
	if (inet_pton(AF_INET6, text, address) != 1)
		errx(2, "%s is no IPv6 address", text);
}

static struct bpf_object *load(const char *path, const struct traffic *traffic)
{
	struct bpf_object *object = bpf_object__open(path);

	if (!object)
		err(1, "%s", path);
	if (bpf_map__set_initial_value(bpf_object__find_map_by_name(object, ".rodata"), traffic, sizeof(*traffic)))
		err(1, "%s: read-only data", path);
	if (bpf_object__load(object))
		err(1, "%s: load", path);
	return object;
}

static void ignore(int signal)
{
	(void)signal;
}

/* One call, ended by a signal: each costs two grace periods of RCU. */
static void send_for(unsigned long milliseconds, int program, struct frame *frame)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = sizeof(*frame), .repeat = INT32_MAX,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	struct itimerval timer = { .it_value = { milliseconds / 1000, milliseconds % 1000 * 1000 } };

	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = ignore }, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	if (bpf_prog_test_run_opts(program, &run) && errno != EINTR)
		err(1, "BPF_PROG_TEST_RUN");
}

int main(int argc, char **argv)
{
	if (argc != 10)
		errx(2, "usage: generator object link from-mac to-mac source network destinations sites milliseconds");

	struct traffic traffic = {
		.link = if_nametoindex(argv[2]),
		.destinations = strtoul(argv[7], NULL, 10),
		.sites = strtoul(argv[8], NULL, 10),
	};
	struct frame frame = {
		.ip6 = { .version = 6, .payload_len = htons(sizeof(frame) - sizeof(frame.eth) - sizeof(frame.ip6)),
			 .nexthdr = IPPROTO_UDP, .hop_limit = 64 },
		.udp = { .source = htons(9), .dest = htons(9), .len = htons(sizeof(frame.udp) + sizeof(frame.payload)) },
	};
	uint64_t network[2];
	struct sent sent;
	__u32 zero = 0;

	if (!traffic.link)
		err(2, "%s", argv[2]);
	frame.eth.h_proto = htons(ETH_P_IPV6);
	parse_mac(argv[3], frame.eth.h_source);
	parse_mac(argv[4], frame.eth.h_dest);
	parse_ip6(argv[5], &frame.ip6.saddr);
	parse_ip6(argv[6], network);
	traffic.network = be64toh(network[0]) >> 24;
	memcpy(traffic.ethernet, &frame.eth, sizeof(frame.eth));

	struct bpf_object *object = load(argv[1], &traffic);

	send_for(strtoul(argv[9], NULL, 10), bpf_program__fd(bpf_object__find_program_by_name(object, "generate")), &frame);
	if (bpf_map_lookup_elem(bpf_object__find_map_fd_by_name(object, ".bss"), &zero, &sent))
		err(1, "what was sent");
	printf("{\"sent\":%llu,\"timed\":%llu,\"nanoseconds\":%llu}\n", sent.frames, sent.counted, sent.last - sent.first);
}
