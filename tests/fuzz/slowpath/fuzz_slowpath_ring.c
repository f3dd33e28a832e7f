// SPDX-License-Identifier: BSD-3-Clause
// A worker that puts anything on its ring, for handshakes of every kind: the thread of the slow
// path reads nothing beyond a message, keeps its count of handshakes, answers only what a session
// asked, and speaks of no byte that it was not given.
#include <openssl/ssl.h>

#include "slowpath/reality/client_engine.h"
#include "slowpath/reality/engine.h"
#include "slowpath/service_impl.h"
#include "slowpath/tls/client_profile.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile_impl.h"
#include "tests/fuzz/reality/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SESSIONS = 8,
	REPLAY_ENTRIES = 16,
	REPLAY_KEEP_S = 60,
	SESSION_ID_BYTES = 32,
	SESSION_ID_AT = 44, // of a hello in its record
};

// Numbers of profiles, as slowpath_profile_add gives them.
enum {
	TLS_SERVER = 1,
	TLS_CLIENT,
	REALITY_SERVER,
	REALITY_CLIENT_END,
	PROFILES_AND_NONE,
};

// Of the first byte of a piece, beside its kind.
enum {
	WILD_LENGTH = 0x10,
	KNOWING = 0x20, // of a client's hello: who sends it knows the REALITY server; of a
			// target's, that it answers this client's
	IN_ORDER = 0x40,
};

static struct slowpath *service;
static struct reality_profile *reality;

static struct session {
	bool is_open;
	uint32_t profile;
	uint64_t given[2]; // bytes of each stream
	uint8_t id[SESSION_ID_BYTES];
} sessions[SESSIONS];

static void wake(void *context, uint32_t worker)
{
	MUST(worker == 0);
}

// One without a certificate: clients are refused by OpenSSL, after it has read what they say.
static void *tls_server(void)
{
	struct tls_profile *profile = calloc(1, sizeof(*profile) + sizeof(profile->entries[0]));

	MUST(profile != NULL);
	profile->count = 1;
	profile->entries[0].context = SSL_CTX_new(TLS_server_method());
	MUST(profile->entries[0].context);
	return profile;
}

static void *tls_client(void)
{
	const struct tls_client_settings settings = {.name = "out", .insecure = true};
	struct tls_client_profile *profile;
	char error[400];

	MUST(tls_client_profile_create(&settings, &profile, error, sizeof(error)) == 0);
	return profile;
}

// The server that world_seal seals for, at any time.
static void *reality_server(void)
{
	struct reality_settings settings = world_settings;
	char error[400];

	settings.max_time_diff_s = 0;
	MUST(reality_profile_create(&settings, &reality, error, sizeof(error)) == 0);
	reality->config.random = world()->config.random;
	return reality;
}

static void *reality_client(void)
{
	struct reality_client_settings settings = {.credential = "out",
		.server_name = "example.test",
		.browser = "firefox",
		.short_id = {1}};
	struct reality_client_profile *profile;
	char error[400];

	memcpy(settings.public_key, world()->public_key, sizeof(settings.public_key));
	MUST(reality_client_profile_create(&settings, &profile, error, sizeof(error)) == 0);
	return profile;
}

static void setup(void)
{
	const struct slowpath_config config = {
		.workers = 1,
		.threads = 1,
		.admission = {.handshakes = 4,
			.handshakes_per_source = 3,
			.rate = 1000000,
			.burst = 1000000},
	};
	char error[400];

	if (service != NULL)
		return;
	MUST(slowpath_create(&config, &service, error, sizeof(error)) == 0);
	service->wake = wake;
	MUST(slowpath_profile_add(service, &tls_server_kind, tls_server()) == TLS_SERVER);
	MUST(slowpath_profile_add(service, &tls_client_kind, tls_client()) == TLS_CLIENT);
	MUST(slowpath_profile_add(service, &reality_server_kind, reality_server()) ==
		REALITY_SERVER);
	MUST(slowpath_profile_add(service, &reality_client_kind, reality_client()) ==
		REALITY_CLIENT_END);
}

// No input remembers the hellos of another.
static void replay_forget(void)
{
	reality_replay_destroy(reality->replay);
	MUST(reality_replay_create(reality->library, &reality->config.random, REPLAY_ENTRIES,
		     REPLAY_KEEP_S, &reality->replay) == 0);
	reality->config.replay = reality->replay;
}

static void answer_check(struct session *s, const struct slow_message *m)
{
	bool is_mirror = s->profile == REALITY_SERVER;

	// Whoever asks is answered, of whatever session.
	if (m->kind == SLOW_HERE) {
		MUST(m->length == 0 && m->failure == 0);
		return;
	}
	MUST(s->is_open && m->length <= SLOW_DATA_BYTES);
	MUST((m->kind == SLOW_FAILED) == (m->failure != 0));
	switch (m->kind) {
	case SLOW_SEND:
		MUST(m->length > 0);
		MUST(m->offset <= (is_mirror ? s->given[SLOW_TARGET] : 0));
		break;
	case SLOW_FORWARD:
	case SLOW_LEAVE:
		MUST(is_mirror && m->offset <= s->given[SLOW_CLIENT]);
		break;
	case SLOW_SPLICE:
		MUST(is_mirror && m->offset <= s->given[SLOW_CLIENT] &&
			m->splice.target <= s->given[SLOW_TARGET]);
		break;
	default:
		// Nobody here has what the keys of a handshake are made of.
		MUST(m->kind == SLOW_FAILED);
	}
	s->is_open = m->kind == SLOW_SEND || m->kind == SLOW_FORWARD || m->kind == SLOW_LEAVE;
}

static void answers_read(struct slow_link *link)
{
	const struct slow_message *m;

	while ((m = ring_peek(&link->to_worker)) != NULL) {
		MUST(m->session < SESSIONS);
		answer_check(&sessions[m->session], m);
		ring_release(&link->to_worker);
	}
}

// What a peer would say that knows who it speaks to.
static void make_knowing(struct session *s, struct slow_message *m)
{
	uint8_t *id = m->data + SESSION_ID_AT;

	if (m->length < SESSION_ID_AT + SESSION_ID_BYTES || m->length > SLOW_DATA_BYTES)
		return;
	if (m->stream == SLOW_TARGET)
		memcpy(id, s->id, SESSION_ID_BYTES);
	else if (world_seal(m->data + RECORD_HEADER_BYTES, m->length - RECORD_HEADER_BYTES))
		memcpy(s->id, id, SESSION_ID_BYTES);
}

static void note(struct session *s, const struct slow_message *m)
{
	if (m->kind == SLOW_OPEN)
		*s = (struct session){.is_open = true, .profile = m->open.profile};
	else if (m->kind == SLOW_CLOSE)
		s->is_open = false;
	else if (m->kind == SLOW_BYTES && m->offset == s->given[m->stream] &&
		 m->length <= SLOW_DATA_BYTES)
		s->given[m->stream] += m->length;
}

// The next piece of the input: kind and flags, session and stream, length and offset at will, then
// that many bytes. Returns how long it is.
static size_t put(struct slow_message *m, const uint8_t *data, size_t size)
{
	struct session *s = &sessions[data[1] % SESSIONS];
	size_t length = data[2];

	m->kind = data[0] & 0x0f;
	m->session = data[1] % SESSIONS;
	m->stream = data[1] >> 7;
	m->offset = data[3];
	m->failure = 0;
	if (data[0] & IN_ORDER) {
		m->offset = s->given[m->stream];
		length |= (size_t)(data[4] & 7) << 8;
	}
	m->length = (data[0] & WILD_LENGTH) ? (uint16_t)(data[4] << 8 | data[3]) : (uint16_t)length;
	size -= 5;
	length = length < size ? length : size;
	length = length < sizeof(m->data) ? length : sizeof(m->data);
	memset(m->data, 0, sizeof(m->data));
	memcpy(m->data, data + 5, length);
	if (m->kind == SLOW_OPEN)
		m->open.profile = m->open.profile % (PROFILES_AND_NONE + 1);
	if (m->kind == SLOW_BYTES && (data[0] & KNOWING))
		make_knowing(s, m);
	note(s, m);
	return 5 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slow_link *link;
	struct slow_thread *t;
	bool blocked;

	setup();
	world_restart();
	replay_forget();
	memset(sessions, 0, sizeof(sessions));
	link = &service->links.links[0];
	t = &service->threads[0];
	while (size >= 5) {
		struct slow_message *m = ring_reserve(&link->to_slow);
		size_t length;

		MUST(m);
		length = put(m, data, size);
		data += length;
		size -= length;
		ring_publish(&link->to_slow);
		while (slow_thread_turn(t, &blocked))
			answers_read(link);
		answers_read(link);
		MUST(admission_in_flight(t->admission) <= 4);
	}
	slow_thread_clear(t);
	MUST(admission_in_flight(t->admission) == 0);
	return 0;
}
