// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/certificate.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "tls13/signature.h"

enum {
	STATUS_OCSP = 1,
};

struct tls13_identity {
	EVP_PKEY *key;
	size_t count;
	struct writer entries[TLS13_CHAIN_MAX]; // DER
	struct writer staple;
};

static bool can_sign(EVP_PKEY *key)
{
	static const uint16_t all[] = {SCHEME_ECDSA_P256, SCHEME_ECDSA_P384, SCHEME_ECDSA_P521,
		SCHEME_PSS_SHA256, SCHEME_ED25519};

	for (size_t i = 0; i < nx_array_size(all); i++) {
		if (scheme_fits(all[i], key))
			return true;
	}
	return false;
}

static bool add_entry(struct writer *entry, X509 *certificate)
{
	int length = i2d_X509(certificate, NULL);
	uint8_t *room;

	*entry = writer_with(TLS13_MESSAGE_MAX);
	room = length > 0 ? writer_room(entry, (size_t)length) : NULL;
	return room != NULL && i2d_X509(certificate, &room) == length;
}

int tls13_identity_create(EVP_PKEY *key, X509 *const *chain, size_t count, const uint8_t *staple,
	size_t staple_length, struct tls13_identity **out)
{
	struct tls13_identity *identity;

	if (count == 0 || count > TLS13_CHAIN_MAX || !can_sign(key) ||
		X509_check_private_key(chain[0], key) != 1)
		return -EINVAL;
	identity = calloc(1, sizeof(*identity));
	if (identity == NULL)
		return -ENOMEM;
	for (; identity->count < count; identity->count++) {
		if (!add_entry(&identity->entries[identity->count], chain[identity->count]))
			break;
	}
	identity->staple = writer_with(TLS13_MESSAGE_MAX);
	writer_bytes(&identity->staple, staple, staple_length);
	if (identity->count != count || identity->staple.failed || EVP_PKEY_up_ref(key) != 1) {
		tls13_identity_destroy(identity);
		return -ENOMEM;
	}
	identity->key = key;
	*out = identity;
	return 0;
}

int tls13_identity_create_raw(
	EVP_PKEY *key, const uint8_t *der, size_t length, struct tls13_identity **out)
{
	struct tls13_identity *identity = calloc(1, sizeof(*identity));

	if (identity == NULL)
		return -ENOMEM;
	identity->count = 1;
	identity->entries[0] = writer_with(TLS13_MESSAGE_MAX);
	writer_bytes(&identity->entries[0], der, length);
	if (identity->entries[0].failed || EVP_PKEY_up_ref(key) != 1) {
		tls13_identity_destroy(identity);
		return -ENOMEM;
	}
	identity->key = key;
	*out = identity;
	return 0;
}

void tls13_identity_destroy(struct tls13_identity *identity)
{
	if (identity == NULL)
		return;
	for (size_t i = 0; i < TLS13_CHAIN_MAX; i++)
		writer_clear(&identity->entries[i]);
	writer_clear(&identity->staple);
	EVP_PKEY_free(identity->key);
	free(identity);
}

EVP_PKEY *identity_key(const struct tls13_identity *identity)
{
	return identity->key;
}

static void write_staple(const struct tls13_identity *identity, struct writer *w)
{
	size_t extension, response;

	writer_u16(w, EXTENSION_STATUS_REQUEST);
	extension = writer_open(w, 2);
	writer_u8(w, STATUS_OCSP);
	response = writer_open(w, 3);
	writer_bytes(w, identity->staple.base, identity->staple.used);
	writer_close(w, response, 3);
	writer_close(w, extension, 2);
}

void identity_write(const struct tls13_identity *identity, bool with_staple, struct writer *w)
{
	size_t list, field;

	writer_u8(w, 0); // the context of a handshake's own Certificate
	list = writer_open(w, 3);
	for (size_t i = 0; identity != NULL && i < identity->count; i++) {
		field = writer_open(w, 3);
		writer_bytes(w, identity->entries[i].base, identity->entries[i].used);
		writer_close(w, field, 3);
		field = writer_open(w, 2);
		if (i == 0 && with_staple && identity->staple.used != 0)
			write_staple(identity, w);
		writer_close(w, field, 2);
	}
	writer_close(w, list, 3);
}

void chain_clear(struct chain *chain)
{
	for (size_t i = 0; i < chain->count; i++)
		X509_free(chain->certificates[i]);
	chain->count = 0;
}

static enum tls13_verdict take_entry(
	struct cursor *list, const struct extension_rule *rule, struct cursor *der)
{
	struct extensions extensions;
	struct cursor block;

	if (!cursor_take_vector(list, 3, der) || !cursor_take_vector(list, 2, &block))
		return TLS13_MESSAGE_TRUNCATED;
	return cursor_left(der) == 0 ? TLS13_FIELD_EMPTY
				     : extensions_parse(block, rule, &extensions);
}

enum tls13_verdict chain_parse(
	struct cursor body, const struct extension_rule *rule, struct chain_entries *out)
{
	struct cursor context, list;
	enum tls13_verdict v = TLS13_OK;

	if (!cursor_take_vector(&body, 1, &context) || !cursor_take_vector(&body, 3, &list))
		return TLS13_MESSAGE_TRUNCATED;
	if (cursor_left(&body) != 0)
		return TLS13_MESSAGE_TRAILING;
	if (cursor_left(&context) != 0)
		return TLS13_CERTIFICATE_CONTEXT;
	for (out->count = 0; v == TLS13_OK && cursor_left(&list) != 0; out->count++) {
		if (out->count == TLS13_CHAIN_MAX)
			return TLS13_CERTIFICATE_BAD;
		v = take_entry(&list, rule, &out->der[out->count]);
	}
	return v;
}

enum tls13_verdict chain_decode(const struct chain_entries *entries, struct chain *out)
{
	struct chain chain;

	for (chain.count = 0; chain.count < entries->count; chain.count++) {
		const struct cursor *der = &entries->der[chain.count];
		const uint8_t *p = der->p;
		X509 *x = d2i_X509(NULL, &p, (long)cursor_left(der));

		if (x == NULL || p != der->end) {
			X509_free(x);
			chain_clear(&chain);
			return TLS13_CERTIFICATE_BAD;
		}
		chain.certificates[chain.count] = x;
	}
	*out = chain;
	return TLS13_OK;
}

// X.509's reasons in the words of TLS (RFC 8446 6.2).
static enum tls13_verdict verdict_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return TLS13_OK;
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return TLS13_CERTIFICATE_TIME;
	case X509_V_ERR_CERT_REVOKED:
		return TLS13_CERTIFICATE_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_CERT_CHAIN_TOO_LONG:
	case X509_V_ERR_CERT_UNTRUSTED:
		return TLS13_CERTIFICATE_ISSUER;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		return TLS13_CERTIFICATE_NAME;
	case X509_V_ERR_INVALID_PURPOSE:
		return TLS13_CERTIFICATE_KEY;
	case X509_V_ERR_OUT_OF_MEM:
		return TLS13_NO_MEMORY;
	default:
		return TLS13_CERTIFICATE_BAD;
	}
}

static bool set_parameters(X509_STORE_CTX *context, bool is_server, const char *name, int64_t now_s)
{
	X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_time(parameters, (time_t)now_s);
	X509_VERIFY_PARAM_set_auth_level(parameters, 1);
	// A name may not match by half a label (RFC 9525 6.3).
	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (X509_STORE_CTX_set_default(context, is_server ? "ssl_server" : "ssl_client") != 1)
		return false;
	return !is_server || name == NULL || X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 ||
	       X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1;
}

enum tls13_verdict chain_verify(const struct tls13_config *config, const struct chain *chain,
	bool is_server, const char *name, int64_t now_s)
{
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	enum tls13_verdict v = TLS13_NO_MEMORY;
	bool ok = context != NULL && others != NULL;

	for (size_t i = 1; ok && i < chain->count; i++)
		ok = sk_X509_push(others, chain->certificates[i]) != 0;
	if (ok &&
		X509_STORE_CTX_init(context, config->roots, chain->certificates[0], others) == 1 &&
		set_parameters(context, is_server, name, now_s))
		v = X509_verify_cert(context) == 1 ? TLS13_OK
						   : verdict_of(X509_STORE_CTX_get_error(context));
	X509_STORE_CTX_free(context);
	sk_X509_free(others);
	return v;
}
