// SPDX-License-Identifier: BSD-3-Clause
// What people see of the node: the management socket, metrics and the log; and the name servers.
#include "config/schema/rows.h"

static const struct schema_key KEYS[] = {
	{"management", .type = SCHEMA_GROUP, .effect = EFFECT_RESTART, IN(config, management),
		.sentence = "Who may look at the node and change it, and where."},
	{"management.socket", .type = SCHEMA_PATH, .fallback = "/run/nexpath/nexpath.sock",
		.effect = EFFECT_RESTART, RANGE(2, 107), IN(config_management, socket),
		.sentence = "Path of the management socket."},
	{"management.group", .type = SCHEMA_NAME, .fallback = "nexpath", .effect = EFFECT_RESTART,
		RANGE(1, 32), IN(config_management, group),
		.sentence = "Group whose members may change things, besides root."},
	{"management.read_group", .type = SCHEMA_NAME, .effect = EFFECT_RESTART, RANGE(1, 32),
		IN(config_management, read_group),
		.sentence = "Group whose members may only look."},
	{"management.metrics", .type = SCHEMA_ENDPOINT, .effect = EFFECT_RESTART,
		IN(config_management, metrics),
		.sentence = "Kernel address and port of the Prometheus endpoint; absent: off."},
	{"management.key_dir", .type = SCHEMA_PATH, .fallback = "/etc/nexpath/keys",
		.effect = EFFECT_NONE, RANGE(1, 255), IN(config_management, key_dir),
		.sentence = "Folder under which files with private values must lie."},

	{"log", .type = SCHEMA_GROUP, .effect = EFFECT_NONE, IN(config, log),
		.sentence = "What is written to standard error."},
	{"log.level", .type = SCHEMA_WORD, .words = "error|warning|info|debug", .fallback = "info",
		.effect = EFFECT_NONE, IN(config_log, level),
		.sentence = "The least severity written."},
	{"log.format", .type = SCHEMA_WORD, .words = "text|json", .fallback = "text",
		.effect = EFFECT_NONE, IN(config_log, format),
		.sentence = "Lines for people, or one JSON object a line."},
	{"log.sessions", .type = SCHEMA_WORD, .words = "off|close|all", .fallback = "off",
		.effect = EFFECT_NONE, IN(config_log, sessions),
		.sentence = "Whether sessions are logged: not, at their end, or at start and end."},

	{"resolvers", .type = SCHEMA_RESOLVERS, .fallback = "system", .effect = EFFECT_NONE,
		RANGE(1, 8), IN(config, resolvers),
		.sentence = "Name servers: \"system\", or a list of ADDR or ADDR:PORT."},
};
const struct schema_rows schema_management_rows = {KEYS, nx_array_size(KEYS)};
