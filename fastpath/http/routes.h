// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Which route of a listener a request takes. Worker thread, or any other with a snapshot.
//
// A route covers a request when its host and its path do. Of those that cover it, an exact host
// goes before a wildcard, the longer wildcard before the shorter, any wildcard before a route
// without a host; then the longest path. Hosts are compared without case, port and a dot at the
// end. A path covers what equals it or goes on with '/': "/api" covers "/api" and "/api/x", not
// "/apix". Paths are compared percent-decoded, with "//" as "/", so that a request cannot reach a
// target by a spelling that its route does not see.

#include "core/snapshot.h"
#include "nexwire/http_head.h"

struct http_match {
	const struct snapshot_http_route *route;
	uint32_t covered; // bytes of the request's path, as it is spelled, that the route's covers
};

// Whether a path means the same to everybody: no "." or ".." segment, however it is spelled, with
// parameters or without, no backslash and no NUL.
bool http_path_is_plain(struct nx_http_slice path);

// The route of a request; false when there is none. path begins with '/' or is empty.
bool http_route_find(const struct snapshot_http *http, struct nx_http_slice host,
	struct nx_http_slice path, struct http_match *out);
