// SPDX-License-Identifier: BSD-3-Clause
#include "dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dialogue_words.h"

#define LONGEST_SILENCE (3600 * USEC_PER_SECOND)

static void need_silence(struct dialogue *d)
{
	char came[160];

	if (d->end->fault)
		fail_here(d, "the engine is wrong", d->end->fault);
	if (d->end->sent_count > 0)
		fail_here(d, "nothing was to be sent",
			segment_print(&d->end->sent[d->end->sent_first].segment, d->end->base,
				d->peer_base, came, sizeof(came)));
}

static void arrive(struct dialogue *d)
{
	struct stated stated = {.segment.window = 65535};

	need_silence(d);
	read_segment(d, &stated, d->peer_base, d->end->base);
	if (stated.has_after)
		endpoint_pass(d->end, d->end->now + stated.earliest, false);
	if (stated.segment.has_timestamps && !stated.has_echo)
		stated.segment.timestamp_echo = d->end->last_ts - stated.late;
	endpoint_input(d->end, &stated.segment);
	d->step = d->end->now;
}

static void step_in(struct dialogue *d)
{
	arrive(d);
	endpoint_turn(d->end);
}

static bool is_same_sack(const struct segment *a, const struct segment *b)
{
	bool same = a->sack_count == b->sack_count;

	for (uint8_t i = 0; same && i < a->sack_count; i++)
		same = a->sack[i].from == b->sack[i].from && a->sack[i].to == b->sack[i].to;
	return same;
}

static const char *difference(const struct stated *stated, const struct segment *got)
{
	const struct segment *s = &stated->segment;

	if (got->flags != s->flags)
		return "other flags were expected";
	if (got->sequence != s->sequence && !(s->flags & TCP_FLAG_SYN))
		return "another sequence number was expected";
	if (got->length != s->length)
		return "another length was expected";
	if (stated->has_ack && got->acknowledgement != s->acknowledgement)
		return "another acknowledgement was expected";
	if (stated->has_window && got->window != s->window)
		return "another window was expected";
	if (s->has_mss && (!got->has_mss || got->mss != s->mss))
		return "another MSS was expected";
	if (s->has_scale && (!got->has_scale || got->scale != s->scale))
		return "another window scale was expected";
	if ((s->flags & TCP_FLAG_SYN) && got->sack_permitted != s->sack_permitted)
		return "SACK-permitted is there, or is missing, against what was expected";
	if ((s->flags & TCP_FLAG_SYN) && got->has_timestamps != s->has_timestamps)
		return "timestamps are there, or are missing, against what was expected";
	if (stated->has_echo && got->timestamp_echo != s->timestamp_echo)
		return "another timestamp echo was expected";
	if (stated->has_ecn && got->ecn != s->ecn)
		return "another ECN field was expected";
	if (stated->has_hops && got->hop_limit != s->hop_limit)
		return "another hop limit was expected";
	if (stated->has_urgent && got->urgent != s->urgent)
		return "another urgent pointer was expected";
	if (stated->has_dscp && got->dscp != s->dscp)
		return "another codepoint was expected";
	if (stated->has_kinds &&
		(got->kind_count != s->raw_bytes || memcmp(got->kinds, s->raw, s->raw_bytes) != 0))
		return "other options, or another order of them, was expected";
	if (stated->has_id && got->packet_id != s->packet_id)
		return "another identification was expected";
	return is_same_sack(got, s) ? NULL : "other SACK blocks were expected";
}

static void step_out(struct dialogue *d)
{
	struct endpoint *e = d->end;
	struct stated stated = {0};
	char came[160];

	endpoint_pass(e, e->now + LONGEST_SILENCE, true);
	if (e->sent_count == 0)
		fail_here(d, "a segment was expected, and none came for an hour", NULL);

	const struct endpoint_sent *sent = &e->sent[e->sent_first];

	e->sent_first = (e->sent_first + 1) % ENDPOINT_SENT_MOST;
	e->sent_count--;
	read_segment(d, &stated, e->base, d->peer_base);
	segment_print(&sent->segment, e->base, d->peer_base, came, sizeof(came));
	if (e->fault)
		fail_here(d, e->fault, came);
	if (difference(&stated, &sent->segment))
		fail_here(d, difference(&stated, &sent->segment), came);
	usec_t after = sent->at - d->step;

	if (stated.has_after && (after < stated.earliest || after > stated.latest))
		fail_number(d, "not at the time expected; microseconds after the last step", after);
	d->step = sent->at;
}

static void step_wait(struct dialogue *d)
{
	need_silence(d);
	endpoint_pass(d->end, d->end->now + time_word(d), false);
	d->step = d->end->now;
}

static void step_nothing(struct dialogue *d)
{
	step_wait(d);
	need_silence(d);
}

static void step_event(struct dialogue *d)
{
	static const struct {
		const char *name;
		uint16_t bit;
	} names[] = {
		{"accepted", TCP_EVENT_ACCEPTED},
		{"connected", TCP_EVENT_CONNECTED},
		{"readable", TCP_EVENT_READABLE},
		{"writable", TCP_EVENT_WRITABLE},
		{"end", TCP_EVENT_END},
		{"failed", TCP_EVENT_FAILED},
		{"sent-all", TCP_EVENT_SENT_ALL},
		{"urgent", TCP_EVENT_URGENT},
		{"trouble", TCP_EVENT_TROUBLE},
	};
	const char *wanted = need_word(d);

	for (size_t i = 0; i < nx_array_size(names); i++) {
		if (strcmp(names[i].name, wanted) != 0)
			continue;
		if (!(d->end->events & names[i].bit))
			fail_number(d, "the event did not come; bits", d->end->events);
		d->end->events &= (uint16_t)~names[i].bit;
		return;
	}
	fail_here(d, "an unknown event", wanted);
}

static void step_error(struct dialogue *d)
{
	static const struct {
		const char *name;
		uint16_t error;
	} names[] = {
		{"none", 0},
		{"refused", ECONNREFUSED},
		{"reset", ECONNRESET},
		{"timeout", ETIMEDOUT},
		{"unreachable", EHOSTUNREACH},
	};
	const char *wanted = need_word(d);

	for (size_t i = 0; i < nx_array_size(names); i++)
		if (strcmp(names[i].name, wanted) == 0 && d->end->error == names[i].error)
			return;
	fail_here(d, "another error was expected", strerror(d->end->error));
}

static void step_state(struct dialogue *d)
{
	const char *wanted = need_word(d);
	struct tcp_info info;

	tcp_info_get(d->end->engine, d->end->connection, &info);
	if (strcmp(wanted, tcp_state_name(info.state)) != 0)
		fail_here(d, "another state was expected", tcp_state_name(info.state));
}

static void step_send(struct dialogue *d)
{
	need_silence(d);
	if (endpoint_send(d->end, number(d)) != 0)
		fail_here(d, "tcp_send refused", NULL);
	d->step = d->end->now;
}

static void taken(struct dialogue *d, uint32_t got, uint32_t wanted)
{
	if (d->end->fault)
		fail_here(d, "wrong bytes", d->end->fault);
	if (got != wanted)
		fail_number(d, "another number of bytes was expected", got);
	d->step = d->end->now;
}

static void step_receive(struct dialogue *d)
{
	uint32_t got = endpoint_receive(d->end);

	taken(d, got, number(d));
}

static void step_take(struct dialogue *d)
{
	uint32_t wanted = number(d);

	taken(d, endpoint_take(d->end, wanted), wanted);
}

static void step_urgent(struct dialogue *d)
{
	tcp_urgent_mark(d->end->engine, d->end->connection, number(d));
}

static void step_urgent_left(struct dialogue *d)
{
	uint32_t left = tcp_urgent_left(d->end->engine, d->end->connection);

	if (left != number(d))
		fail_number(d, "another number of urgent bytes was expected", left);
}

static void step_dscp(struct dialogue *d)
{
	tcp_dscp_set(d->end->engine, d->end->connection, number(d) & 0x3f);
}

static void step_shutdown(struct dialogue *d)
{
	tcp_shutdown(d->end->engine, d->end->connection, d->end->now);
	endpoint_turn(d->end);
	d->step = d->end->now;
}

static void step_close(struct dialogue *d)
{
	tcp_close(d->end->engine, d->end->connection, d->end->now);
	endpoint_turn(d->end);
	d->step = d->end->now;
}

static void step_abort(struct dialogue *d)
{
	tcp_abort(d->end->engine, d->end->connection, d->end->now);
	endpoint_turn(d->end);
	d->step = d->end->now;
}

static void step_icmp(struct dialogue *d)
{
	const char *name = need_word(d);
	uint32_t sequence = d->end->base + number(d);
	const char *mtu = word(d);

	need_silence(d);
	if (!endpoint_icmp(d->end, name, sequence, mtu ? number_of(d, mtu) : 0))
		fail_here(d, "an unknown ICMP error", name);
	d->step = d->end->now;
}

static void step_count(struct dialogue *d)
{
	const struct tcp_stats *stats = tcp_engine_stats(d->end->engine);
	const char *name = need_word(d);
	uint64_t got = UINT64_MAX;

#define X(counter, help)                                                                           \
	if (strcmp(name, #counter) == 0)                                                           \
		got = counter_read(&stats->counter);
	TCP_COUNTERS(X)
#undef X
	for (int i = 0; i < DROP_COUNT; i++)
		if (strcmp(name, drop_reason_name(i)) == 0)
			got = counter_read(&stats->drops[i]);
	if (got == UINT64_MAX)
		fail_here(d, "an unknown counter", name);
	if (got != number(d))
		fail_number(d, "another count was expected", got);
}

static void step_connections(struct dialogue *d)
{
	uint32_t used = tcp_connections(d->end->engine);

	if (used != number(d))
		fail_number(d, "another number of connections was expected", used);
}

static void step_ways(struct dialogue *d)
{
	if (d->end->ways != number(d))
		fail_number(d, "another number of ways looked for was expected", d->end->ways);
}

static void step_profile(struct dialogue *d)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} flags[] = {
		{"no-timestamps", TCP_NO_TIMESTAMPS},
		{"no-sack", TCP_NO_SACK},
		{"no-scale", TCP_NO_WINDOW_SCALE},
		{"ecn", TCP_ECN},
		{"nagle", TCP_NAGLE},
		{"take-turns", TCP_TAKE_TURNS},
	};
	static const struct {
		const char *name;
		size_t offset;
		size_t size;
	} numbers[] = {
#define MEMBER(name)                                                                               \
	{#name, offsetof(struct tcp_profile, name), sizeof((struct tcp_profile){0}.name)}
		MEMBER(congestion),
		MEMBER(look),
		MEMBER(acknowledge_every),
		MEMBER(retries_syn),
		MEMBER(keepalive_probes),
		MEMBER(hop_limit),
		MEMBER(dscp),
		MEMBER(mtu),
		MEMBER(mss_max),
		MEMBER(receive_memory),
		MEMBER(send_memory),
		MEMBER(initial_window),
		MEMBER(delayed_ack_us),
		MEMBER(rto_min_us),
		MEMBER(time_wait_us),
		MEMBER(fin_wait_us),
		MEMBER(keepalive_idle_ms),
		MEMBER(keepalive_interval_ms),
		MEMBER(user_timeout_ms),
#undef MEMBER
	};
	const char *name = need_word(d);

	for (size_t i = 0; i < nx_array_size(flags); i++)
		if (strcmp(flags[i].name, name) == 0) {
			d->profile.flags |= flags[i].bit;
			return;
		}
	for (size_t i = 0; i < nx_array_size(numbers); i++)
		if (strcmp(numbers[i].name, name) == 0) {
			uint32_t value = number(d);

			memcpy((char *)&d->profile + numbers[i].offset, &value, numbers[i].size);
			return;
		}
	fail_here(d, "an unknown word of a profile", name);
}

static void step_only(struct dialogue *d)
{
	const char *family = need_word(d);

	if (strcmp(family, "v4") != 0 && strcmp(family, "v6") != 0)
		fail_here(d, "neither v4 nor v6", family);
	d->is_other_family = d->v6 != (family[1] == '6');
}

static void begin(struct dialogue *d)
{
	if (d->end)
		fail_here(d, "the dialogue has begun already", NULL);
	d->end = endpoint_create(&d->profile, d->v6);
	assert_non_null(d->end);
	d->step = d->end->now;
}

static void step_listen(struct dialogue *d)
{
	begin(d);
	assert_int_equal(tcp_listen(d->end->engine, &d->end->key.source, d->end->key.source_port, 0,
				 0, &d->end->listener),
		0);
}

static void step_connect(struct dialogue *d)
{
	begin(d);
	assert_int_equal(
		tcp_connect(d->end->engine, 0, &d->end->key, 0, d->end->now, &d->end->connection),
		0);
	endpoint_turn(d->end);
}

static void run_line(struct dialogue *d)
{
	static const struct {
		const char *word;
		void (*step)(struct dialogue *d);
	} steps[] = {
		{"<", step_in},
		{"<<", arrive},
		{">", step_out},
		{"wait", step_wait},
		{"nothing", step_nothing},
		{"event", step_event},
		{"error", step_error},
		{"state", step_state},
		{"send", step_send},
		{"receive", step_receive},
		{"take", step_take},
		{"urgent", step_urgent},
		{"urgent-left", step_urgent_left},
		{"dscp", step_dscp},
		{"shutdown", step_shutdown},
		{"close", step_close},
		{"abort", step_abort},
		{"count", step_count},
		{"connections", step_connections},
		{"ways", step_ways},
		{"icmp", step_icmp},
		{"only", step_only},
		{"profile", step_profile},
		{"listen", step_listen},
		{"connect", step_connect},
	};
	const char *verb;

	d->line[strcspn(d->line, "#\n")] = '\0';
	d->at = d->line;
	verb = word(d);
	for (size_t i = 0; verb && i < nx_array_size(steps); i++)
		if (strcmp(steps[i].word, verb) == 0) {
			if (!d->end && steps[i].step != step_profile &&
				steps[i].step != step_only && steps[i].step != step_listen &&
				steps[i].step != step_connect)
				fail_here(d, "listen or connect comes first", NULL);
			steps[i].step(d);
			if (word(d))
				fail_here(d, "there is more on the line than the step takes", NULL);
			return;
		}
	if (verb)
		fail_here(d, "an unknown step", verb);
}

static void run_variant(const char *path, bool v6, uint32_t peer_base)
{
	struct dialogue d = {.path = path, .v6 = v6, .peer_base = peer_base};
	size_t alive = buffer_heap_alive();
	FILE *file = fopen(path, "r");

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	while (!d.is_other_family && fgets(d.line, sizeof(d.line), file)) {
		d.number++;
		if (!strchr(d.line, '\n'))
			fail_here(&d, "the line is too long", NULL);
		run_line(&d);
	}
	fclose(file);
	if (d.is_other_family)
		return;
	if (!d.end)
		fail_here(&d, "the dialogue has no step", NULL);
	need_silence(&d);
	endpoint_destroy(d.end);
	assert_int_equal(buffer_heap_alive(), alive);
}

void dialogue_run(const char *path)
{
	run_variant(path, false, 1000000);
	run_variant(path, true, 1000000);
	run_variant(path, false, UINT32_MAX);
	run_variant(path, true, UINT32_MAX - 1500);
	run_variant(path, false, INT32_MAX - 700u);
}
