// SPDX-License-Identifier: BSD-3-Clause
// Direct calls for GCM and ChaCha20-Poly1305: the job interface has no lanes for either, so a job
// costs more than the call. A batch is a loop that has the next key on its way.
#include "crypto/aead.h"

#include "crypto/manager_impl.h"
#include "crypto/secret.h"

// ipsec-mb loads round keys by whole lines and its header says so in some builds only.
struct expanded {
	union {
		struct gcm_key_data gcm;
		uint8_t chacha[AEAD_KEY_BYTES_MAX];
	};
	uint32_t aead;
} nx_aligned_line;
static_assert(sizeof(struct expanded) <= sizeof(struct aead_key));
static_assert(_Alignof(struct expanded) <= _Alignof(struct aead_key));

static const struct expanded *expanded_of(const struct aead_input *in)
{
	return (const struct expanded *)(const void *)in->key;
}

uint32_t aead_key_bytes(enum aead aead)
{
	return aead == AEAD_AES_128_GCM ? 16 : 32;
}

const char *aead_name(enum aead aead)
{
	static const char *const names[AEAD_COUNT] = {
		[AEAD_AES_128_GCM] = "AES-128-GCM",
		[AEAD_AES_256_GCM] = "AES-256-GCM",
		[AEAD_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
	};

	return (uint32_t)aead < AEAD_COUNT ? names[aead] : "unknown";
}

void aead_key_expand(
	struct crypto_manager *m, enum aead aead, const uint8_t *raw, struct aead_key *out)
{
	struct expanded *key = (struct expanded *)(void *)out;

	key->aead = aead;
	if (aead == AEAD_AES_128_GCM)
		IMB_AES128_GCM_PRE(m->imb, raw, &key->gcm);
	else if (aead == AEAD_AES_256_GCM)
		IMB_AES256_GCM_PRE(m->imb, raw, &key->gcm);
	else
		memcpy(key->chacha, raw, AEAD_KEY_BYTES_MAX);
}

static void begin(struct crypto_manager *m, const struct aead_input *in)
{
	const struct expanded *key = expanded_of(in);

	if (key->aead == AEAD_AES_128_GCM)
		IMB_AES128_GCM_INIT(m->imb, &key->gcm, &m->context.gcm, in->nonce, in->additional,
			in->additional_length);
	else if (key->aead == AEAD_AES_256_GCM)
		IMB_AES256_GCM_INIT(m->imb, &key->gcm, &m->context.gcm, in->nonce, in->additional,
			in->additional_length);
	else
		IMB_CHACHA20_POLY1305_INIT(m->imb, key->chacha, &m->context.chacha, in->nonce,
			in->additional, in->additional_length);
}

static void encrypt(struct crypto_manager *m, const struct expanded *key, uint8_t *out,
	const uint8_t *data, uint32_t length)
{
	if (key->aead == AEAD_AES_128_GCM)
		IMB_AES128_GCM_ENC_UPDATE(m->imb, &key->gcm, &m->context.gcm, out, data, length);
	else if (key->aead == AEAD_AES_256_GCM)
		IMB_AES256_GCM_ENC_UPDATE(m->imb, &key->gcm, &m->context.gcm, out, data, length);
	else
		IMB_CHACHA20_POLY1305_ENC_UPDATE(
			m->imb, key->chacha, &m->context.chacha, out, data, length);
}

static void decrypt(
	struct crypto_manager *m, const struct expanded *key, uint8_t *data, uint32_t length)
{
	if (key->aead == AEAD_AES_128_GCM)
		IMB_AES128_GCM_DEC_UPDATE(m->imb, &key->gcm, &m->context.gcm, data, data, length);
	else if (key->aead == AEAD_AES_256_GCM)
		IMB_AES256_GCM_DEC_UPDATE(m->imb, &key->gcm, &m->context.gcm, data, data, length);
	else
		IMB_CHACHA20_POLY1305_DEC_UPDATE(
			m->imb, key->chacha, &m->context.chacha, data, data, length);
}

static void finish(
	struct crypto_manager *m, const struct expanded *key, uint8_t tag[AEAD_TAG_BYTES])
{
	if (key->aead == AEAD_AES_128_GCM)
		IMB_AES128_GCM_ENC_FINALIZE(
			m->imb, &key->gcm, &m->context.gcm, tag, AEAD_TAG_BYTES);
	else if (key->aead == AEAD_AES_256_GCM)
		IMB_AES256_GCM_ENC_FINALIZE(
			m->imb, &key->gcm, &m->context.gcm, tag, AEAD_TAG_BYTES);
	else
		IMB_CHACHA20_POLY1305_ENC_FINALIZE(m->imb, &m->context.chacha, tag, AEAD_TAG_BYTES);
}

void aead_seal(struct crypto_manager *m, const struct aead_input *in, uint8_t *data,
	uint32_t length, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct expanded *key = expanded_of(in);

	if (key->aead == AEAD_AES_128_GCM) {
		IMB_AES128_GCM_ENC(m->imb, &key->gcm, &m->context.gcm, data, data, length,
			in->nonce, in->additional, in->additional_length, tag, AEAD_TAG_BYTES);
	} else if (key->aead == AEAD_AES_256_GCM) {
		IMB_AES256_GCM_ENC(m->imb, &key->gcm, &m->context.gcm, data, data, length,
			in->nonce, in->additional, in->additional_length, tag, AEAD_TAG_BYTES);
	} else {
		begin(m, in);
		if (length > 0)
			encrypt(m, key, data, data, length);
		finish(m, key, tag);
	}
}

bool aead_open(struct crypto_manager *m, const struct aead_input *in, uint8_t *data,
	uint32_t length, const uint8_t tag[AEAD_TAG_BYTES])
{
	const struct expanded *key = expanded_of(in);

	if (key->aead == AEAD_AES_128_GCM) {
		IMB_AES128_GCM_DEC(m->imb, &key->gcm, &m->context.gcm, data, data, length,
			in->nonce, in->additional, in->additional_length, m->tag, AEAD_TAG_BYTES);
	} else if (key->aead == AEAD_AES_256_GCM) {
		IMB_AES256_GCM_DEC(m->imb, &key->gcm, &m->context.gcm, data, data, length,
			in->nonce, in->additional, in->additional_length, m->tag, AEAD_TAG_BYTES);
	} else {
		begin(m, in);
		if (length > 0)
			decrypt(m, key, data, length);
		finish(m, key, m->tag);
	}
	if (nx_likely(secret_equal(m->tag, tag, AEAD_TAG_BYTES)))
		return true;
	secret_wipe(data, length);
	return false;
}

// The spans of a chain, one a buffer, without those that are empty.
struct walk {
	struct buffer *at;
	const struct buffer *ahead;
	uint32_t skip; // bytes of what follows that come before the range
	uint32_t left;
};

// One header of what comes next, for each span: its length and its link are on two lines.
static void fetch_ahead(struct walk *w)
{
	if (w->ahead == NULL)
		return;
	w->ahead = w->ahead->next;
	if (w->ahead == NULL)
		return;
	__builtin_prefetch(w->ahead);
	__builtin_prefetch((const uint8_t *)w->ahead + CACHE_LINE);
}

static uint8_t *walk_next(struct walk *w, uint32_t *length)
{
	fetch_ahead(w);
	while (w->left > 0) {
		struct buffer *b = w->at;
		uint32_t skip = w->skip;

		w->at = b->next;
		if (skip >= b->length) {
			w->skip = skip - b->length;
			continue;
		}
		w->skip = 0;
		*length = u32_min(b->length - skip, w->left);
		w->left -= *length;
		return buffer_data(b) + skip;
	}
	return NULL;
}

// One choice for all spans of a chain. NULL: not GCM.
static aes_gcm_enc_dec_update_t gcm_update(
	const struct crypto_manager *m, const struct expanded *key, bool seals)
{
	if (key->aead == AEAD_AES_128_GCM)
		return seals ? m->imb->gcm128_enc_update : m->imb->gcm128_dec_update;
	if (key->aead == AEAD_AES_256_GCM)
		return seals ? m->imb->gcm256_enc_update : m->imb->gcm256_dec_update;
	return NULL;
}

void aead_seal_chain(struct crypto_manager *m, const struct aead_input *in, struct buffer *chain,
	uint32_t from, uint32_t length, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct expanded *key = expanded_of(in);
	struct walk w = {.at = chain, .ahead = in->ahead, .skip = from, .left = length};
	uint32_t n;
	uint8_t *data = walk_next(&w, &n);

	if (w.left == 0) {
		aead_seal(m, in, length > 0 ? data : tag, length, tag);
		return;
	}
	aes_gcm_enc_dec_update_t update = gcm_update(m, key, true);

	begin(m, in);
	for (; data != NULL; data = walk_next(&w, &n)) {
		if (update != NULL)
			update(&key->gcm, &m->context.gcm, data, data, n);
		else
			encrypt(m, key, data, data, n);
	}
	finish(m, key, tag);
}

void aead_seal_chain_to(struct crypto_manager *m, const struct aead_input *in, struct buffer *chain,
	uint32_t length, uint8_t *out, uint32_t last, uint8_t tag[AEAD_TAG_BYTES])
{
	const struct expanded *key = expanded_of(in);
	struct walk w = {.at = chain, .ahead = in->ahead, .left = length};
	const uint8_t *data;
	uint32_t n;

	begin(m, in);
	while ((data = walk_next(&w, &n)) != NULL) {
		encrypt(m, key, out, data, n);
		out += n;
	}
	if (last > 0)
		encrypt(m, key, out, out, last);
	finish(m, key, tag);
}

bool aead_open_chain(struct crypto_manager *m, const struct aead_input *in, struct buffer *chain,
	uint32_t from, uint32_t length, const uint8_t tag[AEAD_TAG_BYTES])
{
	const struct expanded *key = expanded_of(in);
	struct walk w = {.at = chain, .ahead = in->ahead, .skip = from, .left = length};
	uint32_t n;
	uint8_t *data = walk_next(&w, &n);

	if (w.left == 0)
		return aead_open(m, in, length > 0 ? data : m->scratch, length, tag);
	aes_gcm_enc_dec_update_t update = gcm_update(m, key, false);

	begin(m, in);
	for (; data != NULL; data = walk_next(&w, &n)) {
		if (update != NULL)
			update(&key->gcm, &m->context.gcm, data, data, n);
		else
			decrypt(m, key, data, n);
	}
	finish(m, key, m->tag);
	if (nx_likely(secret_equal(m->tag, tag, AEAD_TAG_BYTES)))
		return true;
	w = (struct walk){.at = chain, .skip = from, .left = length};
	for (data = walk_next(&w, &n); data != NULL; data = walk_next(&w, &n))
		secret_wipe(data, n);
	return false;
}

// Its first lines: the round keys. The hash keys follow at the hardware's own stride.
static void prefetch_next(const struct aead_job *jobs, uint32_t at, uint32_t count)
{
	if (at + 1 >= count)
		return;
	for (uint32_t line = 0; line < 4; line++)
		__builtin_prefetch(
			(const uint8_t *)jobs[at + 1].in.key + (size_t)line * CACHE_LINE);
	__builtin_prefetch(jobs[at + 1].data);
}

void aead_seal_batch(struct crypto_manager *m, struct aead_job *jobs, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		prefetch_next(jobs, i, count);
		aead_seal(m, &jobs[i].in, jobs[i].data, jobs[i].length, jobs[i].tag);
	}
}

uint32_t aead_open_batch(struct crypto_manager *m, struct aead_job *jobs, uint32_t count)
{
	uint32_t verified = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct aead_job *job = &jobs[i];

		prefetch_next(jobs, i, count);
		job->verified = aead_open(m, &job->in, job->data, job->length, job->tag);
		verified += job->verified;
	}
	return verified;
}
