// SPDX-License-Identifier: BSD-3-Clause
// The printers of lists: a table each.
#include "cli/show/columns.h"
#include "cli/show/print.h"

static enum exit_status print_list(
	const struct column *columns, const json_t *result, const char *key, const char *empty)
{
	columns_print(columns, json_object_get(result, key), empty);
	return EXIT_DONE;
}

enum exit_status print_listener_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"NAME", "name", FORMAT_TEXT},
		{"PROTOCOL", "protocol", FORMAT_TEXT},
		{"MODE", "mode", FORMAT_TEXT},
		{"LISTEN", "listen", FORMAT_TEXT},
		{"UPSTREAM", "upstream", FORMAT_TEXT},
		{"STATE", "state", FORMAT_TEXT},
		{"SESSIONS", "sessions", FORMAT_COUNT},
		{"TOTAL", "sessions_total", FORMAT_COUNT},
		{"FROM CLIENT", "bytes_from_client", FORMAT_BYTES},
		{"FROM TARGET", "bytes_from_target", FORMAT_BYTES},
		{"IDLE", "idle_timeout_s", FORMAT_NEVER},
		{0},
	};

	return print_list(columns, result, "listeners", "no listeners");
}

enum exit_status print_listener_show(const struct invocation *v, const json_t *result)
{
	static const struct column lines[] = {
		{"name", "name", FORMAT_TEXT},
		{"protocol", "protocol", FORMAT_TEXT},
		{"mode", "mode", FORMAT_TEXT},
		{"listen", "listen", FORMAT_TEXT},
		{"upstream", "upstream", FORMAT_TEXT},
		{"state", "state", FORMAT_TEXT},
		{"most sessions", "max_sessions", FORMAT_COUNT},
		{"idle timeout", "idle_timeout_s", FORMAT_NEVER},
		{"connect timeout", "connect_timeout_s", FORMAT_SECONDS},
		{0},
	};
	static const struct column terminate[] = {
		{"close timeout", "close_timeout_s", FORMAT_SECONDS},
		{"keepalive", "keepalive_s", FORMAT_NEVER},
		{"user timeout", "user_timeout_s", FORMAT_SECONDS},
		{"ecn", "ecn", FORMAT_TEXT},
		{"memory each way", "memory_bytes", FORMAT_BYTES},
		{"transparent", "transparent", FORMAT_TEXT},
		{"congestion", "congestion", FORMAT_TEXT},
		{"tcp profile", "tcp_profile", FORMAT_TEXT},
		{0},
	};
	static const struct column http[] = {
		{"routes", "routes", FORMAT_COUNT},
		{0},
	};
	static const struct column traffic[] = {
		{"sessions", "sessions", FORMAT_COUNT},
		{"sessions ever", "sessions_total", FORMAT_COUNT},
		{"from clients", "bytes_from_client", FORMAT_BYTES},
		{"from targets", "bytes_from_target", FORMAT_BYTES},
		{0},
	};
	const json_t *listener = json_object_get(result, "listener");

	members_print(lines, listener);
	if (json_object_get(listener, "close_timeout_s") != NULL)
		members_print(terminate, listener);
	if (json_object_get(listener, "routes") != NULL)
		members_print(http, listener);
	members_print(traffic, listener);
	return EXIT_DONE;
}

enum exit_status print_upstream_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"UPSTREAM", "^name", FORMAT_TEXT},
		{"BALANCE", "^balance", FORMAT_TEXT},
		{"TARGET", "target", FORMAT_TEXT},
		{"ADDRESS", "address", FORMAT_TEXT},
		{"WEIGHT", "weight", FORMAT_COUNT},
		{"STATE", "state", FORMAT_TEXT},
		{"VIA", "interface", FORMAT_TEXT},
		{"SESSIONS", "sessions", FORMAT_COUNT},
		{"TOTAL", "sessions_total", FORMAT_COUNT},
		{"FAILED", "connect_failed", FORMAT_COUNT},
		{"FROM CLIENT", "bytes_from_client", FORMAT_BYTES},
		{"FROM TARGET", "bytes_from_target", FORMAT_BYTES},
		{0},
	};
	const json_t *upstreams = json_object_get(result, "upstreams");
	const json_t *upstream;
	struct table table;
	size_t i;

	if (json_array_size(upstreams) == 0) {
		puts("no upstreams");
		return EXIT_DONE;
	}
	columns_init(&table, columns);
	json_array_foreach(upstreams, i, upstream)
	{
		const json_t *target;
		size_t t;

		json_array_foreach(json_object_get(upstream, "targets"), t, target)
		{
			columns_row(&table, columns, target, upstream);
		}
	}
	table_print(&table, stdout, text_may_be_bold(stdout));
	table_fini(&table);
	return EXIT_DONE;
}

enum exit_status print_credential_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"NAME", "name", FORMAT_TEXT},
		{"KIND", "kind", FORMAT_TEXT},
		{"USED BY", "used_by", FORMAT_TEXT},
		{"EXPIRES", "expires", FORMAT_TIME},
		{"NAMES", "names", FORMAT_TEXT},
		{"TARGET", "target", FORMAT_TEXT},
		{0},
	};

	return print_list(columns, result, "credentials", "no credentials");
}

enum exit_status print_credential_reload(const struct invocation *v, const json_t *result)
{
	json_int_t changed = json_integer_value(json_object_get(result, "changed"));

	if (changed == 0)
		puts("no file has changed");
	else
		printf("%" JSON_INTEGER_FORMAT " credential%s changed\n", changed,
			changed == 1 ? "" : "s");
	return EXIT_DONE;
}

enum exit_status print_port_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"NAME", "name", FORMAT_TEXT},
		{"DEVICE", "device", FORMAT_TEXT},
		{"LINK", "up", FORMAT_UP},
		{"SPEED", "speed_bps", FORMAT_BIT_RATE},
		{"MTU", "mtu", FORMAT_TEXT},
		{"MAC", "mac", FORMAT_TEXT},
		{"RECEIVE", "receive_bps", FORMAT_BIT_RATE},
		{"PACKETS", "receive_packets_per_s", FORMAT_RATE},
		{"TRANSMIT", "transmit_bps", FORMAT_BIT_RATE},
		{"PACKETS", "transmit_packets_per_s", FORMAT_RATE},
		{"MISSED", "missed", FORMAT_COUNT},
		{"DROPPED", "transmit_dropped", FORMAT_COUNT},
		{"ADDRESSES", "addresses", FORMAT_TEXT},
		{0},
	};

	return print_list(columns, result, "ports", "no ports");
}

enum exit_status print_worker_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"WORKER", "worker", FORMAT_TEXT},
		{"CPU", "cpu", FORMAT_TEXT},
		{"STATE", "state", FORMAT_TEXT},
		{"LOAD", "load", FORMAT_SHARE},
		{"ASLEEP", "sleep", FORMAT_SHARE},
		{"PACKETS", "packets_per_s", FORMAT_RATE},
		{"SESSIONS", "sessions", FORMAT_COUNT},
		{"UNANSWERED", "sessions_unanswered", FORMAT_COUNT},
		{"TOTAL", "sessions_total", FORMAT_COUNT},
		{"NAT PORTS", "nat_ports_in_use", FORMAT_COUNT},
		{"HANDED OVER", "handover_packets", FORMAT_COUNT},
		{"WRONG WORKER", "wrong_worker", FORMAT_COUNT},
		{0},
	};

	return print_list(columns, result, "workers", "no workers");
}

enum exit_status print_route_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"TO", "to", FORMAT_TEXT},
		{"VIA", "via", FORMAT_TEXT},
		{"INTERFACE", "interface", FORMAT_TEXT},
		{"KIND", "kind", FORMAT_TEXT},
		{0},
	};

	return print_list(columns, result, "routes", "no routes");
}

enum exit_status print_neighbour_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"ADDRESS", "address", FORMAT_TEXT},
		{"MAC", "mac", FORMAT_TEXT},
		{"INTERFACE", "interface", FORMAT_TEXT},
		{"STATE", "state", FORMAT_TEXT},
		{"AGE", "age_s", FORMAT_SECONDS},
		{0},
	};

	print_list(columns, result, "neighbours", "no neighbours");
	if (json_is_true(json_object_get(result, "more"))) {
		fputs("nexpath: there are more; --limit N shows them\n", stderr);
	}
	return EXIT_DONE;
}

enum exit_status print_pool_list(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"POOL", "name", FORMAT_TEXT},
		{"USED", "used", FORMAT_COUNT},
		{"CAPACITY", "capacity", FORMAT_COUNT},
		{"MOST", "high_water", FORMAT_COUNT},
		{0},
	};

	return print_list(columns, result, "pools", "no pools");
}

// Counters are printed exactly: they are for comparing.
enum exit_status print_stats(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"COUNTER", "", FORMAT_TEXT}, {"VALUE", "", FORMAT_COUNT}, {0}};
	json_t *counters = json_object_get(result, "counters");
	struct table table;
	const char *name;
	json_t *value;

	if (json_object_size(counters) == 0) {
		fputs("nexpath: no counter has such a name\n", stderr);
		return EXIT_DONE;
	}
	columns_init(&table, columns);
	json_object_foreach(counters, name, value)
	{
		char text[CELL_TEXT_MAX];

		table_row(&table, (const char *[]){name, cell_print(value, FORMAT_TEXT, text)});
	}
	table_print(&table, stdout, text_may_be_bold(stdout));
	table_fini(&table);
	return EXIT_DONE;
}

enum exit_status print_drops(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"REASON", "reason", FORMAT_TEXT},
		{"PACKETS", "packets", FORMAT_COUNT},
		{"NOW", "per_s", FORMAT_RATE},
		{"MEANING", "help", FORMAT_TEXT},
		{0},
	};

	return print_list(columns, result, "drops", "nothing was dropped");
}

enum exit_status print_stages(const struct invocation *v, const json_t *result)
{
	static const struct column columns[] = {
		{"WORKER", "worker", FORMAT_TEXT},
		{"STAGE", "stage", FORMAT_TEXT},
		{"CALLS", "calls", FORMAT_COUNT},
		{"PACKETS", "packets", FORMAT_COUNT},
		{"CYCLES/PACKET", "cycles_per_packet", FORMAT_COUNT},
		{"PACKETS/CALL", "packets_per_call", FORMAT_COUNT},
		{"DOES", "help", FORMAT_TEXT},
		{0},
	};

	return print_list(columns, result, "stages", "no workers");
}
