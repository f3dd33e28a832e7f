// SPDX-License-Identifier: BSD-3-Clause
// Where traffic goes.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"upstreams", .type = SCHEMA_GROUPS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(0, MAX_UPSTREAMS / 2), IN(config, upstreams),
		.size = sizeof(struct config_upstream), .sentence = "Where traffic goes."},
	{"upstreams[].name", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), .flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY,
		IN(config_upstream, name), .sentence = "Name of the upstream."},
	{"upstreams[].targets", .type = SCHEMA_TARGETS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 4096), .flags = SCHEMA_REQUIRED, IN(config_upstream, targets),
		.sentence =
			"HOST:PORT each, with weight=N (1 to 256) and drained behind it if wanted; "
			"HOST is an address ([ADDR6]) or a name."},
	{"upstreams[].balance", .type = SCHEMA_WORD,
		.words = "round-robin|least-connections|source-hash|maglev",
		.fallback = "round-robin", .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, balance),
		.sentence =
			"How a new session finds its target. Each worker counts on its own: round-robin "
			"and least-connections are even a worker."},
	{"upstreams[].proxy_protocol", .type = SCHEMA_WORD, .words = "off|v1|v2", .fallback = "off",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, proxy_protocol),
		.sentence =
			"PROXY protocol header that targets get first, with the client's address; of "
			"listeners in mode terminate."},
	{"upstreams[].congestion", .type = SCHEMA_WORD, .words = "cubic|rate", .fallback = "cubic",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, congestion),
		.sentence = "Congestion control toward targets, of listeners in mode terminate."},
	{"upstreams[].tcp_profile", .type = SCHEMA_WORD, .words = TCP_PROFILE_WORDS,
		.fallback = "default", .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, tcp_profile),
		.sentence =
			"Whose SYN ours to targets looks like, of listeners in mode terminate: options "
			"and their order, window, hop limit, IPv4 identification."},
	{"upstreams[].keepalive_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 3 * 86400),
		IN(config_upstream, keepalive_s),
		.sentence =
			"A target that was silent for so long is probed, of listeners in mode terminate: "
			"nine times, as far apart but at most 75 s; 0 for never."},
	{"upstreams[].user_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "900", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 86400),
		IN(config_upstream, user_timeout_s),
		.sentence =
			"A target that acknowledges nothing of what was sent for so long is given up, of "
			"listeners in mode terminate (RFC 5482); refused where one in mode direct uses it."},
	{"upstreams[].ecn", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_upstream, ecn),
		.sentence = "Whether targets are asked for ECN (RFC 3168), in mode terminate."},
	{"upstreams[].memory_bytes", .type = SCHEMA_INTEGER, MEMORY, .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, memory_bytes), .sentence = "As of listeners, toward targets."},
	{"upstreams[].idle_connections", .type = SCHEMA_INTEGER, .fallback = "512",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, MAX_IDLE_CONNECTIONS),
		IN(config_upstream, idle_connections),
		.sentence =
			"Connections to its targets that each worker keeps idle for the next request of "
			"anybody, of protocol http; above them a client keeps its own. 0: nobody gets "
			"another's."},
	{"upstreams[].source", .type = SCHEMA_SOURCES, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, MAX_SOURCES), IN(config_upstream, source),
		.sentence =
			"Own addresses that targets see, or \"client\" to keep the client's, not with http; "
			"absent: those of the port toward the target."},
	{"upstreams[].transport", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_upstream, transport), .sentence = "How bytes travel to the targets."},
	{"upstreams[].transport.outer", .type = SCHEMA_WORD, .words = "tcp|udp|!quic",
		.effect = EFFECT_NEW_SESSIONS, .flags = SCHEMA_DERIVED,
		.fallback = "the listener's protocol", IN(config_transport, outer),
		.sentence = "Protocol on the wire."},
	{"upstreams[].transport.security", .type = SCHEMA_WORD, .words = "raw|tls|reality|!noise",
		.fallback = "raw", .effect = EFFECT_NEW_SESSIONS, IN(config_transport, security),
		.sentence = "What protects the bytes."},
	{"upstreams[].transport.credentials", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_transport, credentials),
		.sentence =
			"Names of credentials: raw takes none, tls one of kind tls-client or none, reality "
			"one of kind reality-client."},
};
const struct schema_rows schema_upstreams_rows = {KEYS, nx_array_size(KEYS)};
