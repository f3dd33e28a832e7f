// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/schedule.h"

static const uint8_t zeros[SECRET_BYTES_MAX];

bool schedule_early(
	struct schedule *s, const struct hasher *hash, const uint8_t *psk, size_t length)
{
	s->hash = *hash;
	if (psk == NULL) {
		psk = zeros;
		length = hash->bytes;
	}
	return hkdf_extract(hash, zeros, hash->bytes, psk, length, s->secret);
}

static bool step(struct schedule *s, const uint8_t *input, size_t length)
{
	uint8_t salt[SECRET_BYTES_MAX];
	bool ok = schedule_derive(s, "derived", NULL, salt) &&
		  hkdf_extract(&s->hash, salt, s->hash.bytes, input, length, s->secret);

	crypto_wipe(salt, sizeof(salt));
	return ok;
}

bool schedule_handshake(struct schedule *s, const uint8_t *shared, size_t length)
{
	return step(s, shared, length);
}

bool schedule_master(struct schedule *s)
{
	return step(s, zeros, s->hash.bytes);
}

bool schedule_derive(
	const struct schedule *s, const char *label, const uint8_t *transcript, uint8_t *out)
{
	uint8_t empty[SECRET_BYTES_MAX];

	if (transcript == NULL) {
		if (!hasher_hash(&s->hash, zeros, 0, empty))
			return false;
		transcript = empty;
	}
	return hkdf_expand(
		&s->hash, s->secret, label, transcript, s->hash.bytes, out, s->hash.bytes);
}

bool schedule_finished(
	const struct hasher *h, const uint8_t *base, const uint8_t *transcript, uint8_t *out)
{
	uint8_t key[SECRET_BYTES_MAX];
	bool ok = hkdf_expand(h, base, "finished", NULL, 0, key, h->bytes) &&
		  hasher_hmac(h, key, h->bytes, transcript, h->bytes, out);

	crypto_wipe(key, sizeof(key));
	return ok;
}

bool schedule_update(const struct hasher *h, uint8_t *secret)
{
	return hkdf_expand(h, secret, "traffic upd", NULL, 0, secret, h->bytes);
}

// HKDF-Expand-Label with a label of any length up to 249, for the exporter's first step: the
// application's label may be longer than the protocol's own.
static bool expand_long_label(const struct hasher *h, const uint8_t *secret, const char *label,
	const uint8_t *context, uint8_t *out)
{
	uint8_t info[2 + 1 + 255 + 1 + SECRET_BYTES_MAX + 1], *p;

	if (strlen(label) > 249)
		return false;
	p = hkdf_label_write(info, h->bytes, label);
	*p++ = (uint8_t)h->bytes;
	memcpy(p, context, h->bytes);
	p += h->bytes;
	*p++ = 1;
	return hasher_hmac(h, secret, h->bytes, info, (size_t)(p - info), out);
}

bool schedule_export(const struct hasher *h, const uint8_t *exporter, const char *label,
	const uint8_t *context, size_t context_length, uint8_t *out, size_t length)
{
	uint8_t empty[SECRET_BYTES_MAX], hashed[SECRET_BYTES_MAX], secret[SECRET_BYTES_MAX];
	bool ok = length <= (size_t)255 * h->bytes && hasher_hash(h, zeros, 0, empty) &&
		  hasher_hash(h, context, context_length, hashed) &&
		  expand_long_label(h, exporter, label, empty, secret) &&
		  hkdf_expand(h, secret, "exporter", hashed, h->bytes, out, length);

	crypto_wipe(secret, sizeof(secret));
	return ok;
}

bool transcript_add(struct transcript *t, const uint8_t *message, size_t length)
{
	if (t->running != NULL)
		return EVP_DigestUpdate(t->running, message, length) == 1;
	writer_bytes(&t->messages, message, length);
	return !t->messages.failed;
}

bool transcript_begin(struct transcript *t, const struct hasher *h)
{
	EVP_MD_CTX *running = EVP_MD_CTX_new();

	if (running == NULL || EVP_DigestInit_ex2(running, h->md, NULL) != 1 ||
		EVP_DigestUpdate(running, t->messages.base, t->messages.used) != 1) {
		EVP_MD_CTX_free(running);
		return false;
	}
	t->running = running;
	writer_clear(&t->messages);
	return true;
}

bool transcript_hash(const struct transcript *t, const struct hasher *h, const uint8_t *more,
	size_t length, uint8_t *out)
{
	return EVP_MD_CTX_copy_ex(h->context, t->running) == 1 &&
	       (more == NULL || EVP_DigestUpdate(h->context, more, length) == 1) &&
	       EVP_DigestFinal_ex(h->context, out, NULL) == 1;
}

bool transcript_retry(struct transcript *t, const struct hasher *h)
{
	uint8_t message[MESSAGE_HEADER_BYTES + SECRET_BYTES_MAX] = {
		HANDSHAKE_MESSAGE_HASH, 0, 0, (uint8_t)h->bytes};

	return transcript_hash(t, h, NULL, 0, message + MESSAGE_HEADER_BYTES) &&
	       EVP_DigestInit_ex2(t->running, h->md, NULL) == 1 &&
	       EVP_DigestUpdate(t->running, message, MESSAGE_HEADER_BYTES + h->bytes) == 1;
}

void transcript_fini(struct transcript *t)
{
	EVP_MD_CTX_free(t->running);
	t->running = NULL;
	writer_clear(&t->messages);
}
