// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Membership in the solicited-node groups of our IPv6 addresses (RFC 4861 section 7.2.1), told to
// switches that send multicast only where it is asked for: unsolicited reports when an address
// appears, and answers to queries (RFC 3810). Worker thread only, but for _init and _fini.

#include "core/memory.h"
#include "core/stats.h"
#include "io/neighbour/neighbour_frame.h"
#include "pkt/mld.h"

#define MLD_ANSWER_LATEST  (10 * USEC_PER_SECOND)       // whatever delay a query allows
#define MLD_ANSWER_SPACING (100 * USEC_PER_MILLISECOND) // on one interface, whoever asks how often

struct mld_interface {
	usec_t due;  // of the answer under way; 0 = none
	usec_t last; // answer
	bool first_version;
};

struct mld {
	struct memory memory;
	struct mld_interface *interfaces; // MAX_NETIFS
	uint64_t random;
	usec_t earliest;
};

[[nodiscard]] int mld_init(struct mld *mld, uint64_t seed);
void mld_fini(struct mld *mld);

// A frame that tells that we are in the solicited-node group of our address: now, for one that was
// just joined. NULL when the source is exhausted.
struct buffer *mld_joined_frame(struct buffer_source *buffers, const struct link_identity *link,
	const struct ip_address *source, const struct ip_address *address);
