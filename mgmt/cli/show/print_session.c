// SPDX-License-Identifier: BSD-3-Clause
#include "cli/show/columns.h"
#include "cli/show/print.h"

static const struct column lines[] = {
	{"id", "id", FORMAT_TEXT},
	{"protocol", "protocol", FORMAT_TEXT},
	{"state", "state", FORMAT_TEXT},
	{"listener", "listener", FORMAT_TEXT},
	{"upstream", "upstream", FORMAT_TEXT},
	{"target", "target", FORMAT_TEXT},
	{"worker", "worker", FORMAT_TEXT},
	{"opened", "opened", FORMAT_TIME},
	{"age", "age_s", FORMAT_SECONDS},
	{"idle", "idle_s", FORMAT_SECONDS},
	{"idle timeout", "idle_timeout_s", FORMAT_NEVER},
	{"round trip", "round_trip_us", FORMAT_MICROSECONDS},
	{0},
};

static void print_leg(struct table *table, const json_t *session, const char *leg, const char *from,
	const char *to, const char *side)
{
	static const struct {
		const char *key;
		enum format format;
	} columns[] = {
		{"packets_from_", FORMAT_COUNT},
		{"bytes_from_", FORMAT_BYTES},
		{"retransmissions_from_", FORMAT_COUNT},
	};
	char cells[5][CELL_TEXT_MAX];

	member_print(session, from, FORMAT_TEXT, cells[0]);
	member_print(session, to, FORMAT_TEXT, cells[1]);
	for (size_t i = 0; i < 3; i++) {
		char key[64];

		snprintf(key, sizeof(key), "%s%s", columns[i].key, side);
		member_print(session, key, columns[i].format, cells[2 + i]);
	}
	table_row(table, (const char *[]){leg, cells[0], cells[1], cells[2], cells[3], cells[4]});
}

static void print_name(const char *kind, const json_t *name)
{
	if (json_is_string(name))
		printf(", %s %s", kind, json_string_value(name));
}

static void print_security(const char *leg, const json_t *security)
{
	char cells[2][CELL_TEXT_MAX];

	if (!json_is_object(security)) {
		return;
	}
	printf("%s leg       TLS %s, %s", leg,
		member_print(security, "version", FORMAT_TEXT, cells[0]),
		member_print(security, "suite", FORMAT_TEXT, cells[1]));
	print_name("SNI", json_object_get(security, "server_name"));
	print_name("ALPN", json_object_get(security, "alpn"));
	putchar('\n');
}

enum exit_status print_session_show(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {{"LEG", "", FORMAT_TEXT}, {"FROM", "", FORMAT_TEXT},
		{"TO", "", FORMAT_TEXT}, {"PACKETS", "", FORMAT_COUNT}, {"BYTES", "", FORMAT_COUNT},
		{"RETRANSMISSIONS", "", FORMAT_COUNT}, {0}};
	const json_t *session = json_object_get(result, "session");
	struct table table;

	members_print(lines, session);
	print_security("client", json_object_get(session, "client_security"));
	print_security("target", json_object_get(session, "target_security"));
	putchar('\n');
	columns_init(&table, columns);
	print_leg(&table, session, "client", "client", "local", "client");
	print_leg(&table, session, "target", "target_address", "source", "target");
	table_print(&table, stdout, text_may_be_bold(stdout));
	table_fini(&table);
	return EXIT_DONE;
}

enum exit_status print_session_kill(const struct invocation *v, const json_t *result)
{
	char killed[CELL_TEXT_MAX];

	printf("sessions ended: %s\n", member_print(result, "killed", FORMAT_TEXT, killed));
	return EXIT_DONE;
}
