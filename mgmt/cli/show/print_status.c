// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/columns.h"
#include "cli/show/print.h"

static const struct column worker_columns[] = {
	{"WORKER", "worker", FORMAT_TEXT},
	{"CPU", "cpu", FORMAT_TEXT},
	{"STATE", "state", FORMAT_TEXT},
	{"LOAD", "load", FORMAT_SHARE},
	{"PACKETS", "packets_per_s", FORMAT_RATE},
	{"SESSIONS", "sessions", FORMAT_COUNT},
	{0},
};

static const struct column port_columns[] = {
	{"PORT", "name", FORMAT_TEXT},
	{"DEVICE", "device", FORMAT_TEXT},
	{"LINK", "up", FORMAT_UP},
	{"RECEIVE", "receive_bps", FORMAT_BIT_RATE},
	{"PACKETS", "receive_packets_per_s", FORMAT_RATE},
	{"TRANSMIT", "transmit_bps", FORMAT_BIT_RATE},
	{"PACKETS", "transmit_packets_per_s", FORMAT_RATE},
	{0},
};

static const struct column listener_columns[] = {
	{"LISTENER", "name", FORMAT_TEXT},
	{"PROTOCOL", "protocol", FORMAT_TEXT},
	{"LISTEN", "listen", FORMAT_TEXT},
	{"UPSTREAM", "upstream", FORMAT_TEXT},
	{"STATE", "state", FORMAT_TEXT},
	{"SESSIONS", "sessions", FORMAT_COUNT},
	{"TOTAL", "sessions_total", FORMAT_COUNT},
	{0},
};

static void print_line(const char *title, const char *text)
{
	printf("%-10s", title);
	text_print(stdout, text);
	putchar('\n');
}

static void print_revision(const json_t *result)
{
	char revision[CELL_TEXT_MAX];
	char state[CELL_TEXT_MAX];
	char until[CELL_TEXT_MAX];
	char line[4 * CELL_TEXT_MAX];
	bool waits = json_is_number(json_object_get(result, "confirm_by"));

	snprintf(line, sizeof(line), "%s, %s%s%s%s",
		member_print(result, "revision", FORMAT_TEXT, revision),
		member_print(result, "state", FORMAT_TEXT, state), waits ? " until " : "",
		waits ? member_print(result, "confirm_by", FORMAT_TIME, until) : "",
		waits ? "; nexpath config confirm keeps it" : "");
	print_line("revision", line);
}

static void print_health(const json_t *result)
{
	const json_t *health = json_object_get(result, "health");
	const json_t *reasons = json_object_get(health, "reasons");
	const json_t *reason;
	size_t i;

	print_line("health", !json_is_true(json_object_get(health, "ok"))     ? "failing"
			     : json_is_true(json_object_get(health, "ready")) ? "ok"
									      : "not ready");
	json_array_foreach(reasons, i, reason)
	{
		print_line("", json_is_string(reason) ? json_string_value(reason) : "-");
	}
}

static void print_counts(const json_t *result)
{
	const json_t *sessions = json_object_get(result, "sessions");
	const json_t *events = json_object_get(result, "events");
	char cells[4][CELL_TEXT_MAX];
	char line[5 * CELL_TEXT_MAX];

	snprintf(line, sizeof(line), "%s active (%s unanswered), %s since start, %s new",
		member_print(sessions, "active", FORMAT_COUNT, cells[0]),
		member_print(sessions, "unanswered", FORMAT_COUNT, cells[1]),
		member_print(sessions, "total", FORMAT_COUNT, cells[2]),
		member_print(sessions, "per_s", FORMAT_RATE, cells[3]));
	print_line("sessions", line);
	if (json_integer_value(json_object_get(events, "errors")) > 0) {
		snprintf(line, sizeof(line),
			"%s errors; nexpath events --severity error shows them",
			member_print(events, "errors", FORMAT_COUNT, cells[0]));
		print_line("events", line);
	}
}

enum exit_status print_status(const struct invocation *v, const json_t *result)
{
	char cells[4][CELL_TEXT_MAX];
	char line[5 * CELL_TEXT_MAX];

	snprintf(line, sizeof(line), "%s %s, pid %s%s",
		member_print(result, "program", FORMAT_TEXT, cells[0]),
		member_print(result, "version", FORMAT_TEXT, cells[1]),
		member_print(result, "pid", FORMAT_TEXT, cells[2]),
		json_is_false(json_object_get(result, "hugepages")) ? ", without hugepages" : "");
	print_line("program", line);
	print_revision(result);
	snprintf(line, sizeof(line), "%s (since %s)",
		member_print(result, "uptime_s", FORMAT_SECONDS, cells[0]),
		member_print(result, "started", FORMAT_TIME, cells[1]));
	print_line("uptime", line);
	print_health(result);
	print_counts(result);
	putchar('\n');
	columns_print(worker_columns, json_object_get(result, "workers"), "no workers");
	putchar('\n');
	columns_print(port_columns, json_object_get(result, "ports"), "no ports");
	putchar('\n');
	columns_print(listener_columns, json_object_get(result, "listeners"), "no listeners");
	return EXIT_DONE;
}
