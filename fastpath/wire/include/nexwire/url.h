// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// URLs of the schemes that this library speaks (RFC 3986, RFC 9110 4.2, RFC 6455 3): http, https,
// ws, wss. Pure functions on bytes.

#include "nexwire/http_query.h"

NX_BEGIN

enum nx_url_verdict {
	NX_URL_OK,
	NX_URL_SCHEME_UNKNOWN,    // none of the four, or no "://"
	NX_URL_USER_REFUSED,      // user:password@ (RFC 9110 4.2.4)
	NX_URL_AUTHORITY_INVALID, // no host, a byte that no host has, a port outside 1 to 65535
	NX_URL_TARGET_INVALID,    // a byte that no request target has, or a query without a path
	NX_URL_VERDICTS
};

// Slices are borrowed from the text.
struct nx_url {
	bool is_tls;                    // https, wss
	bool is_websocket;              // ws, wss
	uint16_t port;                  // 80 or 443 when none is given
	struct nx_http_slice authority; // host and port as written: what Host says
	struct nx_http_slice host;      // without the brackets of an IPv6 address
	struct nx_http_slice target;    // path and query, "/" when there is none; no fragment
};

// Takes a URL apart; *url is untouched unless it says NX_URL_OK.
NX_API NX_CHECKED enum nx_url_verdict nx_url_parse(struct nx_http_slice text, struct nx_url *url);

// One sentence for a log; static storage.
NX_API const char *nx_url_verdict_text(enum nx_url_verdict verdict);

NX_END
