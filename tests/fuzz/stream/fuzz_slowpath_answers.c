// SPDX-License-Identifier: BSD-3-Clause
// A thread of the slow path that answers anything: of handshakes under way, of those that are over,
// of sessions that never were, with lengths, offsets and keys at will, while clients and targets
// say anything, too. The worker reads nothing beyond a message, tells the thread its streams in
// order, gives everything back in the end, and a session that has its keys goes on.
//
// An input is what kind of listener it is about, and a list of steps: a byte that says which and
// how, and what it says.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>
#include <sanitizer/asan_interface.h>

#include "sim/stream/one_rig.h"
#include "sim/stream/secured.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	WORKER = 3, // the rig's relay
	SESSIONS = 64,
	LEGS = 8, // fewer than clients: some give way
	CLIENTS = 12,
	STEPS = 48,
	HANDSHAKES = 32,
	STEP_BITS = 3,
	PAYLOAD = 3000,
	DELAY = 250,       // us
	ROUND_TRIP = 1500, // and some turns
	HEADER = 8,        // bytes of a step before a message's own
};

// Of the first byte: what the listener and its upstream are.
enum {
	MIRRORED = 1,
	SECURED_TARGETS = 2,
};

enum step {
	STEP_ANSWER,
	STEP_CONNECT,
	STEP_CLIENT,
	STEP_TARGET,
	STEP_END,
	STEP_TIME,
};

// How a message is made of a step: where its name and its offset come from, and whether it is to be
// of use.
enum {
	MADE_UP_NAME = 1,
	FROM_THE_END = 2, // of what the thread was told of the stream
	LIKELY = 4,
	WILD_LENGTH = 8,
	IS_PART = 16,
};

static const char *const own = "10.1.0.2";

// What the worker told of a handshake.
static struct handshake {
	uint64_t name;
	uint64_t told[2];
	uint32_t thread;
} handshakes[HANDSHAKES];
static uint32_t handshake_count;
static bool has_keys; // client 0 does, and its target has none

static struct handshake *find(uint64_t name)
{
	for (uint32_t i = handshake_count; i-- > 0;)
		if (handshakes[i].name == name)
			return &handshakes[i];
	return NULL;
}

static void note(const struct slow_message *m, uint32_t thread)
{
	struct handshake *h = find(m->session);

	MUST(m->stream <= SLOW_TARGET && m->length <= SLOW_DATA_BYTES);
	if (m->kind == SLOW_OPEN) {
		MUST(h == NULL);
		if (handshake_count < HANDSHAKES)
			handshakes[handshake_count++] =
				(struct handshake){.name = m->session, .thread = thread};
	} else if (m->kind == SLOW_BYTES && h != NULL) {
		MUST(m->offset == h->told[m->stream] && h->thread == thread);
		h->told[m->stream] += m->length;
	} else {
		MUST(m->kind == SLOW_BYTES || m->kind == SLOW_END || m->kind == SLOW_CLOSE ||
			m->kind == SLOW_ASK || m->kind == SLOW_TICKET);
	}
}

static struct slow_link *link_of(uint32_t thread)
{
	return &rig.secured->link[WORKER * SECURED_THREADS + thread];
}

// A slot is the worker's to read from when the thread says so until the next step, no other.
static void slots_close(void)
{
	for (uint32_t t = 0; t < SECURED_THREADS; t++)
		__asan_poison_memory_region(
			link_of(t)->to_worker.slots, (size_t)SLOW_RING * SLOW_MESSAGE_BYTES);
}

static struct slow_message *slot_open(uint32_t thread)
{
	struct slow_message *m = ring_reserve(&link_of(thread)->to_worker);

	MUST(m);
	__asan_unpoison_memory_region(m, SLOW_MESSAGE_BYTES);
	memset(m, 0, SLOW_MESSAGE_BYTES);
	return m;
}

static void slots_open(void)
{
	for (uint32_t t = 0; t < SECURED_THREADS; t++)
		__asan_unpoison_memory_region(
			link_of(t)->to_worker.slots, (size_t)SLOW_RING * SLOW_MESSAGE_BYTES);
}

// Some time, in which the threads listen and say nothing by themselves.
static void wait_for(usec_t time)
{
	rig_wait(&rig, time);
	for (uint32_t t = 0; t < SECURED_THREADS; t++) {
		const struct slow_message *m;

		while ((m = ring_peek(&link_of(t)->to_slow)) != NULL) {
			note(m, t);
			ring_release(&link_of(t)->to_slow);
		}
	}
}

static void open_first(void)
{
	rig_connect(&rig, own);
	rig_wait(&rig, 4 * ROUND_TRIP);
	MUST(rig.secured->open[0] && rig.users[RIG_TARGET] == 1);
}

static void start(uint8_t how)
{
	struct snapshot_listener *listener;

	handshake_count = 0;
	rig_open_secured(&rig, SESSIONS, LEGS);
	rig.delay = DELAY;
	rig_listen(&rig, "10.2.0.1");
	rig_listen(&rig, "10.2.0.9");
	rig.world->upstreams[WORLD_TCP].target_count = 0;
	world_target(rig.world, WORLD_TCP, 0, "10.2.0.1", 80, 1);
	rig.world->upstreams[WORLD_UDP].target_count = 0;
	world_target(rig.world, WORLD_UDP, 2, "10.2.0.9", 80, 1);
	for (uint32_t i = 0; i < RIG_USERS; i++)
		client(i)->keeps_open = target(i)->keeps_open = true;
	has_keys = !(how & (MIRRORED | SECURED_TARGETS));
	if (has_keys)
		open_first();
	for (uint32_t i = has_keys; i < RIG_USERS; i++)
		rig.secured->speechless[i] = rig.secured->speechless[RIG_USERS + i] = true;
	listener = &rig.world->listeners[WORLD_TCP];
	listener->is_mirrored = listener->transparent = (how & MIRRORED) != 0;
	listener->mirror = WORLD_UDP;
	if (how & SECURED_TARGETS)
		secured_targets(&rig, 0);
	rig.secured->stalled[0] = rig.secured->stalled[1] = true;
	wait_for(0);
	slots_close();
}

static void connect_one(uint32_t how)
{
	static const char *const sources[] = {"10.1.0.7", "10.1.0.8", "10.1.0.9", "10.1.0.10"};

	if (rig.users[RIG_CLIENT] < CLIENTS)
		rig_connect_from(&rig, sources[how % nx_array_size(sources)], own);
}

// A peer's bytes: as many as the next byte of the input says, 16 times that for a high how.
static size_t say(enum rig_host host, uint32_t how, const uint8_t *bytes, size_t left)
{
	uint32_t count = rig.users[host], first = has_keys;
	size_t n = left > 0 ? bytes[0] : 0;
	struct rig_user *u;
	struct buffer *b;

	if (left == 0 || count <= first)
		return left > 0;
	u = &rig.user[host][first + how % (count - first)];
	n = n < left - 1 ? n : left - 1;
	if (u->connection == TCP_NONE || n == 0)
		return n + 1;
	b = buffer_heap_get(&buffer_heap_source, (uint32_t)n);
	MUST(b);
	memcpy(buffer_data(b), bytes + 1, n);
	b->length = (uint16_t)n;
	b->total_length = (uint32_t)n;
	(void)tcp_send(rig.host[host], u->connection, b, 0, rig.world->now);
	return n + 1;
}

static void end_one(uint32_t how)
{
	enum rig_host host = how & 1 ? RIG_TARGET : RIG_CLIENT;
	uint32_t count = rig.users[host], first = has_keys;
	uint32_t number = count > first ? first + (how >> 2) % (count - first) : 0;

	if (count <= first || rig.user[host][number].connection == TCP_NONE)
		return;
	if (how & 2)
		rig_reset(&rig, host, number);
	else
		tcp_shutdown(rig.host[host], rig.user[host][number].connection, rig.world->now);
}

static void make_likely(struct slow_message *m, uint8_t which)
{
	static const uint16_t suites[] = {0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xcca8};

	m->kind = SLOW_SEND + which % (SLOW_HERE + 1 - SLOW_SEND);
	m->failure %= SLOW_FAILURE_FOREIGN + 1;
	m->stream %= SLOW_TARGET + 1;
	if (m->kind != SLOW_KEYS)
		return;
	m->keys.suite = suites[m->keys.suite % nx_array_size(suites)];
	m->keys.version = m->keys.suite >> 8 == 0x13 ? TLS_VERSION_1_3 : TLS_VERSION_1_2;
}

// A message of the next bytes. Returns how many.
static size_t answer(uint32_t how, const uint8_t *bytes, size_t left)
{
	static const struct handshake nobody;
	const struct handshake *h = &nobody;
	struct slow_message *m;
	uint64_t offset;
	size_t n;

	if (left < HEADER)
		return left;
	if (handshake_count > 0)
		h = &handshakes[bytes[1] % handshake_count];
	m = slot_open(h->thread);
	n = (size_t)bytes[6] << 8 | bytes[7];
	m->length = (uint16_t)n;
	n = n < left - HEADER ? n : left - HEADER;
	n = n < SLOW_DATA_BYTES ? n : SLOW_DATA_BYTES;
	memcpy(m->data, bytes + HEADER, n);
	if (!(how & WILD_LENGTH))
		m->length = (uint16_t)n;
	m->kind = bytes[0];
	m->session = how & MADE_UP_NAME ? (uint64_t)bytes[2] << 32 | bytes[1] : h->name;
	m->stream = bytes[2];
	m->failure = bytes[3];
	m->is_part = (how & IS_PART) != 0;
	if (how & LIKELY)
		make_likely(m, bytes[0]);
	offset = (uint64_t)bytes[4] << 8 | bytes[5];
	m->offset = how & FROM_THE_END ? h->told[m->stream & 1] - offset : offset;
	ring_publish(&link_of(h->thread)->to_worker);
	return HEADER + n;
}

static size_t step(uint8_t op, const uint8_t *bytes, size_t left)
{
	uint32_t how = op >> STEP_BITS;

	switch ((enum step)(op & ((1 << STEP_BITS) - 1))) {
	case STEP_ANSWER:
		return answer(how, bytes, left);
	case STEP_CONNECT:
		connect_one(how);
		return 0;
	case STEP_CLIENT:
		return say(RIG_CLIENT, how, bytes, left);
	case STEP_TARGET:
		return say(RIG_TARGET, how, bytes, left);
	case STEP_END:
		end_one(how);
		return 0;
	case STEP_TIME:
		rig.world->now += how * USEC_PER_SECOND / 8;
		return 0;
	}
	return 0;
}

// In spite of all.
static void first_goes_on(void)
{
	rig_send(&rig, RIG_CLIENT, 0, PAYLOAD);
	rig_send(&rig, RIG_TARGET, 0, PAYLOAD);
	for (uint32_t i = 0; i < 100 && client(0)->received < PAYLOAD; i++)
		wait_for(ROUND_TRIP);
	wait_for(2 * ROUND_TRIP);
	MUST(target(0)->received == PAYLOAD && client(0)->received == PAYLOAD);
	MUST(rig.secured->verdict[0] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	if (size < 2)
		return 0;
	start(*data++);
	for (uint32_t i = 0; i < STEPS && data < end; i++) {
		uint8_t op = *data++;

		data += step(op, data, (size_t)(end - data));
		wait_for(ROUND_TRIP);
		slots_close();
	}
	if (has_keys)
		first_goes_on();
	slots_open();
	rig_close(&rig);
	return 0;
}
