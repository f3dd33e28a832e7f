// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/captures.h"

#include <openssl/evp.h>

#include "daemon/events/log.h"
#include "daemon/requests.h"
#include "pipeline/capture.h"

enum {
	PACKETS_A_NOTIFICATION = 64,
	NOTIFICATIONS_A_TICK = 16
};

// Workers may hold `capture` from the first CONTROL_CAPTURE to the last answer to
// CONTROL_CAPTURE_STOP: in between it is never freed.
struct running {
	struct running *next;
	struct captures *owner;
	struct rpc_client *client; // NULL: gone
	struct capture *capture;
	struct capture_wish wish;
	uint64_t id;
	uint64_t packets;
	uint64_t unsent;    // taken, but the client had no room
	double until;       // Unix seconds
	const char *reason; // why it ends
	bool stopping;      // asked the workers to let go
};

struct captures {
	struct daemon *daemon;
	struct running *first;
	uint64_t last_id;
	uint32_t count;
};

int captures_create(struct daemon *daemon, struct captures **out)
{
	struct captures *captures = calloc(1, sizeof(*captures));

	if (captures == NULL)
		return -ENOMEM;
	captures->daemon = daemon;
	*out = captures;
	return 0;
}

static void running_free(struct running *r)
{
	struct running **link = &r->owner->first;

	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	r->owner->count--;
	capture_destroy(r->capture);
	free(r);
}

void captures_destroy(struct captures *captures)
{
	while (captures != NULL && captures->first != NULL)
		running_free(captures->first);
	free(captures);
}

static void on_started(void *context, const struct request_answer *answer)
{
}

static uint64_t lost_of(const struct running *r)
{
	return capture_missed(r->capture) + r->unsent;
}

static void on_stopped(void *context, const struct request_answer *answer)
{
	struct running *r = context;

	daemon_event(r->owner->daemon, EVENT_KIND_CAPTURE_STOPPED,
		"capture %ju: %s, %ju packets, %ju lost", (uintmax_t)r->id, r->reason,
		(uintmax_t)r->packets, (uintmax_t)lost_of(r));
	running_free(r);
}

// Asks the workers to let go. Without memory it is asked again at the next tick.
static void running_stop(struct running *r, const char *reason)
{
	struct control_request request = {.kind = CONTROL_CAPTURE_STOP, .capture = r->capture};

	if (r->stopping)
		return;
	if (r->reason == NULL)
		r->reason = reason != NULL ? reason : "its client is gone";
	if (r->client != NULL && reason != NULL)
		server_notify(r->client, "capture.end",
			json_pack("{s:I, s:s, s:I, s:I}", "capture", (json_int_t)r->id, "reason",
				reason, "packets", (json_int_t)r->packets, "lost",
				(json_int_t)lost_of(r)));
	r->client = NULL;
	r->stopping =
		request_send(r->owner->daemon->requests, &request, WORKERS_ALL, on_stopped, r) == 0;
}

int capture_begin(struct captures *captures, struct rpc_client *client,
	const struct capture_wish *wish, uint64_t *id, char *error, size_t error_size)
{
	struct node *node = captures->daemon->node;
	struct running *r;

	if (captures->count >= CAPTURES_MAX) {
		snprintf(error, error_size, "%d captures run already; stop one", CAPTURES_MAX);
		return -EBUSY;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		snprintf(error, error_size, "out of memory");
		return -ENOMEM;
	}

	int status = capture_create(wish->filter, wish->port, wish->snap, node_worker_count(node),
		&r->capture, error, error_size);

	if (status != 0) {
		free(r);
		return status;
	}

	struct control_request request = {.kind = CONTROL_CAPTURE, .capture = r->capture};

	if (request_send(captures->daemon->requests, &request, WORKERS_ALL, on_started, NULL) !=
		0) {
		snprintf(error, error_size, "out of memory");
		capture_destroy(r->capture);
		free(r);
		return -ENOMEM;
	}
	r->owner = captures;
	r->client = client;
	r->wish = *wish;
	r->wish.filter = NULL; // compiled already
	r->id = ++captures->last_id;
	r->until = daemon_time() + wish->seconds;
	r->next = captures->first;
	captures->first = r;
	captures->count++;
	*id = r->id;
	daemon_event(captures->daemon, EVENT_KIND_CAPTURE_STARTED, "capture %ju", (uintmax_t)r->id);
	return 0;
}

bool capture_end(struct captures *captures, struct rpc_client *client, uint64_t id,
	uint64_t *packets, uint64_t *lost)
{
	for (struct running *r = captures->first; r != NULL; r = r->next) {
		if (r->id != id || r->client != client)
			continue;
		*packets = r->packets;
		*lost = lost_of(r);
		running_stop(r, "stopped");
		return true;
	}
	return false;
}

void captures_forget(struct captures *captures, struct rpc_client *client)
{
	for (struct running *r = captures->first; r != NULL; r = r->next)
		if (r->client == client)
			running_stop(r, NULL);
}

static json_t *packet_json(
	const struct daemon *daemon, const struct capture_record *record, const uint8_t *data)
{
	static char text[4 * ((CAPTURE_SNAP_MAX + 2) / 3) + 1];
	usec_t now = node_now(daemon->node);
	double time = daemon_time() - (double)(now - record->time) / USEC_PER_SECOND;
	int n = EVP_EncodeBlock((unsigned char *)text, data, (int)record->captured);
	const struct port *port = node_port(daemon->node, record->port);

	return json_pack("{s:f, s:I, s:s%, s:s, s:s}", "time", time, "length",
		(json_int_t)record->length, "data", text, (size_t)n, "port",
		port != NULL ? port->name : "?", "direction",
		record->point == CAPTURE_RECEIVED ? "received" : "sent");
}

// One notification of what the workers have copied; false when there was nothing more.
static bool running_send(struct running *r)
{
	static uint8_t data[CAPTURE_SNAP_MAX];
	struct capture_record record;
	json_t *packets = json_array();
	size_t n = 0;

	while (packets != NULL && n < PACKETS_A_NOTIFICATION && r->packets < r->wish.count &&
		capture_take(r->capture, &record, data)) {
		json_array_append_new(packets, packet_json(r->owner->daemon, &record, data));
		r->packets++;
		n++;
	}
	if (n == 0) {
		json_decref(packets);
		return false;
	}
	if (!server_notify(r->client, "capture",
		    json_pack("{s:I, s:o, s:I}", "capture", (json_int_t)r->id, "packets", packets,
			    "lost", (json_int_t)lost_of(r))))
		r->unsent += n;
	return n == PACKETS_A_NOTIFICATION;
}

void captures_pump(struct captures *captures)
{
	struct running *next;

	for (struct running *r = captures->first; r != NULL; r = next) {
		next = r->next;
		// Sending can end the client, and with it the capture.
		for (int i = 0; r->client != NULL && i < NOTIFICATIONS_A_TICK; i++)
			if (!running_send(r))
				break;
		if (r->client == NULL)
			running_stop(r, NULL);
		else if (r->packets >= r->wish.count)
			running_stop(r, "count");
		else if (daemon_time() >= r->until)
			running_stop(r, "time");
	}
}
