// SPDX-License-Identifier: BSD-3-Clause
// The threads: workers, and those of the slow path.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"workers", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, workers),
		.sentence = "The poll-mode threads that carry the traffic."},
	{"workers.cpus", .type = SCHEMA_CPUS, .fallback = "0", .effect = EFFECT_RESTART,
		RANGE(1, MAX_WORKERS), IN(config_workers, cpus),
		.sentence = "CPUs of the workers, one worker each; a CPU named twice carries two."},
	{"workers.idle", .type = SCHEMA_WORD, .words = "adaptive|poll", .fallback = "adaptive",
		.effect = EFFECT_RESTART, IN(config_workers, idle),
		.sentence =
			"Whether a worker without traffic sleeps (adaptive) or never does (poll)."},
	{"workers.burst", .type = SCHEMA_INTEGER, .fallback = "64", .effect = EFFECT_RESTART,
		RANGE(1, MAX_BURST), IN(config_workers, burst),
		.sentence = "Packets taken from a port at once."},
	{"workers.memory_mb", .type = SCHEMA_INTEGER, .unit = UNIT_MEBIBYTES, .fallback = "512",
		.effect = EFFECT_RESTART, RANGE(64, 4 << 20), IN(config_workers, memory_mb),
		.sentence = "Memory for packet buffers and tables, all workers together."},
	{"workers.hugepages", .type = SCHEMA_WORD, .words = "auto|on|off", .fallback = "auto",
		.effect = EFFECT_RESTART, IN(config_workers, hugepages),
		.sentence =
			"Whether memory comes from hugepages: where there are any, always, never."},
	{"workers.sessions", .type = SCHEMA_INTEGER, .fallback = "0", .effect = EFFECT_RESTART,
		RANGE(0, 1u << 27), IN(config_workers, sessions),
		.sentence =
			"Sessions that the node can hold at once; 0 takes what memory_mb allows."},
	{"workers.drain_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS, .fallback = "10",
		.effect = EFFECT_NONE, RANGE(0, 86400), IN(config_workers, drain_s),
		.sentence = "How long sessions may run on after SIGTERM."},

	{"slowpath", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, slowpath),
		.sentence = "The plain threads that resolve names and do what may wait."},
	{"slowpath.cpus", .type = SCHEMA_CPUS, .effect = EFFECT_RESTART, RANGE(1, MAX_WORKERS),
		IN(config_slowpath, cpus),
		.sentence = "CPUs of these threads, none of which a worker owns."},
	{"slowpath.threads", .type = SCHEMA_INTEGER, .fallback = "1", .effect = EFFECT_RESTART,
		RANGE(1, 64), IN(config_slowpath, threads),
		.sentence = "How many threads do handshakes; a source's are all one thread's."},
	{"slowpath.handshakes", .type = SCHEMA_INTEGER, .fallback = "2048",
		.effect = EFFECT_RESTART, RANGE(16, 65536), IN(config_slowpath, handshakes),
		.sentence =
			"Handshakes that a thread holds at once, about 64 KiB each; beyond them one that has "
			"not said its hello gives way, or the newcomer is refused."},
	{"slowpath.source_handshakes", .type = SCHEMA_INTEGER, .fallback = "512",
		.effect = EFFECT_RESTART, RANGE(1, 65536), IN(config_slowpath, source_handshakes),
		.sentence = "Of those, what one source (an IPv4 address, an IPv6 /56) may hold."},
	{"slowpath.source_rate", .type = SCHEMA_INTEGER, .fallback = "1000",
		.effect = EFFECT_RESTART, RANGE(1, 1000000), IN(config_slowpath, source_rate),
		.sentence =
			"Handshakes a second that one source may begin, and as many at once after a pause."},
	{"slowpath.handshake_timeout_s", .type = SCHEMA_INTEGER, .unit = UNIT_SECONDS,
		.fallback = "10", .effect = EFFECT_RESTART, RANGE(1, 300),
		IN(config_slowpath, handshake_timeout_s),
		.sentence = "How long a handshake may take, from its first byte."},
};
const struct schema_rows schema_threads_rows = {KEYS, nx_array_size(KEYS)};
