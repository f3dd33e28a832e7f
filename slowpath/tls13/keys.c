// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/engine.h"

static void log_secret(const struct tls13 *t, const char *label, const uint8_t *secret)
{
	if (t->events->key_log != NULL)
		t->events->key_log(t->events->user, label, t->client_random, secret, t->hash.bytes);
}

enum tls13_verdict engine_set_suite(struct tls13 *t, uint16_t number)
{
	t->suite = suite_find(number);
	t->hash.md = suite_md(t->config->library, t->suite);
	t->hash.bytes = t->suite->hash_bytes;
	return transcript_begin(&t->transcript, &t->hash) ? TLS13_OK : TLS13_LIBRARY;
}

enum tls13_verdict engine_handshake_keys(struct tls13 *t, const struct group_secret *shared)
{
	const uint8_t *psk = t->resumed ? t->session.psk : NULL;
	uint8_t transcript[SECRET_BYTES_MAX];

	if (engine_transcript(t, transcript) != TLS13_OK ||
		!schedule_early(&t->schedule, &t->hash, psk, t->hash.bytes) ||
		!schedule_handshake(&t->schedule, shared->bytes, shared->length) ||
		!schedule_derive(&t->schedule, "c hs traffic", transcript, t->handshake[CLIENT]) ||
		!schedule_derive(&t->schedule, "s hs traffic", transcript, t->handshake[SERVER]))
		return TLS13_LIBRARY;
	log_secret(t, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", t->handshake[CLIENT]);
	log_secret(t, "SERVER_HANDSHAKE_TRAFFIC_SECRET", t->handshake[SERVER]);
	return TLS13_OK;
}

enum tls13_verdict engine_application_keys(struct tls13 *t)
{
	uint8_t transcript[SECRET_BYTES_MAX];

	if (engine_transcript(t, transcript) != TLS13_OK || !schedule_master(&t->schedule) ||
		!schedule_derive(
			&t->schedule, "c ap traffic", transcript, t->application[CLIENT]) ||
		!schedule_derive(
			&t->schedule, "s ap traffic", transcript, t->application[SERVER]) ||
		!schedule_derive(&t->schedule, "exp master", transcript, t->exporter))
		return TLS13_LIBRARY;
	log_secret(t, "CLIENT_TRAFFIC_SECRET_0", t->application[CLIENT]);
	log_secret(t, "SERVER_TRAFFIC_SECRET_0", t->application[SERVER]);
	log_secret(t, "EXPORTER_SECRET", t->exporter);
	return TLS13_OK;
}

enum tls13_verdict engine_resumption_key(struct tls13 *t)
{
	uint8_t transcript[SECRET_BYTES_MAX];
	bool ok = engine_transcript(t, transcript) == TLS13_OK &&
		  schedule_derive(&t->schedule, "res master", transcript, t->resumption);

	// The running secret has given all that it is for.
	crypto_wipe(t->schedule.secret, sizeof(t->schedule.secret));
	crypto_wipe(t->handshake, sizeof(t->handshake));
	return ok ? TLS13_OK : TLS13_LIBRARY;
}
