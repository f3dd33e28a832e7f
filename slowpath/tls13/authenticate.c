// SPDX-License-Identifier: BSD-3-Clause
// Who the ends are (RFC 8446 4.4): chains, the signature over the transcript, and Finished.
#include <openssl/x509v3.h>

#include "tls13/compress.h"
#include "tls13/engine.h"

uint16_t engine_pick_scheme(
	const struct tls13 *t, const struct tls13_identity *identity, struct cursor peer_list)
{
	struct tls13_list ours = engine_schemes(t);

	for (size_t i = 0; i < ours.count; i++) {
		if (scheme_fits(ours.values[i], identity_key(identity)) &&
			list_has_u16(peer_list, ours.values[i]))
			return ours.values[i];
	}
	return 0;
}

// RFC 8879 4.
static enum tls13_verdict send_packed(struct tls13 *t, const struct writer *body)
{
	size_t mark = engine_open(t, HANDSHAKE_COMPRESSED_CERTIFICATE), field;

	writer_u16(&t->out, t->packing);
	writer_u8(&t->out, (uint8_t)(body->used >> 16));
	writer_u16(&t->out, (uint16_t)body->used);
	field = writer_open(&t->out, 3);
	if (!compression_pack(t->packing, body->base, body->used, &t->out))
		return TLS13_NO_MEMORY;
	writer_close(&t->out, field, 3);
	return engine_send(t, mark, TLS13_HANDSHAKE);
}

enum tls13_verdict engine_send_certificate(struct tls13 *t)
{
	struct writer body = writer_with(TLS13_MESSAGE_MAX);
	enum tls13_verdict v = TLS13_NO_MEMORY;
	size_t mark;

	identity_write(t->identity, t->wants_staple, &body);
	if (!body.failed && t->packing != 0) {
		v = send_packed(t, &body);
	} else if (!body.failed) {
		mark = engine_open(t, HANDSHAKE_CERTIFICATE);
		writer_bytes(&t->out, body.base, body.used);
		v = engine_send(t, mark, TLS13_HANDSHAKE);
	}
	writer_clear(&body);
	return v;
}

enum tls13_verdict engine_send_certificate_verify(struct tls13 *t)
{
	uint8_t transcript[SECRET_BYTES_MAX];
	enum tls13_verdict v = engine_transcript(t, transcript);
	size_t mark;

	if (v != TLS13_OK)
		return v;
	mark = engine_open(t, HANDSHAKE_CERTIFICATE_VERIFY);
	writer_u16(&t->out, t->own_scheme);
	v = signature_make(t->own_scheme, identity_key(t->identity), !t->is_client, transcript,
		t->hash.bytes, &t->out);
	return v == TLS13_OK ? engine_send(t, mark, TLS13_HANDSHAKE) : v;
}

enum tls13_verdict engine_send_finished(struct tls13 *t)
{
	const uint8_t *base = t->handshake[t->is_client ? CLIENT : SERVER];
	uint8_t transcript[SECRET_BYTES_MAX], mac[SECRET_BYTES_MAX];
	size_t mark;

	if (engine_transcript(t, transcript) != TLS13_OK ||
		!schedule_finished(&t->hash, base, transcript, mac))
		return TLS13_LIBRARY;
	mark = engine_open(t, HANDSHAKE_FINISHED);
	writer_bytes(&t->out, mac, t->hash.bytes);
	return engine_send(t, mark, TLS13_HANDSHAKE);
}

// Unpacks a CompressedCertificate into *body, which the caller clears.
static enum tls13_verdict unpack(struct tls13 *t, struct cursor in, struct writer *body)
{
	uint16_t algorithm, low;
	struct cursor packed;
	uint8_t high, *room;
	size_t length;

	if (!cursor_take_u16(&in, &algorithm) || !cursor_take_u8(&in, &high) ||
		!cursor_take_u16(&in, &low) || !cursor_take_vector(&in, 3, &packed))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&in) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (!engine_list_has(t->browser->compressions, algorithm) ||
		!compression_is_known(algorithm))
		return TLS13_PACKING_UNASKED;
	length = (size_t)high << 16 | low;
	if (cursor_left(&packed) == 0 || length == 0 || length > TLS13_MESSAGE_MAX)
		return TLS13_CERTIFICATE_PACKED;
	room = writer_room(body, length);
	if (room == NULL)
		return TLS13_NO_MEMORY;
	return compression_unpack(algorithm, packed, room, length) ? TLS13_OK
								   : TLS13_CERTIFICATE_PACKED;
}

// A peer's chain is for its owner too: the leaf's key is what CertificateVerify is checked with.
static enum tls13_verdict judge(struct tls13 *t)
{
	const struct tls13_config *c = t->config;

	t->peer_key = X509_get_pubkey(t->chain.certificates[0]);
	if (t->peer_key == NULL)
		return TLS13_CERTIFICATE_KEY;
	// RFC 8446 4.4.2.2: where a certificate says what its key is for, signing must be among it.
	if ((X509_get_key_usage(t->chain.certificates[0]) & KU_DIGITAL_SIGNATURE) == 0)
		return TLS13_CERTIFICATE_KEY;
	if (c->verify != NULL)
		return c->verify(c->verify_user, t->chain.certificates, t->chain.count);
	if (c->insecure)
		return TLS13_OK;
	if (c->roots == NULL)
		return TLS13_CERTIFICATE_ISSUER;
	return chain_verify(c, &t->chain, t->is_client, t->is_client && t->name[0] ? t->name : NULL,
		t->now_ms / 1000);
}

// The chain of a Certificate's body, as X.509 or recognised without it.
static enum tls13_verdict read_chain(
	struct tls13 *t, struct cursor body, const struct extension_rule *rule)
{
	const struct tls13_config *c = t->config;
	struct chain_entries entries;
	enum tls13_verdict v = chain_parse(body, rule, &entries);

	if (v != TLS13_OK)
		return v;
	t->recognised = t->is_client && c->recognise != NULL && entries.count == 1 &&
			c->recognise(c->recognise_user, entries.der[0].p,
				cursor_left(&entries.der[0]), t->peer_ed25519);
	return t->recognised ? TLS13_OK : chain_decode(&entries, &t->chain);
}

enum tls13_verdict engine_take_certificate(struct tls13 *t, const struct message *m)
{
	static const uint16_t asked[] = {0};
	struct extension_rule rule = {.sent = asked, .allowed = IN_CERTIFICATE};
	struct writer unpacked = writer_with(TLS13_MESSAGE_MAX);
	struct cursor body = m->body;
	enum tls13_verdict v = TLS13_OK;

	if (t->is_client) {
		rule.sent = t->sent.types;
		rule.sent_count = t->sent.count;
	}
	if (m->type == HANDSHAKE_COMPRESSED_CERTIFICATE) {
		v = t->is_client ? unpack(t, body, &unpacked) : TLS13_MESSAGE_UNEXPECTED;
		body = writer_cursor(&unpacked);
	}
	if (v == TLS13_OK)
		v = read_chain(t, body, &rule);
	writer_clear(&unpacked);
	if (v != TLS13_OK || (v = engine_add(t, m)) != TLS13_OK)
		return v;
	if (t->recognised)
		return TLS13_OK;
	if (t->chain.count != 0)
		return judge(t);
	if (t->is_client)
		return TLS13_CERTIFICATE_EMPTY;
	return t->config->client_certificate == TLS13_CLIENT_CERTIFICATE_REQUIRED
		       ? TLS13_CERTIFICATE_NEEDED
		       : TLS13_OK;
}

static bool is_scheme_offered(const struct tls13 *t, uint16_t scheme)
{
	if (!scheme_is_known(scheme))
		return false;
	if (!t->is_client)
		return engine_list_has(engine_accepted(t), scheme);
	return engine_list_has(t->browser->schemes, scheme) ||
	       (scheme == t->config->extra_scheme && scheme != 0);
}

enum tls13_verdict engine_take_certificate_verify(struct tls13 *t, const struct message *m)
{
	uint8_t transcript[SECRET_BYTES_MAX];
	struct cursor body = m->body, signature;
	enum tls13_verdict v;
	uint16_t scheme;

	if (!cursor_take_u16(&body, &scheme) || !cursor_take_vector(&body, 2, &signature))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (!is_scheme_offered(t, scheme) ||
		!(t->recognised ? scheme == SCHEME_ED25519 : scheme_fits(scheme, t->peer_key)))
		return TLS13_SCHEME_WRONG;
	v = engine_transcript(t, transcript);
	if (v == TLS13_OK)
		v = t->recognised ? signature_verify_ed25519(t->peer_ed25519, t->is_client,
					    transcript, t->hash.bytes, signature)
				  : signature_verify(scheme, t->peer_key, t->is_client, transcript,
					    t->hash.bytes, signature);
	if (v != TLS13_OK)
		return v;
	t->peer_scheme = scheme;
	return engine_add(t, m);
}

enum tls13_verdict engine_take_finished(struct tls13 *t, const struct message *m)
{
	const uint8_t *base = t->handshake[t->is_client ? SERVER : CLIENT];
	uint8_t transcript[SECRET_BYTES_MAX], mac[SECRET_BYTES_MAX];

	if (engine_transcript(t, transcript) != TLS13_OK ||
		!schedule_finished(&t->hash, base, transcript, mac))
		return TLS13_LIBRARY;
	if (cursor_left(&m->body) < t->hash.bytes)
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&m->body) > t->hash.bytes)
		return TLS13_MESSAGE_TRAILING;
	if (!crypto_equal(mac, m->body.p, t->hash.bytes))
		return TLS13_FINISHED_BAD;
	return engine_add(t, m);
}
