// SPDX-License-Identifier: BSD-3-Clause
#include "reality/client.h"

#include <openssl/crypto.h>

#include "tls13/certificate.h"
#include "tls13/signature.h"

struct reality_client {
	const struct reality_client_config *config;
	struct tls13_config tls;
	struct tls13_events events;
	struct tls13_stream *stream;
	enum tls13_verdict verdict;
	int64_t now_ms;
	uint8_t key[REALITY_KEY_BYTES];
	struct writer hello;        // as sent
	struct writer first_record; // of the server
	bool proved, real, foreign;
};

static const char *const texts[] = {
	[REALITY_CLIENT_TALKING] = "the handshake goes on",
	[REALITY_CLIENT_OPEN] = "the server has proved itself",
	[REALITY_CLIENT_REAL_CERTIFICATE] =
		"the target's real certificate came: public key or short id are wrong, "
		"the clocks differ, or somebody is in the middle",
	[REALITY_CLIENT_FOREIGN_CERTIFICATE] =
		"a certificate that is neither the server's nor a trusted one: "
		"somebody is in the middle",
	[REALITY_CLIENT_FAILED] = "the handshake failed",
};

const char *reality_client_result_text(enum reality_client_result result)
{
	return texts[result];
}

static bool on_seal(void *user, uint8_t *hello, size_t length, const uint8_t x25519[X25519_BYTES])
{
	struct reality_client *c = user;
	const struct reality_client_config *config = c->config;
	struct reality_tag tag = {
		.version = config->version != 0 ? config->version : REALITY_CLIENT_VERSION,
		.time_s = (uint32_t)(c->now_ms / 1000)};
	bool ok;

	memcpy(tag.short_id, config->short_id, sizeof(tag.short_id));
	ok = reality_key_derive(config->library, x25519, config->public_key,
		     hello + REALITY_RANDOM_AT, c->key) &&
	     reality_seal(config->library, c->key, &tag, hello, length);
	writer_bytes(&c->hello, hello, length);
	return ok && !c->hello.failed;
}

static void on_key_log(void *user, const char *label, const uint8_t client_random[RANDOM_BYTES],
	const uint8_t *secret, size_t length)
{
	const struct reality_client *c = user;

	c->config->key_log(label, client_random, secret, length);
}

// The server's first message, of the record that was kept of it.
static struct cursor server_hello(const struct reality_client *c)
{
	struct cursor record = writer_cursor(&c->first_record), body, whole = {0};
	uint8_t type;

	if (!cursor_skip(&record, RECORD_HEADER_BYTES))
		return whole;
	whole.p = record.p;
	whole.end = cursor_take_u8(&record, &type) && cursor_take_vector(&record, 3, &body)
			    ? body.end
			    : whole.p;
	return whole;
}

static struct reality_proof proof_of(const struct reality_client *c)
{
	return (struct reality_proof){.library = c->config->library,
		.key = c->key,
		.client_hello = writer_cursor(&c->hello),
		.server_hello = server_hello(c)};
}

// The temporary certificate as our server and Xray's make it needs no X.509.
static bool on_recognise(
	void *user, const uint8_t *der, size_t length, uint8_t key[ED25519_PUBLIC_BYTES])
{
	struct reality_client *c = user;
	struct reality_proof proof = proof_of(c);

	c->proved = reality_certificate_recognise(
		&proof, cursor_over(der, length), c->config->mldsa_key, key);
	return c->proved;
}

static enum tls13_verdict on_certificate(void *user, X509 *const *certificates, size_t count)
{
	struct reality_client *c = user;
	struct reality_proof proof = proof_of(c);
	struct chain chain = {.count = count};
	enum tls13_verdict v = TLS13_CERTIFICATE_ISSUER;

	c->proved = reality_certificate_verify(&proof, certificates[0], c->config->mldsa_key);
	if (c->proved)
		return TLS13_OK;
	memcpy(chain.certificates, certificates, count * sizeof(certificates[0]));
	if (c->config->roots != NULL)
		v = chain_verify(&c->tls, &chain, true, c->config->name, c->now_ms / 1000);
	c->real = v == TLS13_OK;
	c->foreign = !c->real;
	return v;
}

static bool has_plain_or_hybrid(const struct tls13_browser *browser)
{
	for (size_t i = 0; i < browser->shares.count; i++) {
		if (browser->shares.values[i] == GROUP_X25519 ||
			browser->shares.values[i] == GROUP_X25519MLKEM768)
			return browser->session_id;
	}
	return false;
}

int reality_client_create(const struct reality_client_config *config, struct reality_client **out)
{
	struct tls13_start start = {.name = config->name};
	struct reality_client *c;
	int rc;

	if (config->browser == NULL || !has_plain_or_hybrid(config->browser) ||
		config->name == NULL)
		return -EINVAL;
	c = OPENSSL_zalloc(sizeof(*c));
	if (c == NULL)
		return -ENOMEM;
	c->config = config;
	c->hello = writer_with(TLS13_MESSAGE_MAX);
	c->first_record = writer_with(RECORD_HEADER_BYTES + RECORD_PLAIN_MAX);
	c->tls = (struct tls13_config){.library = config->library,
		.random = config->random,
		.browser = config->browser,
		.roots = config->roots,
		.verify = on_certificate,
		.verify_user = c,
		.recognise = on_recognise,
		.recognise_user = c,
		.extra_scheme = SCHEME_ED25519};
	c->events = (struct tls13_events){.user = c,
		.seal_hello = on_seal,
		.key_log = config->key_log != NULL ? on_key_log : NULL};
	start.events = &c->events;
	rc = tls13_stream_create(&c->tls, true, &start, &c->stream);
	if (rc != 0) {
		reality_client_destroy(c);
		return rc;
	}
	*out = c;
	return 0;
}

void reality_client_destroy(struct reality_client *c)
{
	if (c == NULL)
		return;
	tls13_stream_destroy(c->stream);
	writer_clear(&c->hello);
	writer_clear(&c->first_record);
	OPENSSL_clear_free(c, sizeof(*c));
}

static enum reality_client_result result_of(const struct reality_client *c)
{
	if (c->foreign)
		return REALITY_CLIENT_FOREIGN_CERTIFICATE;
	if (c->verdict != TLS13_OK)
		return REALITY_CLIENT_FAILED;
	if (!tls13_stream_is_complete(c->stream))
		return REALITY_CLIENT_TALKING;
	return c->proved ? REALITY_CLIENT_OPEN : REALITY_CLIENT_REAL_CERTIFICATE;
}

enum reality_client_result reality_client_begin(struct reality_client *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	c->verdict = tls13_stream_begin(c->stream, now_ms);
	return result_of(c);
}

// Keeps the server's first record, over whose message ML-DSA-65 signs.
static void keep(struct reality_client *c, struct cursor bytes)
{
	struct writer *w = &c->first_record;
	size_t need = RECORD_HEADER_BYTES, n;

	while (cursor_left(&bytes) != 0 && !w->failed) {
		if (w->used >= RECORD_HEADER_BYTES)
			need = RECORD_HEADER_BYTES + (size_t)be16_to_host(be16_load(w->base + 3));
		if (w->used >= need)
			return;
		n = need - w->used < cursor_left(&bytes) ? need - w->used : cursor_left(&bytes);
		writer_bytes(w, bytes.p, n);
		bytes.p += n;
	}
}

enum reality_client_result reality_client_input(struct reality_client *c, const uint8_t *bytes,
	size_t length, int64_t now_ms, size_t *taken)
{
	c->now_ms = now_ms;
	if (c->config->mldsa_key != NULL)
		keep(c, cursor_over(bytes, length));
	c->verdict = tls13_stream_input(c->stream, bytes, length, now_ms, taken);
	return result_of(c);
}

enum tls13_verdict reality_client_verdict(const struct reality_client *c)
{
	return c->verdict;
}

struct tls13_stream *reality_client_stream(struct reality_client *c)
{
	return c->stream;
}
