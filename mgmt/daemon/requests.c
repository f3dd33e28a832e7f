// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/requests.h"

// One question: a request to each worker asked.
struct question {
	struct question *next;
	request_done_fn *done;
	void *context;
	uint16_t first; // worker of parts[0]
	uint16_t count;
	uint16_t finished;
	struct request_part {
		struct control_request request;
		bool sent;
		bool finished;
	} parts[];
};

struct control_requests {
	struct daemon *daemon;
	struct event *poll; // runs while a question is open
	struct question *open;
};

static void records_free(struct control_request *request)
{
	free(request->records);
	free(request->names);
}

static bool records_make(struct control_request *request)
{
	request->records = calloc(request->limit, sizeof(*request->records));
	request->names = calloc(request->limit, 2 * sizeof(*request->names));
	return request->records != NULL && request->names != NULL;
}

static void question_free(struct question *q)
{
	for (uint16_t i = 0; i < q->count; i++)
		records_free(&q->parts[i].request);
	free(q);
}

static void question_push(struct control_requests *requests, struct question *q)
{
	for (uint16_t i = 0; i < q->count; i++) {
		struct request_part *part = &q->parts[i];

		// A full ring is tried again at the next turn.
		if (!part->sent)
			part->sent = node_control_send(
				requests->daemon->node, (uint16_t)(q->first + i), &part->request);
		if (part->sent && !part->finished && shared_word_load(&part->request.done) != 0) {
			part->finished = true;
			q->finished++;
		}
	}
}

static void question_answer(struct question *q)
{
	struct request_answer answer = {0};

	for (uint16_t i = 0; i < q->count; i++)
		answer.count += q->parts[i].request.count;
	answer.records = q->parts[0].request.records;
	answer.names = q->parts[0].request.names;
	answer.cursor = q->parts[0].request.cursor;
	answer.more = q->parts[0].request.more;
	q->done(q->context, &answer);
	question_free(q);
}

static void arm(struct control_requests *requests)
{
	const struct timeval soon = {.tv_usec = 500};

	if (requests->open != NULL)
		event_add(requests->poll, &soon);
}

static void on_poll(evutil_socket_t fd, short what, void *argument)
{
	struct control_requests *requests = argument;
	struct question **link = &requests->open;
	struct question *ready = NULL;

	while (*link != NULL) {
		struct question *q = *link;

		question_push(requests, q);
		if (q->finished < q->count) {
			link = &q->next;
			continue;
		}
		*link = q->next;
		q->next = ready;
		ready = q;
	}
	// Answers may ask the next question.
	while (ready != NULL) {
		struct question *q = ready;

		ready = q->next;
		question_answer(q);
	}
	arm(requests);
}

int requests_create(struct daemon *daemon, struct control_requests **out)
{
	struct control_requests *requests = calloc(1, sizeof(*requests));

	if (requests == NULL)
		return -ENOMEM;
	requests->daemon = daemon;
	requests->poll = event_new(daemon->base, -1, 0, on_poll, requests);
	if (requests->poll == NULL) {
		free(requests);
		return -ENOMEM;
	}
	*out = requests;
	return 0;
}

void requests_destroy(struct control_requests *requests)
{
	if (requests == NULL)
		return;
	while (requests->open != NULL) {
		struct question *q = requests->open;

		requests->open = q->next;
		question_free(q);
	}
	event_free(requests->poll);
	free(requests);
}

int request_send(struct control_requests *requests, const struct control_request *request,
	int worker, request_done_fn *done, void *context)
{
	uint16_t count = worker == WORKERS_ALL ? node_worker_count(requests->daemon->node) : 1;
	struct question *q = calloc(1, sizeof(*q) + count * sizeof(q->parts[0]));

	if (q == NULL)
		return -ENOMEM;
	q->done = done;
	q->context = context;
	q->first = worker == WORKERS_ALL ? 0 : (uint16_t)worker;
	q->count = count;
	for (uint16_t i = 0; i < count; i++)
		q->parts[i].request = *request;
	if (request->kind == CONTROL_LIST && !records_make(&q->parts[0].request)) {
		question_free(q);
		return -ENOMEM;
	}
	q->next = requests->open;
	requests->open = q;
	question_push(requests, q);
	arm(requests);
	return 0;
}
