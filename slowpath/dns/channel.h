// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One c-ares channel with its sockets on an epoll: questions in, answers by callback. Private to
// the resolver; everything runs on the resolver's thread, callbacks inside ask, wait and destroy.

#include "dns/resolver.h"

enum dns_family {
	DNS_V4 = 0,
	DNS_V6,
	DNS_FAMILIES
};

// Where and how to ask; servers in the form c-ares reads, empty = the system's.
struct dns_settings {
	char servers[RESOLVER_SERVERS_MAX * 64];
	int timeout_ms;
	int tries;
};

// The answer to one question. RESOLVER_PENDING: the channel was destroyed before there was one.
struct dns_answer {
	enum resolver_status status;
	uint32_t ttl_s; // least of the records', not clamped
	uint32_t count;
	struct ip_address addresses[RESOLVER_FAMILY_MAX]; // ascending, no duplicates
};

struct dns_channel;

// Called once a question. answer is borrowed.
typedef void dns_done(void *arg, enum dns_family family, const struct dns_answer *answer);

// Checks and copies a config. -EINVAL with a line in error that names the server that is none.
[[nodiscard]] int dns_settings_init(struct dns_settings *settings,
	const struct resolver_config *config, char *error, size_t error_size);

// wake is a descriptor whose readability ends dns_channel_wait early; borrowed. Any thread.
[[nodiscard]] int dns_channel_create(const struct dns_settings *settings, int wake,
	struct dns_channel **out, char *error, size_t error_size);

// Calls done of every open question with RESOLVER_PENDING, then frees. NULL is allowed.
void dns_channel_destroy(struct dns_channel *channel);

// Asks for the addresses of one family; done may run before this returns.
void dns_channel_ask(struct dns_channel *channel, const char *name, enum dns_family family,
	dns_done *done, void *arg);

// Serves sockets and timers once, at most timeout_ms long.
void dns_channel_wait(struct dns_channel *channel, int timeout_ms);
