// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "cli/live/live.h"
#include "cli/show/columns.h"

// Followed, the past is only a lead-in; and the wait looks up this often for a signal that came
// just before it.
enum {
	FOLLOW_PAST = 10,
	WAIT_MS = 500
};

static void print_event(const struct invocation *v, const json_t *event)
{
	char cells[4][CELL_TEXT_MAX];
	const char *hint = json_string_value(json_object_get(event, "hint"));

	if (v->json) {
		json_line_print(event);
		return;
	}
	printf("%s  %-7s  ", member_print(event, "time", FORMAT_TIME, cells[0]),
		member_print(event, "severity", FORMAT_TEXT, cells[1]));
	text_print(stdout, member_print(event, "kind", FORMAT_TEXT, cells[2]));
	fputs("  ", stdout);
	text_print(stdout, member_print(event, "message", FORMAT_TEXT, cells[3]));
	if (hint != NULL && *hint != '\0') {
		fputs("; ", stdout);
		text_print(stdout, hint);
	}
	putchar('\n');
}

static enum exit_status follow(const struct invocation *v, struct client *client, json_int_t since)
{
	const char *severity = invocation_option(v, "severity");
	json_t *params = json_pack("{s:I, s:s*}", "since", since, "severity", severity);
	json_t *result = NULL;
	json_int_t lost = 0;
	enum exit_status status = client_call(client, "events.subscribe", params, &result);

	json_decref(result);
	while (status == EXIT_DONE && !interrupted() && !ferror(stdout)) {
		const char *method;
		json_t *event = NULL;
		enum client_event got = client_wait(client, WAIT_MS, &method, &event);

		if (got == CLIENT_GONE) {
			status = EXIT_UNREACHABLE;
		} else if (got == CLIENT_NOTIFICATION && strcmp(method, "event") == 0) {
			json_int_t now = json_integer_value(json_object_get(event, "lost"));

			print_event(v, event);
			fflush(stdout);
			if (now > lost) {
				fprintf(stderr, "nexpath: %lld events were missed\n",
					(long long)(now - lost));
				lost = now;
			}
		}
		json_decref(event);
	}
	return status;
}

static enum exit_status list(const struct invocation *v, struct client *client, json_t *params)
{
	json_t *result = NULL;
	enum exit_status status = client_call(client, v->verb->method, params, &result);
	bool followed = invocation_option(v, "follow") != NULL;
	const json_t *event;
	json_int_t lost;
	size_t i;

	if (status != EXIT_DONE) {
		return status;
	}
	if (v->json && !followed) {
		json_line_print(result);
	} else {
		json_array_foreach(json_object_get(result, "events"), i, event)
		{
			print_event(v, event);
		}
		fflush(stdout);
	}
	lost = json_integer_value(json_object_get(result, "lost"));
	if (lost > 0 && invocation_option(v, "since") != NULL) {
		fprintf(stderr, "nexpath: %lld older events are no longer kept\n", (long long)lost);
	}
	if (followed) {
		status = follow(v, client, json_integer_value(json_object_get(result, "last")));
	}
	json_decref(result);
	return status;
}

enum exit_status run_events(const struct invocation *v)
{
	struct client *client = NULL;
	json_t *params = NULL;
	enum exit_status status = invocation_params(v, &params);

	if (status != EXIT_DONE) {
		return status;
	}
	if (invocation_option(v, "follow") != NULL) {
		interrupt_catch();
		if (json_object_get(params, "since") == NULL &&
			json_object_get(params, "limit") == NULL) {
			json_object_set_new(params, "limit", json_integer(FOLLOW_PAST));
		}
	}
	status = client_open(v->socket, &client);
	if (status == EXIT_DONE) {
		status = list(v, client, json_incref(params));
		if (status == EXIT_REFUSED) {
			client_refusal_print(client, NULL);
		}
	}
	json_decref(params);
	client_close(client);
	return status;
}
