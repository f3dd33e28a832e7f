// SPDX-License-Identifier: BSD-3-Clause
// A worker that puts anything on its ring: the thread of the slow path reads nothing beyond a
// message, keeps its count of handshakes, and answers only what a session asked.
#include <openssl/ssl.h>

#include "slowpath/service_impl.h"
#include "slowpath/tls/engine.h"
#include "slowpath/tls/profile_impl.h"

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond))                                                                       \
			__builtin_trap();                                                          \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct slowpath *service;

static void wake(void *context, uint32_t worker)
{
	MUST(worker == 0);
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
	struct tls_profile *profile;
	char error[400];

	if (service != NULL)
		return;
	MUST(slowpath_create(&config, &service, error, sizeof(error)) == 0);
	// One without a certificate: clients are refused by OpenSSL, after it has read what they
	// say.
	profile = calloc(1, sizeof(*profile) + sizeof(profile->entries[0]));
	MUST(profile != NULL);
	profile->count = 1;
	profile->entries[0].context = SSL_CTX_new(TLS_server_method());
	MUST(profile->entries[0].context &&
		slowpath_profile_add(service, &tls_server_kind, profile) == 1);
	service->wake = wake;
}

static void answers_read(struct slow_link *link)
{
	const struct slow_message *m;

	while ((m = ring_peek(&link->to_worker)) != NULL) {
		MUST(m->kind == SLOW_SEND || m->kind == SLOW_KEYS || m->kind == SLOW_FAILED);
		MUST(m->session < 8 && m->length <= SLOW_DATA_BYTES);
		MUST((m->kind == SLOW_FAILED) == (m->failure != 0));
		ring_release(&link->to_worker);
	}
}

// Each piece of the input: kind, session, length and offset at will, then that many bytes.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slow_link *link;
	struct slow_thread *t;
	bool blocked;

	setup();
	link = &service->links.links[0];
	t = &service->threads[0];
	while (size >= 5) {
		struct slow_message *m = ring_reserve(&link->to_slow);
		size_t length = data[2];

		MUST(m);
		m->kind = data[0] & 0x0f;
		m->session = data[1] & 7;
		m->stream = data[1] >> 7;
		m->offset = data[3];
		m->length =
			(data[0] & 0x10) ? (uint16_t)(data[4] << 8 | data[3]) : (uint16_t)length;
		data += 5;
		size -= 5;
		length = length < size ? length : size;
		memset(m->data, 0, sizeof(m->data));
		memcpy(m->data, data, length);
		if (m->kind == SLOW_OPEN)
			m->open.profile = m->open.profile % 3;
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
