// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// How a dialogue's lines are read. Private to dialogue*.c.

#include "endpoint.h"

enum {
	LINE_BYTES = 256,
};

struct dialogue {
	const char *path;
	unsigned int number; // of the line
	char line[LINE_BYTES];
	char *at; // what of it is not read yet
	bool v6;
	bool is_other_family; // the dialogue is not for this one
	uint32_t peer_base;
	struct tcp_profile profile;
	struct endpoint *end; // NULL until listen or connect
	usec_t step;          // when the last step was
};

// What a step says of a segment, and which of it matters in one that comes out.
struct stated {
	struct segment segment;
	bool has_ack;
	bool has_window;
	bool has_echo;
	bool has_ecn;
	bool has_hops;
	bool has_urgent;
	bool has_dscp;
	bool has_kinds; // in segment.raw
	bool has_id;
	uint32_t late; // how much older than the last the timestamp is that is echoed
	bool has_after;
	usec_t earliest;
	usec_t latest;
};

void fail_here(struct dialogue *d, const char *what, const char *came);
void fail_number(struct dialogue *d, const char *what, uint64_t got);
// The next word of the line, NULL at its end.
char *word(struct dialogue *d);
const char *need_word(struct dialogue *d);
uint32_t number_of(struct dialogue *d, const char *text);
uint32_t number(struct dialogue *d);
usec_t time_word(struct dialogue *d);
void read_segment(struct dialogue *d, struct stated *out, uint32_t own, uint32_t other);
