// SPDX-License-Identifier: MIT
#ifndef GENERATOR_H
#define GENERATOR_H

#include <linux/if_ether.h>
#include <linux/types.h>

/* The read-only data of generator.bpf.c, all of it. */
struct traffic {
	__u64 network; /* the upper 40 bits of every destination */
	__u32 link;    /* the interface to send from */
	__u32 destinations;
	__u32 sites; /* no more than destinations */
	__u8 ethernet[ETH_HLEN];
};

/* Its other data, all of it. */
struct sent {
	__u64 frames;
	__u64 first; /* when, in nanoseconds */
	__u64 last;
	__u64 counted; /* frames before last */
};

#define CLOCK_EVERY 256 /* frames between two looks at the clock */

#endif
