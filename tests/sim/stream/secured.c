// SPDX-License-Identifier: BSD-3-Clause
#include "secured.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include "core/chain.h"
#include "tls/record_impl.h"

enum {
	WORKER = 3,     // the rig's relay
	SUITE = 0x1301, // where a test wants no other
	SEGMENT = 1400,
};

const uint8_t secured_hello[SECURED_HELLO] = {0x16, 3, 1, 0, 4, 1, 0, 0, 0};
static const uint8_t answer[SECURED_HELLO] = "welcome!\n";

// Of what a leg's client sends, and of what it gets.
static struct tls_secret secret_of(bool from_client)
{
	struct tls_secret s = {0};

	memset(s.secret, from_client ? 0x31 : 0x32, sizeof(s.secret));
	return s;
}

void secured_create(struct rig *rig, struct relay_config *config)
{
	struct rig_secured *x = calloc(1, sizeof(*x));
	size_t ring_bytes = (size_t)SLOW_RING * SLOW_MESSAGE_BYTES;

	assert_non_null(x);
	rig->secured = x;
	x->suite = SUITE;
	x->slots = calloc(2 * SECURED_THREADS, ring_bytes);
	assert_non_null(x->slots);
	for (uint32_t t = 0; t < SECURED_THREADS; t++) {
		struct slow_link *link = &x->link[WORKER * SECURED_THREADS + t];

		ring_init(&link->to_slow, x->slots + (size_t)2 * t * ring_bytes, SLOW_RING,
			SLOW_MESSAGE_BYTES);
		ring_init(&link->to_worker, x->slots + ((size_t)2 * t + 1) * ring_bytes, SLOW_RING,
			SLOW_MESSAGE_BYTES);
		link->gate = &x->gates[t];
		x->gates[t].wake_fd = -1;
	}
	x->links = (struct slow_links){
		.threads = SECURED_THREADS, .timeout = SLOW_TIMEOUT, .links = x->link};
	x->tls.buffers = &buffer_heap_source;
	assert_int_equal(crypto_manager_create(&x->tls.crypto), 0);
	assert_int_equal(key_cache_create(x->tls.crypto, 64, &x->tls.keys), 0);
	config->slow = &x->links;
	rig->world->listeners[WORLD_TCP].security = 1;
}

void secured_destroy(struct rig *rig)
{
	struct rig_secured *x = rig->secured;

	if (!x)
		return;
	for (uint32_t i = 0; i < SECURED_PEERS; i++)
		if (x->open[i])
			tls_records_fini(&x->tls, &x->records[i]);
	key_cache_destroy(x->tls.keys);
	crypto_manager_destroy(x->tls.crypto);
	free(x->slots);
	free(x);
	rig->secured = NULL;
}

static struct slow_message *answer_to(struct slow_link *link, uint64_t session, enum slow_kind kind)
{
	struct slow_message *m = ring_reserve(&link->to_worker);

	assert_non_null(m);
	memset(m, 0, sizeof(*m));
	m->session = session;
	m->kind = (uint8_t)kind;
	return m;
}

static void keys_of(const struct rig_secured *x, struct slow_keys *keys, bool is_client)
{
	struct tls_secret in = secret_of(!is_client), out = secret_of(is_client);

	*keys = (struct slow_keys){.version = TLS_VERSION_1_3,
		.suite = x->suite,
		.is_client = is_client,
		.is_itself = true};
	memcpy(keys->in.secret, in.secret, sizeof(in.secret));
	memcpy(keys->out.secret, out.secret, sizeof(out.secret));
	snprintf(keys->names.server_name, sizeof(keys->names.server_name), "%s", SECURED_NAME);
	snprintf(keys->names.protocol, sizeof(keys->names.protocol), "%s", SECURED_PROTOCOL);
}

static void answer_publish(
	const struct rig_secured *x, struct slow_link *link, uint64_t session, bool with_keys)
{
	struct slow_message *a;

	for (uint32_t i = 0; i < x->flight; i++) {
		answer_to(link, session, SLOW_SEND)->length = SLOW_DATA_BYTES;
		ring_publish(&link->to_worker);
	}
	a = answer_to(link, session, SLOW_SEND);
	a->offset = SECURED_HELLO; // of the target's, where there is one
	a->length = SECURED_HELLO;
	memcpy(a->data, answer, SECURED_HELLO);
	ring_publish(&link->to_worker);
	if (!with_keys)
		return;
	a = answer_to(link, session, SLOW_KEYS);
	a->offset = SECURED_HELLO;
	keys_of(x, &a->keys, false);
	ring_publish(&link->to_worker);
}

static void refuse(struct slow_link *link, uint64_t session)
{
	answer_to(link, session, SLOW_FAILED)->failure = SLOW_FAILURE_HANDSHAKE;
	ring_publish(&link->to_worker);
}

// Our own handshake with a target: we speak first.
static void target_take(struct rig_secured *x, struct slow_link *link, const struct slow_message *m)
{
	struct slow_message *a;

	if (m->kind == SLOW_OPEN && x->refusals > 0) {
		x->refusals--;
		x->refused = m->session;
		refuse(link, m->session);
	} else if (m->kind == SLOW_OPEN) {
		if (x->refused)
			refuse(link, x->refused);
		a = answer_to(link, m->session, SLOW_SEND);
		a->length = SECURED_HELLO;
		memcpy(a->data, secured_hello, SECURED_HELLO);
		ring_publish(&link->to_worker);
	} else if (m->kind == SLOW_BYTES && m->offset == 0) {
		assert_in_range(m->length, SECURED_HELLO, SLOW_DATA_BYTES);
		assert_memory_equal(m->data, answer, SECURED_HELLO);
		a = answer_to(link, m->session, SLOW_KEYS);
		a->offset = SECURED_HELLO;
		keys_of(x, &a->keys, true);
		if (x->resumes) {
			a->keys.resumption_length = 32;
			memset(a->keys.resumption, SECURED_RESUMPTION, 32);
		}
		ring_publish(&link->to_worker);
	} else if (m->kind == SLOW_END) {
		refuse(link, m->session);
	}
}

// What a client says goes on to the target, whose first bytes tell: a stranger is left to it,
// others are answered in their place.
static void mirrored_take(
	struct rig_secured *x, struct slow_link *link, const struct slow_message *m)
{
	if (m->stream == SLOW_CLIENT) {
		answer_to(link, m->session, x->leaves && m->offset > 0 ? SLOW_LEAVE : SLOW_FORWARD)
			->offset = m->offset + m->length;
		ring_publish(&link->to_worker);
	} else if (x->raw || m->offset > 0) {
		answer_to(link, m->session, SLOW_SPLICE);
		ring_publish(&link->to_worker);
		x->spliced = true;
	} else {
		assert_int_equal(m->length, SECURED_HELLO);
		answer_publish(x, link, m->session, !x->unfinished);
	}
}

// The hello comes whole, or not at all: a peer that sends half of one is waited for.
static void message_take(struct rig_secured *x, uint32_t thread, const struct slow_message *m)
{
	struct slow_link *link = &x->link[WORKER * SECURED_THREADS + thread];

	x->opens[thread] += m->kind == SLOW_OPEN;
	if (m->kind == SLOW_ASK) {
		answer_to(link, m->session, SLOW_HERE);
		ring_publish(&link->to_worker);
	}
	if (m->kind == SLOW_OPEN) {
		x->source = m->open.source;
		x->session = m->session;
		x->told = link;
	}
	x->closes += m->kind == SLOW_CLOSE;
	if (m->kind == SLOW_TICKET) {
		x->tickets++;
		x->ticket = m->ticket;
		x->ticket_bytes = m->length;
		return;
	}
	// The name of a handshake that is a target's alone; a mirrored one has its client's.
	if (x->has_targets && (m->session & 1)) {
		target_take(x, link, m);
		return;
	}
	if (x->mirrored && m->kind == SLOW_BYTES)
		mirrored_take(x, link, m);
	if (x->mirrored || m->kind != SLOW_BYTES || m->offset != 0 || m->length < SECURED_HELLO)
		return;
	assert_memory_equal(m->data, secured_hello, SECURED_HELLO);
	answer_publish(x, link, m->session, true);
}

void secured_say_more(struct rig *rig, uint32_t length, bool is_part)
{
	struct rig_secured *x = rig->secured;
	struct slow_message *a = answer_to(x->told, x->session, SLOW_SEND);

	a->length = (uint16_t)length;
	a->is_part = is_part;
	ring_publish(&x->told->to_worker);
}

void secured_garble(struct rig *rig, uint32_t thread, uint64_t session, uint32_t random)
{
	struct slow_link *link = &rig->secured->link[WORKER * SECURED_THREADS + thread];
	struct slow_message *m = ring_reserve(&link->to_worker);
	uint8_t *bytes = (uint8_t *)m;

	if (!m)
		return;
	for (size_t i = 0; i < SLOW_MESSAGE_BYTES; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(random >> 24);
	}
	m->kind %= SLOW_SPLICE + 2;
	m->session = session;
	if (random & 1)
		m->offset %= 64;
	if (random & 2)
		m->keys.version = TLS_VERSION_1_3;
	if (random & 4)
		m->keys.suite = rig->secured->suite;
	ring_publish(&link->to_worker);
}

void secured_turn(struct rig *rig)
{
	struct rig_secured *x = rig->secured;

	for (uint32_t t = 0; x && t < SECURED_THREADS; t++) {
		struct slow_link *link = &x->link[WORKER * SECURED_THREADS + t];
		struct slow_message *m;

		// No more than the answers have room for.
		for (uint32_t i = 0; !x->stalled[t] && i < SLOW_RING / 2 &&
				     (m = ring_peek(&link->to_slow)) != NULL;
			i++) {
			message_take(x, t, m);
			ring_release(&link->to_slow);
		}
		while (x->mute[t] && ring_peek(&link->to_worker))
			ring_release(&link->to_worker);
	}
}

usec_t secured_silence(const struct rig *rig, uint32_t thread, uint64_t *unanswered)
{
	const struct slow_link *link = &rig->secured->link[WORKER * SECURED_THREADS + thread];

	*unanswered = counter_read(&link->unanswered);
	return shared_word_load(&link->silent_since);
}

void secured_targets(struct rig *rig, uint32_t raw_targets)
{
	rig->secured->has_targets = true;
	rig->secured->raw_targets = raw_targets;
	rig->world->upstreams[WORLD_TCP].security = 1;
}

bool secured_is(const struct rig *rig, enum rig_host host, uint32_t user)
{
	const struct rig_secured *x = rig->secured;

	if (!x || host == RIG_CLIENT)
		return x && !x->raw;
	return x->has_targets && user >= x->raw_targets;
}

static enum rig_host host_of(uint32_t peer)
{
	return peer < RIG_USERS ? RIG_CLIENT : RIG_TARGET;
}

void secured_say(struct rig *rig, uint32_t peer, struct buffer *records)
{
	enum rig_host host = host_of(peer);

	assert_int_equal(tcp_send(rig->host[host], rig->user[host][peer % RIG_USERS].connection,
				 records, 0, rig->world->now),
		0);
}

void secured_ticket(struct rig *rig, uint32_t peer, uint8_t content, uint32_t bytes)
{
	struct rig_secured *x = rig->secured;
	struct tls_key *key = &x->records[peer].out.key;
	uint32_t length = bytes + 1;
	struct buffer *b =
		buffer_heap_get(&buffer_heap_source, HEADER_BYTES + length + AEAD_TAG_BYTES);
	uint8_t *at = buffer_data(b);
	static const uint8_t no_nonce[EXPLICIT_NONCE_BYTES];
	struct tls_aead aead;

	at[0] = TYPE_APPLICATION_DATA;
	at[1] = at[2] = 3;
	be16_store(at + 3, be16_from_host((uint16_t)(length + AEAD_TAG_BYTES)));
	memset(at + HEADER_BYTES, content, bytes);
	// A NewSessionTicket's header: the record layer looks at that.
	memcpy(at + HEADER_BYTES,
		(const uint8_t[]){4, 0, (uint8_t)((bytes - 4) >> 8), (uint8_t)(bytes - 4)}, 4);
	at[HEADER_BYTES + bytes] = TYPE_HANDSHAKE;
	tls_aead_prepare(&x->tls, key, at, length, no_nonce, &aead);
	aead_seal(
		x->tls.crypto, &aead.input, at + HEADER_BYTES, length, at + HEADER_BYTES + length);
	tls_key_used(key, length);
	b->length = (uint16_t)(HEADER_BYTES + length + AEAD_TAG_BYTES);
	b->total_length = b->length;
	secured_say(rig, peer, b);
}

void secured_tell(
	struct rig *rig, enum rig_host host, uint32_t user, const void *bytes, uint32_t length)
{
	uint32_t peer = secured_peer(host, user);
	struct buffer *b;

	if (rig->user[host][user].connection == TCP_NONE)
		return;
	b = buffer_heap_get(&buffer_heap_source, length);
	assert_non_null(b);
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	secured_say(rig, peer, secured_is(rig, host, user) ? secured_seal(rig, peer, b) : b);
}

static void say_bytes(struct rig *rig, uint32_t peer, const uint8_t bytes[SECURED_HELLO])
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, SECURED_HELLO);

	assert_non_null(b);
	memcpy(buffer_data(b), bytes, SECURED_HELLO);
	b->length = SECURED_HELLO;
	b->total_length = SECURED_HELLO;
	secured_say(rig, peer, b);
}

bool secured_ready(struct rig *rig, uint32_t peer)
{
	struct rig_secured *x = rig->secured;

	if (host_of(peer) == RIG_CLIENT && !x->greeted[peer] && !x->speechless[peer]) {
		x->greeted[peer] = true;
		say_bytes(rig, peer, secured_hello);
	}
	return x->open[peer];
}

static struct buffer *seal_all(struct rig *rig, uint32_t peer, struct buffer *payload)
{
	struct rig_secured *x = rig->secured;
	struct buffer *out;

	assert_int_equal(
		tls_seal(&x->tls, &x->records[peer], SEGMENT, rig->world->now, &payload, &out),
		TLS_SEALED);
	return out;
}

struct buffer *secured_seal(struct rig *rig, uint32_t peer, struct buffer *payload)
{
	struct rig_secured *x = rig->secured;

	if (!x->padded)
		return seal_all(rig, peer, payload);
	for (uint32_t i = 0; i < payload->length; i++) {
		struct buffer *b = buffer_heap_get(&buffer_heap_source, 64);

		assert_non_null(b);
		buffer_data(b)[0] = buffer_data(payload)[i];
		b->length = 1;
		b->total_length = 1;
		secured_say(rig, peer, seal_all(rig, peer, b));
	}
	buffer_heap_put(&buffer_heap_source, payload);
	return NULL;
}

// What comes first is the answer to the hello, or to a target the hello.
void secured_push(struct rig *rig, uint32_t peer, struct buffer *chain)
{
	struct rig_secured *x = rig->secured;
	bool is_client = host_of(peer) == RIG_CLIENT;
	struct tls_secret in = secret_of(!is_client), out = secret_of(is_client);
	uint8_t bytes[SECURED_HELLO];

	if (x->speechless[peer]) {
		buffer_heap_put(&buffer_heap_source, chain);
		return;
	}
	if (!x->open[peer]) {
		assert_int_equal(chain_copy(chain, 0, sizeof(bytes), bytes), sizeof(bytes));
		assert_memory_equal(bytes, is_client ? answer : secured_hello, sizeof(bytes));
		chain = chain_skip(chain, sizeof(bytes), &buffer_heap_source);
		assert_int_equal(tls_records_init(&x->tls, is_client, TLS_VERSION_1_3, x->suite,
					 &in, &out, &x->records[peer]),
			0);
		if (!is_client)
			say_bytes(rig, peer, answer);
		x->open[peer] = true;
	}
	if (chain)
		tls_push(&x->tls, &x->records[peer], chain);
}

struct buffer *secured_next(struct rig *rig, uint32_t peer)
{
	struct rig_secured *x = rig->secured;
	struct buffer *out = NULL;
	enum tls_verdict v;

	if (!x->open[peer])
		return NULL;
	v = tls_next(&x->tls, &x->records[peer], &out);
	x->closed[peer] |= v == TLS_CLOSED;
	if (tls_verdict_is_fatal(v)) {
		x->verdict[peer] = v;
		x->alert[peer] = tls_peer_alert(&x->records[peer]);
	}
	return v == TLS_DATA ? out : NULL;
}

void secured_close(struct rig *rig, uint32_t peer)
{
	struct rig_secured *x = rig->secured;
	struct buffer *out;

	if (!x->open[peer] || x->cuts)
		return;
	assert_int_equal(tls_close(&x->tls, &x->records[peer], &out), TLS_SEALED);
	secured_say(rig, peer, out);
}
