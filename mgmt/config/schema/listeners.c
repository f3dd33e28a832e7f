// SPDX-License-Identifier: BSD-3-Clause
// Where traffic comes in.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"listeners", .type = SCHEMA_GROUPS, .effect = EFFECT_DRAIN, RANGE(0, MAX_LISTENERS / 2),
		IN(config, listeners), .size = sizeof(struct config_listener),
		.sentence = "Where traffic comes in."},
	{"listeners[].name", .type = SCHEMA_NAME, .effect = EFFECT_DRAIN, RANGE(1, NAME_BYTES - 1),
		.flags = SCHEMA_REQUIRED | SCHEMA_IDENTITY, IN(config_listener, name),
		.sentence = "Name of the listener."},
	{"listeners[].protocol", .type = SCHEMA_WORD, .words = "tcp|udp|http",
		.effect = EFFECT_DRAIN, .flags = SCHEMA_REQUIRED, IN(config_listener, protocol),
		.sentence =
			"What clients speak; http is read request by request and routed (http), in mode terminate."},
	{"listeners[].listen", .type = SCHEMA_LISTEN, .effect = EFFECT_NEW_SESSIONS,
		.flags = SCHEMA_REQUIRED, IN(config_listener, listen),
		.sentence =
			"ADDR:PORT, [ADDR6]:PORT or *:PORT for all own addresses; PORT may be a range "
			"FIRST-LAST; ADDR is an own address."},
	{"listeners[].upstream", .type = SCHEMA_NAME, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, NAME_BYTES - 1), IN(config_listener, upstream),
		.sentence =
			"Name of the upstream that serves it; with http, requests that no route covers, and "
			"absent none does."},
	{"listeners[].mode", .type = SCHEMA_WORD, .words = "direct|terminate", .fallback = "direct",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, mode),
		.sentence =
			"direct rewrites packets and keeps the client's address family; terminate (tcp) ends "
			"both connections here, relays between them, and takes targets of any family."},
	{"listeners[].idle_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "7440 for tcp, 30 for udp, 300 for http, over reality 7440",
		.effect = EFFECT_LIVE, RANGE(0, 30 * 86400), .flags = SCHEMA_DERIVED,
		IN(config_listener, idle_timeout_s),
		.sentence = "A session without packets for so long ends; 0 for never (RFC 5382)."},
	{"listeners[].connect_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "5", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 60),
		IN(config_listener, connect_timeout_s),
		.sentence = "A session whose target does not answer for so long ends."},
	{"listeners[].close_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "30", .effect = EFFECT_LIVE, RANGE(1, 3600),
		IN(config_listener, close_timeout_s),
		.sentence =
			"In mode terminate: a session that both ends have closed is reset when nothing more "
			"of what is under way is acknowledged for so long; with http of WebSockets, "
			"and of a REALITY target's visitors, alone: other clients have 5 s after their last answer."},
	{"listeners[].keepalive_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 3 * 86400),
		IN(config_listener, keepalive_s),
		.sentence =
			"In mode terminate: a client that was silent for so long is probed, nine times, as "
			"far apart but at most 75 s, then given up; 0 for never."},
	{"listeners[].user_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "900", .effect = EFFECT_NEW_SESSIONS, RANGE(1, 86400),
		IN(config_listener, user_timeout_s),
		.sentence =
			"In mode terminate: a client that acknowledges nothing of what was sent for so long "
			"is given up (RFC 5482)."},
	{"listeners[].ecn", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, ecn),
		.sentence = "Whether clients may have ECN (RFC 3168), in mode terminate."},
	{"listeners[].memory_bytes", .type = SCHEMA_INTEGER, MEMORY, .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, memory_bytes),
		.sentence =
			"In mode terminate: buffer bytes of a connection at most, each way (window scale: by tcp_profile, else by this)."},
	{"listeners[].max_sessions", .type = SCHEMA_INTEGER, .fallback = "0",
		.effect = EFFECT_NEW_SESSIONS, RANGE(0, 1u << 27),
		IN(config_listener, max_sessions),
		.sentence =
			"Sessions at once; 0 for no limit of its own. Each of N workers keeps to an Nth, "
			"rounded up: at most N - 1 more in all, and a full worker refuses while others have room."},
	{"listeners[].proxy_protocol", .type = SCHEMA_WORD, .words = "off|required",
		.fallback = "off", .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, proxy_protocol),
		.sentence =
			"required (mode terminate): every client begins with a PROXY protocol header, "
			"version 1 or 2, which is taken off; one without is reset."},
	{"listeners[].congestion", .type = SCHEMA_WORD, .words = "cubic|rate", .fallback = "cubic",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, congestion),
		.sentence =
			"Congestion control toward clients in mode terminate; rate paces by the "
			"measured rate and bears loss."},
	{"listeners[].tcp_profile", .type = SCHEMA_WORD, .words = TCP_PROFILE_WORDS,
		.fallback = "default", .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, tcp_profile),
		.sentence =
			"Whose SYN-ACK ours to clients looks like, in mode terminate: options and their "
			"order, window, hop limit, IPv4 identification."},
	{"listeners[].transparent", .type = SCHEMA_BOOLEAN, .fallback = "false",
		.effect = EFFECT_NEW_SESSIONS, IN(config_listener, transparent),
		.sentence =
			"true (mode terminate): segments leave as they came, each at once and with its "
			"PSH, FIN and RST pass as they are, and the client's SYN has the target's answer."},
	{"listeners[].transport", .type = SCHEMA_GROUP, .effect = EFFECT_NEW_SESSIONS,
		IN(config_listener, transport), .sentence = "How bytes travel from the clients."},
	{"listeners[].transport.outer", .type = SCHEMA_WORD, .words = "tcp|udp|!quic",
		.effect = EFFECT_NEW_SESSIONS, .flags = SCHEMA_DERIVED,
		.fallback = "the listener's protocol", IN(config_transport, outer),
		.sentence = "Protocol on the wire."},
	{"listeners[].transport.security", .type = SCHEMA_WORD, .words = "raw|tls|reality|!noise",
		.fallback = "raw", .effect = EFFECT_NEW_SESSIONS, IN(config_transport, security),
		.sentence = "What protects the bytes."},
	{"listeners[].transport.credentials", .type = SCHEMA_STRINGS, .effect = EFFECT_NEW_SESSIONS,
		RANGE(1, 256), IN(config_transport, credentials),
		.sentence =
			"Names of credentials: tls takes one or more of kind tls, chosen by the name that "
			"a client asks for, exact before wildcard; the first serves all others; reality "
			"takes one of kind reality."},
};
const struct schema_rows schema_listeners_rows = {KEYS, nx_array_size(KEYS)};
