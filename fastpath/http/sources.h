// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Requests a second by source: an IPv4 address, or a /56 of IPv6. Bounded: a source that finds no
// place among those seen last takes the oldest one's, and gains nothing by it. Worker thread only.

#include "core/base.h"
#include "pkt/address.h"

struct http_sources;

// key: of the hash that places sources. -ENOMEM. Control thread.
[[nodiscard]] int http_sources_create(const uint64_t key[2], struct http_sources **out);
void http_sources_destroy(struct http_sources *sources); // NULL is allowed

// Takes one request of a source whose bound is per_second, as many at once; group tells listeners
// apart. False: above it.
bool http_source_take(struct http_sources *sources, const struct ip_address *source, uint32_t group,
	uint32_t per_second, usec_t now);
