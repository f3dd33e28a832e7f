// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/live/live.h"
#include "cli/live/pcapng.h"

enum {
	WAIT_MS = 500,
	PACKET_BYTES_MAX = 65535, // snap_length at most
	NOT_FOUND = -32004
};

struct capture_run {
	json_int_t id;
	FILE *out;
	uint8_t *bytes; // PACKET_BYTES_MAX, one decoded packet
	unsigned long long written;
	unsigned long long packets; // as the daemon counts them
	unsigned long long lost;
	uint64_t last_time_us;
	bool ended;
	bool malformed;
	char reason[32];
};

static unsigned long long count_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (unsigned long long)value : 0;
}

static void write_packet(struct capture_run *run, const json_t *packet)
{
	const char *data = json_string_value(json_object_get(packet, "data"));
	double time = json_number_value(json_object_get(packet, "time"));
	ptrdiff_t length = data != NULL ? base64_decode(data, run->bytes, PACKET_BYTES_MAX) : -1;
	unsigned long long wire = count_of(packet, "length");

	if (length < 0 || wire > UINT32_MAX) {
		run->malformed = true;
		return;
	}
	run->last_time_us = time > 0 && time < 1e13 ? (uint64_t)(time * 1e6 + 0.5) : 0;
	pcapng_packet(run->out, run->last_time_us, run->bytes, (uint32_t)length,
		wire > (unsigned long long)length ? (uint32_t)wire : (uint32_t)length);
	run->written++;
}

static void on_notification(void *arg, const char *method, json_t *params)
{
	struct capture_run *run = arg;
	const json_t *packet;
	size_t i;

	if (json_integer_value(json_object_get(params, "capture")) != run->id) {
		return;
	}
	if (strcmp(method, "capture") == 0) {
		json_array_foreach(json_object_get(params, "packets"), i, packet)
		{
			write_packet(run, packet);
		}
		run->lost = count_of(params, "lost");
		fflush(run->out);
	} else if (strcmp(method, "capture.end") == 0) {
		const char *reason = json_string_value(json_object_get(params, "reason"));

		run->ended = true;
		run->packets = count_of(params, "packets");
		run->lost = count_of(params, "lost");
		snprintf(run->reason, sizeof(run->reason), "%s",
			reason != NULL ? reason : "stopped");
	}
}

// "port:NAME", "listener:NAME" or a bare name, which means a port if there is one.
static enum exit_status start(
	const struct invocation *v, struct client *client, const json_t *params, json_t **result)
{
	static const char *const kinds[] = {"port", "listener"};
	const char *name = v->arguments[0];
	enum exit_status status = EXIT_REFUSED;

	for (size_t i = 0; i < 2; i++) {
		size_t length = strlen(kinds[i]);
		bool named = strncmp(name, kinds[i], length) == 0 && name[length] == ':';
		json_t *with;

		if (named) {
			with = json_copy((json_t *)(uintptr_t)params);
			json_object_set_new(with, kinds[i], json_string(name + length + 1));
			return client_call(client, v->verb->method, with, result);
		}
	}
	for (size_t i = 0; i < 2 && status == EXIT_REFUSED; i++) {
		json_t *with = json_copy((json_t *)(uintptr_t)params);

		json_object_set_new(with, kinds[i], json_string(name));
		status = client_call(client, v->verb->method, with, result);
		if (status == EXIT_REFUSED &&
			json_integer_value(json_object_get(client_refusal(client), "code")) !=
				NOT_FOUND) {
			return status;
		}
	}
	return status;
}

// Opened once the daemon has agreed, so that a refused capture leaves an old file as it was.
// Packets are for their owner's eyes only.
static FILE *open_output(const char *path)
{
	int fd;
	FILE *out;

	if (strcmp(path, "-") == 0) {
		return stdout;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL) {
		fprintf(stderr, "nexpath: %s: %s\n", path, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
	}
	return out;
}

static enum exit_status collect(struct client *client, struct capture_run *run)
{
	json_t *result = NULL;
	enum exit_status status;

	while (!run->ended && !interrupted() && !ferror(run->out)) {
		const char *method;
		json_t *params = NULL;
		enum client_event event = client_wait(client, WAIT_MS, &method, &params);

		if (event == CLIENT_NOTIFICATION) {
			on_notification(run, method, params);
		}
		json_decref(params);
		if (event == CLIENT_GONE) {
			return EXIT_UNREACHABLE;
		}
	}
	if (run->ended) {
		return EXIT_DONE;
	}
	// Packets that are on their way come before the answer.
	client_on_notification(client, on_notification, run);
	status = client_call(
		client, "capture.stop", json_pack("{s:I}", "capture", run->id), &result);
	if (status == EXIT_DONE) {
		run->packets = count_of(result, "packets");
		run->lost = count_of(result, "lost");
		json_decref(result);
	}
	// Refused: it had ended by itself in the same moment.
	return status == EXIT_REFUSED ? EXIT_DONE : status;
}

static void print_summary(const struct invocation *v, const struct capture_run *run)
{
	if (v->json && run->out != stdout) {
		json_t *summary = json_pack("{s:I, s:I, s:I, s:s}", "capture", run->id, "packets",
			(json_int_t)run->written, "lost", (json_int_t)run->lost, "reason",
			run->reason);

		json_line_print(summary);
		json_decref(summary);
		return;
	}
	fprintf(stderr, "nexpath: %llu packets captured, %llu missed (%s)\n", run->written,
		run->lost, run->reason);
	if (run->malformed) {
		fputs("nexpath: some packets came malformed and were left out\n", stderr);
	}
}

// What was written must be in the file; a pipe whose reader went away is no failure.
static enum exit_status close_output(const char *path, FILE *out, enum exit_status status)
{
	bool failed;
	int error;

	errno = 0;
	failed = fflush(out) != 0 || ferror(out);
	error = errno;
	if (out != stdout) {
		failed = fclose(out) != 0 || failed;
		error = error != 0 ? error : errno;
	}
	if (failed && out != stdout) {
		fprintf(stderr, "nexpath: %s: %s; the capture is not complete\n", path,
			error != 0 ? strerror(error) : "write failed");
		return EXIT_REFUSED;
	}
	return status;
}

static enum exit_status capture(
	const struct invocation *v, struct client *client, const json_t *params)
{
	struct capture_run run = {.reason = "stopped"};
	json_t *result = NULL;
	enum exit_status status = start(v, client, params, &result);

	if (status == EXIT_REFUSED) {
		client_refusal_print(client, NULL);
	}
	if (status != EXIT_DONE) {
		return status;
	}
	run.id = json_integer_value(json_object_get(result, "capture"));
	run.bytes = malloc(PACKET_BYTES_MAX);
	run.out = run.bytes != NULL ? open_output(v->arguments[1]) : NULL;
	if (run.out == NULL) {
		json_decref(result);
		free(run.bytes);
		return EXIT_REFUSED;
	}
	pcapng_begin(run.out, (uint16_t)count_of(result, "link_type"),
		(uint32_t)count_of(result, "snap_length"), v->arguments[0]);
	fflush(run.out);
	json_decref(result);
	status = collect(client, &run);
	if (status == EXIT_UNREACHABLE) {
		strcpy(run.reason, "the daemon went away");
	}
	pcapng_end(run.out, run.last_time_us, run.written, run.lost);
	print_summary(v, &run);
	free(run.bytes);
	return close_output(v->arguments[1], run.out, status);
}

enum exit_status run_capture(const struct invocation *v)
{
	struct client *client = NULL;
	json_t *params = NULL;
	enum exit_status status;

	if (strcmp(v->arguments[1], "-") == 0 && isatty(STDOUT_FILENO)) {
		return usage_fault(
			v->verb, "packets are no text for a terminal: write to a file or a pipe");
	}
	status = invocation_params(v, &params);
	if (status != EXIT_DONE) {
		return status;
	}
	interrupt_catch();
	status = client_open(v->socket, &client);
	if (status == EXIT_DONE) {
		status = capture(v, client, params);
	}
	json_decref(params);
	client_close(client);
	return status;
}
