// SPDX-License-Identifier: BSD-3-Clause
// What listeners of protocol http have besides.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"listeners[].http", .type = SCHEMA_GROUP, .effect = EFFECT_LIVE, IN(config_listener, http),
		.sentence = "Of protocol http: where requests go, and their limits."},
	{"listeners[].http.routes", .type = SCHEMA_GROUPS, .effect = EFFECT_LIVE, RANGE(0, 1024),
		IN(config_http, routes), .size = sizeof(struct config_http_route),
		.sentence =
			"Requests by host and path: an exact host before a wildcard before any host, then the "
			"longest path."},
	{"listeners[].http.routes[].host", .type = SCHEMA_STRING, .effect = EFFECT_LIVE,
		RANGE(1, 253), IN(config_http_route, host),
		.sentence =
			"Host name or address, or *.DOMAIN for all names below it; absent: any."},
	{"listeners[].http.routes[].path", .type = SCHEMA_STRING, .fallback = "/",
		.effect = EFFECT_LIVE, RANGE(1, 255), IN(config_http_route, path),
		.sentence =
			"The path and all below it: /api covers /api and /api/x, not /apix. Not "
			"percent-encoded."},
	{"listeners[].http.routes[].upstream", .type = SCHEMA_NAME, .effect = EFFECT_LIVE,
		RANGE(1, NAME_BYTES - 1), IN(config_http_route, upstream),
		.sentence = "Name of the upstream that serves it."},
	{"listeners[].http.routes[].redirect", .type = SCHEMA_STRING, .effect = EFFECT_LIVE,
		RANGE(1, 255), IN(config_http_route, redirect),
		.sentence =
			"In place of upstream: where clients are sent, http://..., https://... or /PATH; "
			"\"https\" or \"https:PORT\" for the same host over TLS."},
	{"listeners[].http.routes[].status", .type = SCHEMA_WORD, .words = "301|302|303|307|308",
		.fallback = "302", .effect = EFFECT_LIVE, IN(config_http_route, status),
		.sentence = "Of a redirection."},
	{"listeners[].http.routes[].strip_prefix", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_LIVE, IN(config_http_route, strip_prefix),
		.sentence = "Whether the route's path is taken off before the request goes on."},
	{"listeners[].http.routes[].keep_path", .type = SCHEMA_BOOLEAN, .fallback = "true",
		.effect = EFFECT_LIVE, IN(config_http_route, keep_path),
		.sentence = "Whether a redirection goes on with the request's path."},
	{"listeners[].http.routes[].keep_query", .type = SCHEMA_BOOLEAN, .fallback = "true",
		.effect = EFFECT_LIVE, IN(config_http_route, keep_query),
		.sentence = "Whether a redirection goes on with the request's query."},
	{"listeners[].http.head_bytes", .type = SCHEMA_INTEGER, .unit = UNIT_BYTES,
		.fallback = "8192", .effect = EFFECT_LIVE, RANGE(256, 16384),
		IN(config_http, head_bytes),
		.sentence =
			"First line and fields of a request at most; more is answered with 431."},
	{"listeners[].http.head_fields", .type = SCHEMA_INTEGER, .fallback = "100",
		.effect = EFFECT_LIVE, RANGE(8, 128), IN(config_http, head_fields),
		.sentence = "Fields of a request at most."},
	{"listeners[].http.http2_streams", .type = SCHEMA_INTEGER, .fallback = "100",
		.effect = EFFECT_LIVE, RANGE(1, 1000), IN(config_http, http2_streams),
		.sentence =
			"Requests of one connection of HTTP/2 at once; more are refused. For new "
			"connections, as the next two."},
	{"listeners[].http.http2_idle_frames", .type = SCHEMA_INTEGER, .fallback = "500",
		.effect = EFFECT_LIVE, RANGE(10, 100000), IN(config_http, http2_idle_frames),
		.sentence =
			"Frames a second that carry nothing of a request, of one connection, and twice "
			"as many at once; then it ends."},
	{"listeners[].http.http2_resets", .type = SCHEMA_INTEGER, .fallback = "50",
		.effect = EFFECT_LIVE, RANGE(1, 100000), IN(config_http, http2_resets),
		.sentence =
			"Requests a second that one connection of HTTP/2 may begin and reset, and four "
			"times as many at once; then it ends."},
	{"listeners[].http.head_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "10", .effect = EFFECT_LIVE, RANGE(1, 3600),
		IN(config_http, head_timeout_s),
		.sentence = "How long the head of a request may take; then 408."},
	{"listeners[].http.keepalive_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "75", .effect = EFFECT_LIVE, RANGE(1, 86400),
		IN(config_http, keepalive_timeout_s),
		.sentence = "How long a client may be silent between requests."},
	{"listeners[].http.response_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "60", .effect = EFFECT_LIVE, RANGE(1, 86400),
		IN(config_http, response_timeout_s),
		.sentence = "How long a target may take to answer a whole request; then 504."},
	{"listeners[].http.requests_per_source", .type = SCHEMA_INTEGER, .fallback = "0",
		.effect = EFFECT_LIVE, RANGE(0, 1000000), IN(config_http, requests_per_source),
		.sentence =
			"Requests a second of one address (IPv6: /56) on each worker, then 429; 0 for no "
			"limit."},
	{"listeners[].http.access_log", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_LIVE, IN(config_http, access_log),
		.sentence = "Whether each request is logged."},
};
const struct schema_rows schema_http_rows = {KEYS, nx_array_size(KEYS)};
