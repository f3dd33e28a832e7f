// SPDX-License-Identifier: BSD-3-Clause
// One thread of the slow path: takes messages from the workers' rings, carries on handshakes in
// their turn, answers, and sleeps when there is nothing to do.
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/secret.h"
#include "slowpath/service_impl.h"

enum {
	MESSAGES_AT_ONCE = SLOW_RING, // of one worker, before the next one's
	STEPS_AT_ONCE = 4,            // handshakes carried on before messages are looked at again
	SLEEP_MS = 100,
	BLOCKED_MS = 1, // while answers wait for room in a ring
};

static int64_t unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct slow_link *link_of(const struct slow_thread *t, uint32_t worker)
{
	return &t->service->links.links[worker * t->service->config.threads + t->index];
}

static uint32_t chain_of(uint64_t session, uint32_t worker)
{
	return (uint32_t)((session ^ worker) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % SESSION_CHAINS;
}

static struct slow_handshake *find(struct slow_thread *t, uint32_t worker, uint64_t session)
{
	struct slow_handshake *h;

	LIST_FOREACH(h, &t->sessions[chain_of(session, worker)], by_session)
	if (h->session == session && h->worker == worker)
		return h;
	return NULL;
}

static void end(struct slow_thread *t, uint32_t place, counter_t *why)
{
	struct slow_handshake *h = t->handshakes[place];

	h->profile->kind->destroy(h->engine);
	h->engine = NULL;
	slow_profile_put(t->service, h->profile);
	TAILQ_REMOVE(&t->ages, h, by_age);
	LIST_REMOVE(h, by_session);
	admission_leave(t->admission, place);
	counter_add(why, 1);
	counter_set(&t->in_flight, admission_in_flight(t->admission));
}

// A slot for an answer, NULL when the worker has not read what it has. It is zeroed: of another
// session's answer that lay there nothing is left for this one.
static struct slow_message *answer_begin(struct slow_thread *t, uint32_t worker, uint64_t session,
	enum slow_kind kind, uint8_t stream)
{
	struct slow_message *m = ring_reserve(&link_of(t, worker)->to_worker);

	if (!m)
		return NULL;
	memset(m, 0, sizeof(*m));
	m->session = session;
	m->kind = (uint8_t)kind;
	m->stream = stream;
	return m;
}

static void answer_send(struct slow_thread *t, uint32_t worker)
{
	ring_publish(&link_of(t, worker)->to_worker);
	t->to_wake |= UINT64_C(1) << worker;
}

// There is room, unless a handshake has just given way. Without a word its time on the worker runs
// out.
static void refuse(struct slow_thread *t, uint32_t worker, const struct slow_message *open,
	enum slow_failure failure)
{
	struct slow_message *m = answer_begin(t, worker, open->session, SLOW_FAILED, open->stream);

	if (!m)
		return;
	m->failure = (uint8_t)failure;
	answer_send(t, worker);
}

static bool begin(
	struct slow_thread *t, uint32_t worker, const struct slow_message *open, uint32_t place)
{
	struct slow_handshake *h = t->handshakes[place];

	if (!h)
		h = t->handshakes[place] = calloc(1, sizeof(*h));
	if (!h)
		return false;
	h->profile = slow_profile_get(t->service, open->open.profile);
	if (!h->profile)
		return false;
	if (h->profile->kind->create(h->profile->profile, &open->open, &h->engine) != 0) {
		slow_profile_put(t->service, h->profile);
		return false;
	}
	if (h->profile->kind->begin)
		h->profile->kind->begin(h->engine, unix_ms());
	h->place = place;
	h->session = open->session;
	h->worker = worker;
	h->stream = open->stream;
	h->begun = slow_now();
	memcpy(h->target, open->open.target, sizeof(h->target));
	h->target[sizeof(h->target) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		h->input[i].received = h->input[i].waiting = 0;
		h->input[i].ended = false;
	}
	h->is_silent = false;
	TAILQ_INSERT_TAIL(&t->ages, h, by_age);
	LIST_INSERT_HEAD(&t->sessions[chain_of(h->session, worker)], h, by_session);
	return true;
}

// A handshake has no place any longer. Its worker hears of it where its ring has room: else its
// time there runs out.
static void give_up(struct slow_thread *t, struct slow_handshake *h, counter_t *why)
{
	struct slow_message *m = answer_begin(t, h->worker, h->session, SLOW_FAILED, h->stream);

	if (m) {
		m->failure = SLOW_FAILURE_CROWDED;
		answer_send(t, h->worker);
	}
	end(t, h->place, why);
}

// A place for a newcomer, another's where there is none free.
static bool enter(struct slow_thread *t, const struct ip_address *source, uint32_t *place)
{
	usec_t now = slow_now();
	enum admission_verdict v = admission_enter(t->admission, source, now, place);
	uint32_t victim = admission_victim(t->admission, source, v);

	if (victim == ADMISSION_NONE)
		return v == ADMISSION_GRANTED;
	give_up(t, t->handshakes[victim], &t->crowded);
	return admission_enter(t->admission, source, now, place) == ADMISSION_GRANTED;
}

static void open_take(struct slow_thread *t, uint32_t worker, const struct slow_message *m)
{
	uint32_t place;

	// The name is free again on the worker: it has forgotten the handshake that had it.
	if (find(t, worker, m->session))
		end(t, find(t, worker, m->session)->place, &t->forgotten);
	if (!enter(t, &m->open.source, &place)) {
		counter_add(&t->refused, 1);
		refuse(t, worker, m, SLOW_FAILURE_REFUSED);
		return;
	}
	if (!begin(t, worker, m, place)) {
		admission_leave(t->admission, place);
		refuse(t, worker, m, SLOW_FAILURE_LOCAL);
		return;
	}
	counter_set(&t->in_flight, admission_in_flight(t->admission));
	admission_queue(t->admission, place);
}

// Bytes in order, within the stream's bound: others are none that our worker sends.
static void bytes_take(struct slow_thread *t, uint32_t worker, const struct slow_message *m)
{
	struct slow_handshake *h = m->stream <= SLOW_TARGET ? find(t, worker, m->session) : NULL;
	struct slow_input *in = h ? &h->input[m->stream] : NULL;

	if (!h || m->offset != in->received || m->length > SLOW_DATA_BYTES ||
		m->length > SLOW_STREAM_BYTES - in->waiting)
		return;
	memcpy(in->bytes + in->waiting, m->data, m->length);
	in->waiting += m->length;
	in->received += m->length;
	admission_queue(t->admission, h->place);
}

static void end_take(struct slow_thread *t, uint32_t worker, const struct slow_message *m)
{
	struct slow_handshake *h = m->stream <= SLOW_TARGET ? find(t, worker, m->session) : NULL;

	if (!h)
		return;
	h->input[m->stream].ended = true;
	admission_queue(t->admission, h->place);
}

static void silence_take(struct slow_thread *t, uint32_t worker, const struct slow_message *m)
{
	struct slow_handshake *h = find(t, worker, m->session);

	if (!h)
		return;
	h->is_silent = true;
	admission_queue(t->admission, h->place);
}

// There is room.
static void ask_take(struct slow_thread *t, uint32_t worker, const struct slow_message *m)
{
	if (answer_begin(t, worker, m->session, SLOW_HERE, m->stream))
		answer_send(t, worker);
}

// Its profile may be gone: then nobody is to come back with it.
static void ticket_take(struct slow_thread *t, struct slow_message *m)
{
	struct slow_profile *p = slow_profile_get(t->service, m->ticket.profile);

	if (p && p->kind->ticket && m->length <= SLOW_TICKET_BYTES) {
		m->ticket.target[sizeof(m->ticket.target) - 1] = '\0';
		p->kind->ticket(p->profile, &m->ticket, m->length, unix_ms());
	}
	if (p)
		slow_profile_put(t->service, p);
	secret_wipe(m->ticket.secret, sizeof(m->ticket.secret));
}

static void message_take(struct slow_thread *t, uint32_t worker, struct slow_message *m)
{
	struct slow_handshake *h;

	switch (m->kind) {
	case SLOW_OPEN:
		open_take(t, worker, m);
		break;
	case SLOW_BYTES:
		bytes_take(t, worker, m);
		break;
	case SLOW_END:
		end_take(t, worker, m);
		break;
	case SLOW_SILENCE:
		silence_take(t, worker, m);
		break;
	case SLOW_TICKET:
		ticket_take(t, m);
		break;
	case SLOW_CLOSE:
		h = find(t, worker, m->session);
		if (h)
			end(t, h->place, &t->forgotten);
		break;
	case SLOW_ASK:
		ask_take(t, worker, m);
		break;
	}
}

static bool messages_take(struct slow_thread *t)
{
	bool any = false;

	for (uint32_t w = 0; w < t->service->config.workers; w++) {
		struct slow_link *link = link_of(t, w);
		struct slow_message *m;

		// One may have to be answered.
		for (int i = 0; i < MESSAGES_AT_ONCE && ring_reserve(&link->to_worker) &&
				(m = ring_peek(&link->to_slow)) != NULL;
			i++) {
			message_take(t, w, m);
			ring_release(&link->to_slow);
			any = true;
		}
	}
	return any;
}

// Tells the worker what the handshake says. HANDSHAKE_ACTS: the ring is full, there may be more.
static enum handshake_step answers_send(struct slow_thread *t, struct slow_handshake *h)
{
	enum handshake_step step = HANDSHAKE_ACTS;

	while (step == HANDSHAKE_ACTS) {
		struct slow_message *m = answer_begin(t, h->worker, h->session, 0, h->stream);
		bool is_answer; // to something that the peer said

		if (!m)
			break;
		step = h->profile->kind->next(h->engine, m);
		if (step == HANDSHAKE_WAITS)
			break;
		if (step == HANDSHAKE_FAILED && m->length > 0)
			slow_reports_add(&t->service->reports, h->profile->number, h->target, m);
		is_answer = m->kind != SLOW_FORWARD && m->kind != SLOW_LEAVE &&
			    h->input[h->stream].received > 0;
		answer_send(t, h->worker);
		if (is_answer)
			admission_settle(t->admission, h->place);
	}
	return step;
}

static void input_give(struct slow_handshake *h)
{
	const struct handshake_kind *kind = h->profile->kind;
	int64_t now_ms = unix_ms();

	for (int i = 0; i < 2; i++) {
		struct slow_input *in = &h->input[i];

		if (in->waiting > 0)
			kind->input(h->engine, (enum slow_stream)i, in->bytes, in->waiting, now_ms);
		in->waiting = 0;
		if (in->ended)
			kind->end(h->engine, (enum slow_stream)i);
		in->ended = false;
	}
	if (h->is_silent && kind->silence)
		kind->silence(h->engine);
	h->is_silent = false;
}

static counter_t *count_of(struct slow_thread *t, enum handshake_step last)
{
	if (last == HANDSHAKE_DONE)
		return &t->done;
	if (last == HANDSHAKE_OVER)
		return &t->probes;
	return last == HANDSHAKE_SPLICED ? &t->spliced : &t->failed;
}

// Carries one handshake on. False: it waits for room in the ring, in its queue.
static bool step(struct slow_thread *t, uint32_t place)
{
	struct slow_handshake *h = t->handshakes[place];
	enum handshake_step step = answers_send(t, h); // what a full ring held up before

	if (step == HANDSHAKE_WAITS) {
		input_give(h);
		step = answers_send(t, h);
	}
	if (step == HANDSHAKE_ACTS) {
		admission_queue(t->admission, place);
		return false;
	}
	if (step == HANDSHAKE_WAITS)
		return true;
	if (h->profile->kind->outcome)
		counter_add(&t->outcomes[h->profile->kind->outcome(h->engine)], 1);
	end(t, place, count_of(t, step));
	return true;
}

// True when handshakes may still wait for their turn; *blocked when some wait for room.
static bool steps_take(struct slow_thread *t, bool *blocked)
{
	uint32_t steps = 0;

	*blocked = false;
	while (steps < STEPS_AT_ONCE) {
		uint32_t place = admission_next(t->admission);

		if (place == ADMISSION_NONE)
			return steps > 0;
		*blocked = !step(t, place) || *blocked;
		steps++;
	}
	return true;
}

static void old_forget(struct slow_thread *t)
{
	usec_t now = slow_now(), old = t->service->links.timeout + SLOW_FORGET;
	struct slow_handshake *h;

	while ((h = TAILQ_FIRST(&t->ages)) != NULL && now - h->begun >= old)
		give_up(t, h, &t->forgotten);
}

static void workers_wake(struct slow_thread *t)
{
	while (t->to_wake) {
		uint32_t worker = (uint32_t)__builtin_ctzll(t->to_wake);

		t->to_wake &= t->to_wake - 1;
		t->service->wake(t->service->context, worker);
	}
}

static bool has_messages(const struct slow_thread *t)
{
	for (uint32_t w = 0; w < t->service->config.workers; w++)
		if (!ring_is_empty(&link_of(t, w)->to_slow))
			return true;
	return false;
}

static void rest(struct slow_thread *t, int milliseconds)
{
	struct pollfd fd = {.fd = t->gate.wake_fd, .events = POLLIN};
	uint64_t value;

	shared_word_store(&t->gate.asleep, 1);
	shared_fence();
	if ((milliseconds == BLOCKED_MS || !has_messages(t)) && !shared_word_load(&t->stop) &&
		poll(&fd, 1, milliseconds) > 0 && read(fd.fd, &value, sizeof(value)) < 0)
		value = 0; // somebody else's wake-up was the same one
	shared_word_store(&t->gate.asleep, 0);
}

static void pin(const struct slow_thread *t)
{
	const struct slowpath_config *config = &t->service->config;
	char name[16];
	cpu_set_t set;

	snprintf(name, sizeof(name), "nx-slow-%u", t->index);
	pthread_setname_np(pthread_self(), name);
	if (config->cpu_count == 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)config->cpus[t->index % config->cpu_count], &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

bool slow_thread_turn(struct slow_thread *t, bool *blocked)
{
	bool any = messages_take(t);

	any = steps_take(t, blocked) || any;
	old_forget(t);
	workers_wake(t);
	return any;
}

void *slow_thread_main(void *thread)
{
	struct slow_thread *t = thread;
	bool blocked;

	pin(t);
	while (!shared_word_load(&t->stop)) {
		shared_word_store(&t->turned, slow_now());
		bool any = slow_thread_turn(t, &blocked);

		if (blocked)
			rest(t, BLOCKED_MS);
		else if (!any)
			rest(t, SLEEP_MS);
	}
	return NULL;
}

void slow_thread_clear(struct slow_thread *t)
{
	struct slow_handshake *h;

	while ((h = TAILQ_FIRST(&t->ages)) != NULL)
		end(t, h->place, &t->forgotten);
	for (uint32_t i = 0; t->handshakes && i < t->service->config.admission.handshakes; i++) {
		if (t->handshakes[i])
			secret_wipe(t->handshakes[i], sizeof(*t->handshakes[i]));
		free(t->handshakes[i]);
		t->handshakes[i] = NULL;
	}
}
