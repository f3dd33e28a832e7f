// SPDX-License-Identifier: BSD-3-Clause
// session list: pages, until the limit or the end.
#include <stdint.h>
#include <stdio.h>

#include "cli/live/live.h"
#include "cli/show/columns.h"

// A page: its answer stays well below the 4 MiB of a line.
enum {
	PAGE = 1000,
	DEFAULT_LIMIT = 1000
};

static const struct column columns[] = {
	{"ID", "id", FORMAT_TEXT},
	{"PROTOCOL", "protocol", FORMAT_TEXT},
	{"STATE", "state", FORMAT_TEXT},
	{"LISTENER", "listener", FORMAT_TEXT},
	{"CLIENT", "client", FORMAT_TEXT},
	{"LOCAL", "local", FORMAT_TEXT},
	{"SOURCE", "source", FORMAT_TEXT},
	{"TARGET", "target_address", FORMAT_TEXT},
	{"FROM CLIENT", "bytes_from_client", FORMAT_BYTES},
	{"FROM TARGET", "bytes_from_target", FORMAT_BYTES},
	{"RTT", "round_trip_us", FORMAT_MICROSECONDS},
	{"AGE", "age_s", FORMAT_SECONDS},
	{0},
};

static void print_page(struct table *table, const json_t *sessions)
{
	const json_t *session;
	size_t i;

	json_array_foreach(sessions, i, session)
	{
		columns_row(table, columns, session, NULL);
	}
	table_print(table, stdout, text_may_be_bold(stdout));
}

// Asks for pages and prints each. params is borrowed and changed.
static enum exit_status list_pages(
	const struct invocation *v, struct client *client, json_t *params, struct table *table)
{
	uint64_t limit = invocation_number(v, "limit", DEFAULT_LIMIT);
	uint64_t left = limit > 0 ? limit : UINT64_MAX;
	enum exit_status status = EXIT_DONE;
	bool more = true;

	while (more && left > 0 && status == EXIT_DONE && !ferror(stdout)) {
		json_t *result = NULL;
		json_t *next;
		size_t count;

		json_object_set_new(
			params, "limit", json_integer(left < PAGE ? (json_int_t)left : PAGE));
		status = client_call(client, v->verb->method, json_incref(params), &result);
		if (status != EXIT_DONE) {
			break;
		}
		count = json_array_size(json_object_get(result, "sessions"));
		next = json_object_get(result, "next");
		more = next != NULL && !json_is_null(next);
		left -= count < left ? count : left;
		json_object_set(params, "cursor", next);
		if (v->json) {
			json_line_print(result);
		} else {
			print_page(table, json_object_get(result, "sessions"));
		}
		if (!v->json && more && left == 0) {
			char total[CELL_TEXT_MAX];

			fflush(stdout);
			fprintf(stderr,
				"nexpath: %llu of %s sessions; --limit N shows more, 0 all\n",
				(unsigned long long)limit,
				member_print(result, "total", FORMAT_TEXT, total));
		}
		json_decref(result);
		fflush(stdout);
	}
	return status;
}

enum exit_status run_session_list(const struct invocation *v)
{
	struct client *client = NULL;
	json_t *params = NULL;
	struct table table;
	enum exit_status status = invocation_params(v, &params);

	if (status != EXIT_DONE) {
		return status;
	}
	columns_init(&table, columns);
	status = client_open(v->socket, &client);
	if (status == EXIT_DONE) {
		status = list_pages(v, client, params, &table);
		if (status == EXIT_REFUSED) {
			client_refusal_print(client, NULL);
		}
	}
	client_close(client);
	table_fini(&table);
	json_decref(params);
	return status;
}
