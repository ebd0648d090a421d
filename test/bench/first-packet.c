// SPDX-License-Identifier: MIT
/*
 * Sends one packet each to addresses that nobody has sent to yet, from one network namespace, and sees it arrive on a link in
 * another: prints the nanoseconds between, or -1 where it didn't within the time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip6.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 9 /* discard */
#define PATIENCE 1500000000ull

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void enter(const char *netns)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		err(1, "%s", path);
	close(fd);
}

static int watch(const char *link)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6),
				  .sll_ifindex = if_nametoindex(link) };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK, htons(ETH_P_IPV6));

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)))
		err(1, "packet socket on %s", link);
	return fd;
}

/* Looks without sleeping: to be woken costs more than all that is measured. */
static int64_t arrival(int fd, const struct in6_addr *address, uint64_t began)
{
	struct ip6_hdr packet;

	while (now() - began < PATIENCE) {
		if (recv(fd, &packet, sizeof(packet), 0) == sizeof(packet) && packet.ip6_nxt == IPPROTO_UDP &&
		    !memcmp(&packet.ip6_dst, address, sizeof(*address)))
			return now() - began;
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };

	if (argc != 6 || inet_pton(AF_INET6, argv[4], &to.sin6_addr) != 1)
		errx(2, "usage: first-packet from-netns to-netns link first-address count");
	enter(argv[2]);
	int arriving = watch(argv[3]);
	enter(argv[1]);
	int leaving = socket(AF_INET6, SOCK_DGRAM, 0);

	for (int i = atoi(argv[5]); i > 0; i--) {
		uint64_t began = now();

		if (sendto(leaving, "", 1, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			err(1, "send");
		printf("%lld\n", (long long)arrival(arriving, &to.sin6_addr, began));
		to.sin6_addr.s6_addr32[3] = htobe32(be32toh(to.sin6_addr.s6_addr32[3]) + 1);
	}
}
