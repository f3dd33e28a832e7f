// SPDX-License-Identifier: BSD-3-Clause
#include "dialogue.h"

enum {
	MUTATION_BYTES = 4, // an input shorter than one leaves the handshake as it is
	SESSION_BYTES_MAX = 4096,
	TURNS = 4,
};

static uint8_t session[SESSION_BYTES_MAX]; // of the first handshake
static size_t session_length;
static struct tls13 *client, *server, *tested, *peer;
static struct cursor input;
static enum tls13_verdict verdict;
static uint8_t level_of[64];
static struct writer queue[64];
static size_t queued;
static bool changed;

static void to_tested(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	if (queued == nx_array_size(queue))
		return;
	level_of[queued] = (uint8_t)level;
	queue[queued] = writer_with(200000);
	writer_bytes(&queue[queued++], message, length);
}

static void to_peer(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	if (tls13_input(peer, level, message, length, WORLD_NOW_MS) != TLS13_OK)
		verdict = TLS13_MISUSE;
}

static void on_secret(void *user, enum tls13_level level, enum tls13_direction direction,
	const struct tls13_secret *secret)
{
	MUST(secret->length == 32 || secret->length == 48);
}

static void on_ticket(void *user, const uint8_t *bytes, size_t length)
{
	MUST(length != 0 && length <= sizeof(session));
	if (session_length != 0)
		return;
	memcpy(session, bytes, length);
	session_length = length;
}

// Puts the message's own first bytes behind it.
static void repeat(struct writer *message, size_t n)
{
	uint8_t copy[64];

	if (n != 0)
		memcpy(copy, message->base, n);
	writer_bytes(message, copy, n);
}

// Three bytes of input change one of the message: where, how, and with what.
static void mutate(struct writer *message)
{
	uint8_t how, value;
	uint16_t where;

	while (cursor_take_u8(&input, &how) && how % 4 != 0 && cursor_take_u16(&input, &where) &&
		cursor_take_u8(&input, &value)) {
		size_t at = message->used != 0 ? where % message->used : 0;

		if (how % 4 == 1 && message->used != 0)
			message->base[at] = value;
		else if (how % 4 == 2)
			message->used = at;
		else
			repeat(message, at < 64 ? at : 64);
	}
}

// Returns whether it is another message now.
static bool is_changed(struct writer *message)
{
	struct writer copy = writer_with(200000);
	bool differs;

	writer_bytes(&copy, message->base, message->used);
	mutate(message);
	differs = copy.used != message->used || memcmp(copy.base, message->base, copy.used) != 0;
	writer_clear(&copy);
	return differs;
}

static void deliver(void)
{
	for (size_t i = 0; i < queued && verdict == TLS13_OK; i++) {
		bool was_complete = tls13_is_complete(tested);

		changed |= is_changed(&queue[i]) && !was_complete;
		verdict = tls13_input(tested, (enum tls13_level)level_of[i], queue[i].base,
			queue[i].used, WORLD_NOW_MS);
		MUST(!changed || !tls13_is_complete(tested));
	}
	for (size_t i = 0; i < queued; i++)
		writer_clear(&queue[i]);
	queued = 0;
}

static void check_complete(bool retry, bool resume)
{
	struct tls13_summary summary;

	MUST(tls13_is_complete(client) && tls13_is_complete(server));
	tls13_summary(client, &summary);
	MUST(summary.retried == retry && summary.resumed == resume);
}

static void handshake(
	bool tests_client, enum tls13_client_certificate asked, bool retry, bool resume)
{
	static const uint16_t unshared[] = {GROUP_P256};
	struct world *w = world();
	struct tls13_events to_server = {.send = tests_client ? to_peer : to_tested,
		.secret = on_secret,
		.ticket = on_ticket};
	struct tls13_events to_client = {
		.send = tests_client ? to_tested : to_peer, .secret = on_secret};
	struct tls13_start client_start = w->client_start, server_start = w->server_start;
	struct tls13_config config = w->server;
	bool is_honest = cursor_left(&input) < MUTATION_BYTES;

	world_restart();
	config.client_certificate = asked;
	if (retry)
		config.groups = (struct tls13_list){.values = unshared, .count = 1};
	client_start.events = &to_server;
	if (resume) {
		client_start.session = session;
		client_start.session_length = session_length;
	}
	server_start.events = &to_client;
	MUST(tls13_create(&config, false, &server_start, &server) == 0);
	MUST(tls13_create(&w->client, true, &client_start, &client) == 0);
	tested = tests_client ? client : server;
	peer = tests_client ? server : client;
	verdict = TLS13_OK;
	changed = false;
	MUST(tls13_begin(client, WORLD_NOW_MS) == TLS13_OK);
	for (int turn = 0; turn < TURNS && verdict == TLS13_OK; turn++)
		deliver();
	for (size_t i = 0; i < queued; i++)
		writer_clear(&queue[i]);
	queued = 0;
	if (is_honest)
		check_complete(retry, resume);
	// What the input leaves over goes in behind the handshake.
	if (verdict == TLS13_OK && tls13_is_complete(tested))
		(void)tls13_input(tested, TLS13_APPLICATION, input.p, cursor_left(&input), 0);
	tls13_destroy(client);
	tls13_destroy(server);
}

void dialogue(bool tests_client, const uint8_t *data, size_t size)
{
	if (session_length == 0) {
		input = cursor_over(data, 0);
		handshake(true, TLS13_CLIENT_CERTIFICATE_NONE, false, false);
		MUST(session_length != 0);
	}
	input = cursor_over(data, size);
	handshake(tests_client,
		size % 4 == 1 ? TLS13_CLIENT_CERTIFICATE_OPTIONAL : TLS13_CLIENT_CERTIFICATE_NONE,
		size % 4 == 2, size % 4 == 3);
}
