// SPDX-License-Identifier: BSD-3-Clause
#include "script.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct script {
	struct world *world;
	struct flow_key client; // client to listener
	struct flow_key nat;    // as the target sees it
	uint32_t base[2];       // initial sequence numbers
	struct world_outcome last;
	const char *line;
};

static void fail_at(const struct script *s, const char *what, long long got)
{
	fail_msg("%s, got %lld: %.*s", what, got, (int)strcspn(s->line, "\n"), s->line);
}

static uint8_t flags_of(const char *word)
{
	static const char letters[] = "FSRPA";
	uint8_t flags = 0;

	for (; *word; word++)
		flags |= (uint8_t)(1u << (strchr(letters, *word) - letters));
	return flags;
}

// One word after another, NULL at the end of the line.
static char *next_word(char **at)
{
	char *word;

	*at += strspn(*at, " \t");
	word = *at;
	if (*word == 0)
		return NULL;
	*at += strcspn(*at, " \t");
	if (**at)
		*(*at)++ = 0;
	return word;
}

static uint32_t number(char **at)
{
	const char *word = next_word(at);

	return word ? (uint32_t)strtoul(word, NULL, 10) : 0;
}

static void expect(struct script *s, const char *wanted)
{
	enum flow_verdict verdict = s->last.verdict;

	if (strcmp(wanted, "pass") == 0) {
		if (verdict != FLOW_FORWARD)
			fail_at(s, drop_reason_name(s->last.reason), verdict);
		if (!s->last.intact)
			fail_at(s, "broken packet", verdict);
	} else if (strcmp(wanted, "local") == 0) {
		if (verdict != FLOW_LOCAL)
			fail_at(s, "not left to the local stage", verdict);
	} else if (verdict != FLOW_DROP || strcmp(wanted, drop_reason_name(s->last.reason)) != 0) {
		fail_at(s, drop_reason_name(s->last.reason), verdict);
	}
}

static void send_packet(struct script *s, unsigned int direction, char *at)
{
	const char *flags = next_word(&at);
	char *sequence = next_word(&at);
	char *plus = strchr(sequence, '+');
	const char *wanted = "pass";
	struct world_packet p = {
		.key = direction == 0 ? s->client : world_reverse(&s->nat),
		.sequence = s->base[direction] + (uint32_t)strtol(sequence, NULL, 10),
		.length = plus ? (uint32_t)strtoul(plus + 1, NULL, 10) : 0,
		.flags = flags_of(flags),
		.window = 65535,
		.netif = (uint16_t)direction,
	};

	for (char *word = next_word(&at); word; word = next_word(&at)) {
		if (strcmp(word, "ack") == 0)
			p.acknowledgement = s->base[!direction] + number(&at);
		else if (strcmp(word, "win") == 0)
			p.window = (uint16_t)number(&at);
		else if (strcmp(word, "mss") == 0)
			p.mss = (uint16_t)number(&at);
		else if (strcmp(word, "scale") == 0)
			p.has_scale = true, p.scale = (int)number(&at);
		else if (strcmp(word, "ts") == 0)
			p.has_timestamp = true, p.timestamp = number(&at);
		else if (strcmp(word, "=") == 0)
			wanted = next_word(&at);
		else
			fail_at(s, "unknown word", 0);
	}
	s->last = world_send(s->world, &p);
	expect(s, wanted);
	if (direction == 0 && s->last.verdict == FLOW_FORWARD)
		s->nat = s->last.key;
	if (direction == 1 && s->last.verdict == FLOW_FORWARD) {
		struct flow_key to_client = world_reverse(&s->client);

		if (!flow_key_equal(&s->last.key, &to_client))
			fail_at(s, "not translated to the client", 0);
	}
}

static void check(struct script *s, const char *verb, char *at)
{
	const char *word;
	uint32_t wanted;

	if (strcmp(verb, "state") == 0) {
		word = next_word(&at);
		if (strcmp(word, session_state_name(world_state(s->world, s->last.session))) != 0)
			fail_at(s, session_state_name(world_state(s->world, s->last.session)), 0);
		return;
	}
	if (strcmp(verb, "out") == 0)
		next_word(&at);
	wanted = number(&at);
	if (strcmp(verb, "sessions") == 0 && world_sessions(s->world) != wanted)
		fail_at(s, "sessions", world_sessions(s->world));
	if (strcmp(verb, "resets") == 0 && s->world->reset_count != wanted)
		fail_at(s, "resets", s->world->reset_count);
	if (strcmp(verb, "out") == 0 && s->last.mss != wanted)
		fail_at(s, "mss", s->last.mss);
	if (strcmp(verb, "live") == 0 &&
		counter_read(&s->world->stats->listeners[WORLD_TCP].sessions) != wanted)
		fail_at(s, "live sessions",
			(long long)counter_read(&s->world->stats->listeners[WORLD_TCP].sessions));
}

static void run_line(struct script *s, char *line)
{
	char *at = line;
	const char *verb = next_word(&at);

	if (!verb)
		return;
	if (strcmp(verb, ">") == 0)
		send_packet(s, 0, at);
	else if (strcmp(verb, "<") == 0)
		send_packet(s, 1, at);
	else if (strcmp(verb, "wait") == 0)
		world_wait(s->world, number(&at) * USEC_PER_SECOND);
	else if (strcmp(verb, "port") == 0)
		s->client.source_port = be16_from_host((uint16_t)number(&at));
	else
		check(s, verb, at);
}

static void run_variant(const char *text, bool v6, uint32_t client_base, uint32_t target_base)
{
	struct script s = {
		.world = world_create(&(struct world_options){0}),
		.client =
			v6 ? world_key(IPPROTO_TCP, "fd00:1::9", 40000, "fd00:1::2", WORLD_TCP_PORT)
			   : world_key(IPPROTO_TCP, "10.1.0.9", 40000, "10.1.0.2", WORLD_TCP_PORT),
		.base = {client_base, target_base},
	};
	char line[256];

	assert_non_null(s.world);
	while (*text) {
		size_t length = strcspn(text, "\n");

		assert_true(length < sizeof(line));
		memcpy(line, text, length);
		line[length] = 0;
		s.line = text;
		run_line(&s, line);
		text += length + (text[length] == '\n');
	}
	assert_int_equal(world_destroy(s.world), 0);
}

void script_run(const char *text)
{
	run_variant(text, false, 1000000, 5000000);
	run_variant(text, true, 1000000, 5000000);
	run_variant(text, false, UINT32_MAX - 50, UINT32_MAX - 500);
	run_variant(text, true, INT32_MAX - 50u, UINT32_MAX);
}
