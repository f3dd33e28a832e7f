// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/invocation.h"

void json_line_print(const json_t *value)
{
	// 17 digits give every number back as the daemon wrote it.
	json_dumpf(value, stdout, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
	putchar('\n');
}

// One call, one print: what most verbs are.
static enum exit_status run_call(const struct invocation *v)
{
	struct client *client = NULL;
	json_t *params = NULL;
	json_t *result = NULL;
	enum exit_status status = invocation_params(v, &params);

	if (status != EXIT_DONE) {
		return status;
	}
	status = client_open(v->socket, &client);
	if (status != EXIT_DONE) {
		json_decref(params);
		return status;
	}
	status = client_call(client, v->verb->method, params, &result);
	if (status == EXIT_REFUSED) {
		client_refusal_print(client, invocation_file(v));
	}
	if (status == EXIT_DONE && v->json) {
		json_line_print(result);
	} else if (status == EXIT_DONE) {
		status = v->verb->print(v, result);
	}
	json_decref(result);
	client_close(client);
	return status;
}

// What was printed must have arrived, unless the reader went away because it had enough.
static enum exit_status flush_output(enum exit_status status)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout)) {
		return status;
	}
	if (errno == EPIPE || errno == 0) {
		return status;
	}
	fprintf(stderr, "nexpath: standard output: %s\n", strerror(errno));
	return status == EXIT_DONE ? EXIT_REFUSED : status;
}

enum exit_status invocation_run(const struct invocation *v)
{
	return flush_output(v->verb->run != NULL ? v->verb->run(v) : run_call(v));
}
