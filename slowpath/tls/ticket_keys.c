// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

#include "crypto/secret.h"

enum {
	KEY_LIFETIME_S = TICKET_ROTATION_S + TICKET_LIFETIME_S,
	KEYS = KEY_LIFETIME_S / TICKET_ROTATION_S, // alive at the same time
};
static_assert(KEY_LIFETIME_S % TICKET_ROTATION_S == 0, "KEYS is exact");

struct dated_key {
	struct ticket_key key;
	uint64_t made; // clock
	bool is_used;
};

struct ticket_keys {
	struct memory memory; // of the keys
	struct dated_key *keys;
	uint64_t (*clock)(void);
	pthread_mutex_t lock; // of the keys
	uint32_t newest;
};

int ticket_keys_create(uint64_t (*clock)(void), struct ticket_keys **out)
{
	struct ticket_keys *t = calloc(1, sizeof(*t));
	int status = t ? secret_map(KEYS * sizeof(struct dated_key), &t->memory) : -ENOMEM;

	if (status) {
		free(t);
		return status;
	}
	t->keys = t->memory.base;
	t->clock = clock;
	pthread_mutex_init(&t->lock, NULL);
	*out = t;
	return 0;
}

void ticket_keys_destroy(struct ticket_keys *keys)
{
	if (!keys)
		return;
	secret_unmap(&keys->memory);
	pthread_mutex_destroy(&keys->lock);
	free(keys);
}

// Keys whose tickets have all run out are gone for good.
static void expire(struct ticket_keys *t, uint64_t now)
{
	for (uint32_t i = 0; i < KEYS; i++)
		if (t->keys[i].is_used && now - t->keys[i].made >= KEY_LIFETIME_S)
			secret_wipe(&t->keys[i], sizeof(t->keys[i]));
}

static bool seals(const struct dated_key *k, uint64_t now)
{
	return k->is_used && now - k->made < TICKET_ROTATION_S;
}

bool ticket_keys_newest(struct ticket_keys *keys, struct ticket_key *out)
{
	uint64_t now = keys->clock();
	struct dated_key *k;
	bool made = true;

	pthread_mutex_lock(&keys->lock);
	expire(keys, now);
	k = &keys->keys[keys->newest];
	if (!seals(k, now)) {
		// The oldest one's place, which has run out: no two are less than a rotation apart.
		uint32_t next = (keys->newest + 1) % KEYS;

		k = &keys->keys[next];
		made = RAND_priv_bytes((uint8_t *)&k->key, sizeof(k->key)) == 1;
		k->is_used = made;
		k->made = now;
		keys->newest = made ? next : keys->newest;
	}
	if (made)
		*out = k->key;
	pthread_mutex_unlock(&keys->lock);
	return made;
}

enum ticket_key_age ticket_keys_find(
	struct ticket_keys *keys, const uint8_t name[TICKET_NAME_BYTES], struct ticket_key *out)
{
	enum ticket_key_age age = TICKET_KEY_UNKNOWN;
	uint64_t now = keys->clock();

	pthread_mutex_lock(&keys->lock);
	expire(keys, now);
	for (uint32_t i = 0; i < KEYS; i++) {
		const struct dated_key *k = &keys->keys[i];

		if (!k->is_used || memcmp(k->key.name, name, TICKET_NAME_BYTES) != 0)
			continue;
		*out = k->key;
		age = seals(k, now) ? TICKET_KEY_NEWEST : TICKET_KEY_OLD;
	}
	pthread_mutex_unlock(&keys->lock);
	return age;
}

static bool key_set(
	struct ticket_key *k, uint8_t *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool sealing)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof(k->mac)),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, k->cipher, iv, sealing) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

static struct ticket_keys *keys_of(const SSL *ssl);

// SSL_CTX_set_tlsext_ticket_key_evp_cb: 1 goes on, 2 renews the ticket, 0 does without one.
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int sealing)
{
	struct ticket_keys *keys = keys_of(ssl);
	struct ticket_key key;
	enum ticket_key_age age = TICKET_KEY_NEWEST;
	bool renews;
	int answer;

	if (sealing) {
		if (!ticket_keys_newest(keys, &key) ||
			RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1)
			return -1;
		memcpy(name, key.name, TICKET_NAME_BYTES);
	} else {
		age = ticket_keys_find(keys, name, &key);
		if (age == TICKET_KEY_UNKNOWN)
			return 0;
	}
	// A ticket of TLS 1.3 is used once (RFC 8446 C.4): its client gets another.
	renews = !sealing && (age == TICKET_KEY_OLD || SSL_version(ssl) == TLS1_3_VERSION);
	answer = key_set(&key, iv, cipher, mac, sealing != 0) ? 1 + renews : -1;
	secret_wipe(&key, sizeof(key));
	return answer;
}

static int ex_index;
static pthread_once_t ex_once = PTHREAD_ONCE_INIT;

static void ex_index_make(void)
{
	ex_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static struct ticket_keys *keys_of(const SSL *ssl)
{
	return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ex_index);
}

bool ticket_keys_use(SSL_CTX *context, struct ticket_keys *keys)
{
	pthread_once(&ex_once, ex_index_make);
	SSL_CTX_set_timeout(context, TICKET_LIFETIME_S);
	return SSL_CTX_set_ex_data(context, ex_index, keys) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket) == 1;
}
