// SPDX-License-Identifier: BSD-3-Clause
#include "reality/session.h"

static void on_send(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	struct reality_server *s = user;

	if (level == TLS13_INITIAL)
		writer_bytes(&s->answer, message, length);
	else if (!flight_add(&s->flight, message, length))
		s->failed = true;
}

static void on_secret(void *user, enum tls13_level level, enum tls13_direction direction,
	const struct tls13_secret *secret)
{
	const struct tls13_library *library;
	struct reality_server *s = user;
	bool seals = direction == TLS13_WRITE;

	library = s->config->credential->library;
	if (level == TLS13_APPLICATION) {
		*(seals ? &s->server_application : &s->client_application) = *secret;
		s->failed |= seals && !record_key_set(library, true, secret, &s->seal_application);
		return;
	}
	s->failed |= !record_key_set(library, seals, secret, seals ? &s->seal_handshake : &s->open);
}

static void on_key_log(void *user, const char *label, const uint8_t client_random[RANDOM_BYTES],
	const uint8_t *secret, size_t length)
{
	const struct reality_server *s = user;

	s->config->key_log(label, client_random, secret, length);
}

// The temporary certificate, signed for this connection.
static const struct tls13_identity *certify(void *user, const uint8_t *hello, size_t length)
{
	struct reality_server *s = user;
	const struct reality_credential *c = s->config->credential;
	struct reality_proof proof = {.library = c->library,
		.key = s->admission.key,
		.client_hello = writer_cursor(&s->hello),
		.server_hello = cursor_over(hello, length)};
	uint8_t der[REALITY_CERTIFICATE_MLDSA_BYTES];
	size_t n = reality_certificate_write(c->temporary_public, c->mldsa_key != NULL, der);

	if (!reality_certificate_sign(&proof, c->temporary_public, c->mldsa_key, der) ||
		tls13_identity_create_raw(c->temporary_key, der, n, &s->identity) != 0)
		return NULL;
	return s->identity;
}

bool session_answer(struct reality_server *s, const uint8_t *hello, size_t length)
{
	struct reality_shape shape = {.flight_count = 0};
	struct tls13_start start = {.events = &s->events, .mirror = &s->mirror};

	if (s->config->shapes != NULL)
		reality_shapes_find(
			s->config->shapes, s->admission.name, s->admission.kind, &shape);
	flight_init(&s->flight, &shape);
	s->tls = (struct tls13_config){
		.library = s->config->credential->library, .random = s->config->random};
	s->events = (struct tls13_events){.user = s,
		.send = on_send,
		.secret = on_secret,
		.key_log = s->config->key_log != NULL ? on_key_log : NULL};
	s->mirror = (struct tls13_mirror){
		.hello = hello, .length = length, .certify = certify, .user = s};
	s->answer = writer_with(length);
	return tls13_create(&s->tls, false, &start, &s->engine) == 0 &&
	       tls13_input(s->engine, TLS13_INITIAL, s->hello.base, s->hello.used, s->now_ms) ==
		       TLS13_OK &&
	       !s->failed && s->answer.used == length;
}
