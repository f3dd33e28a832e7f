// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/profile.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

#include "slowpath/tls/profile_impl.h"

// The AEAD suites of TLS 1.2 that the record layer has, all with forward secrecy.
static const char SUITES_1_2[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char SUITES_1_3[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
				 "TLS_CHACHA20_POLY1305_SHA256";

bool tls_suites_set(SSL_CTX *context)
{
	return SSL_CTX_set_cipher_list(context, SUITES_1_2) &&
	       SSL_CTX_set_ciphersuites(context, SUITES_1_3);
}

static int fail(const struct tls_certificate *c, const char *path, const char *what, char *error,
	size_t error_size)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(error, error_size, "credential \"%s\": %s %s%s%s", c->name, path, what,
		reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return -EINVAL;
}

int tls_key_file_check(const char *path, char *error, size_t error_size)
{
	struct stat s;

	if (stat(path, &s) != 0) {
		int why = errno;

		snprintf(error, error_size, "%s: %s", path, strerror(why));
		return -why;
	}
	if (!S_ISREG(s.st_mode)) {
		snprintf(error, error_size, "%s is no regular file", path);
		return -EINVAL;
	}
	if (s.st_mode & (S_IRWXG | S_IRWXO)) {
		snprintf(error, error_size,
			"%s can be used by others than its owner (mode %03o); run `chmod 600 %s`",
			path, s.st_mode & 0777, path);
		return -EACCES;
	}
	return 0;
}

static bool name_add(struct tls_profile_entry *e, const char *name, size_t length)
{
	char **grown = realloc(e->names, (e->name_count + 1) * sizeof(*grown));

	if (!grown)
		return false;
	e->names = grown;
	grown[e->name_count] = strndup(name, length);
	if (!grown[e->name_count])
		return false;
	for (char *c = grown[e->name_count]; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	e->name_count++;
	return true;
}

// The host names that a certificate is for (RFC 6125: its subjectAltName alone).
static int names_from_certificate(struct tls_profile_entry *e)
{
	X509 *x = SSL_CTX_get0_certificate(e->context);
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	int status = 0;

	for (int i = 0; status == 0 && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);

		if (n->type == GEN_DNS &&
			!name_add(e, (const char *)ASN1_STRING_get0_data(n->d.dNSName),
				(size_t)ASN1_STRING_length(n->d.dNSName)))
			status = -ENOMEM;
	}
	GENERAL_NAMES_free(names);
	return status;
}

static int names_fill(struct tls_profile_entry *e, const struct tls_certificate *c)
{
	if (c->name_count == 0)
		return names_from_certificate(e);
	for (uint32_t i = 0; i < c->name_count; i++)
		if (!name_add(e, c->names[i], strlen(c->names[i])))
			return -ENOMEM;
	return 0;
}

static int alpn_fill(struct tls_profile_entry *e, const struct tls_certificate *c)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < c->alpn_count; i++)
		bytes += 1 + (uint32_t)strlen(c->alpn[i]);
	if (bytes == 0)
		return 0;
	e->alpn = malloc(bytes);
	if (!e->alpn)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->alpn_count; i++) {
		size_t length = strlen(c->alpn[i]);

		e->alpn[e->alpn_bytes++] = (uint8_t)length;
		memcpy(e->alpn + e->alpn_bytes, c->alpn[i], length);
		e->alpn_bytes += (uint32_t)length;
	}
	return 0;
}

// Clients' certificates (RFC 8446 4.4.2.4) are verified by the authorities in the file alone, which
// need not be roots, and whose names the client is told.
static int clients_set_up(
	SSL_CTX *x, const struct tls_certificate *c, char *error, size_t error_size)
{
	int mode = SSL_VERIFY_PEER;
	STACK_OF(X509_NAME) * names;

	if (c->client_certificate == TLS_CLIENT_CERTIFICATE_NONE)
		return 0;
	names = SSL_load_client_CA_file(c->client_ca);
	if (!names || SSL_CTX_load_verify_file(x, c->client_ca) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return fail(c, c->client_ca, "holds no certificates in PEM", error, error_size);
	}
	SSL_CTX_set_client_CA_list(x, names);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(x), X509_V_FLAG_PARTIAL_CHAIN);
	if (c->client_certificate == TLS_CLIENT_CERTIFICATE_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(x, mode, NULL);
	return 0;
}

static bool digest_authorities(EVP_MD_CTX *digest, SSL_CTX *x)
{
	const STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(x));
	uint8_t one[EVP_MAX_MD_SIZE];
	unsigned int length;

	for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
		const X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

		if (authority && (X509_digest(authority, EVP_sha256(), one, &length) != 1 ||
					 EVP_DigestUpdate(digest, one, length) != 1))
			return false;
	}
	return true;
}

// Tickets of one credential are no good with another, nor once the authorities of its clients have
// changed: a session that resumes asks for no certificate again.
static bool session_context_set(SSL_CTX *x, const struct tls_certificate *c)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	uint8_t context[EVP_MAX_MD_SIZE];
	unsigned int length;
	bool set = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		   EVP_DigestUpdate(digest, c->name, strlen(c->name) + 1) == 1 &&
		   EVP_DigestUpdate(digest, &c->client_certificate, 1) == 1 &&
		   digest_authorities(digest, x) &&
		   EVP_DigestFinal_ex(digest, context, &length) == 1 &&
		   SSL_CTX_set_session_id_context(x, context, length) == 1;

	EVP_MD_CTX_free(digest);
	return set;
}

// Without its staple a certificate is served all the same: a file that ran out is no reason to
// serve nobody.
static int staple_set_up(struct tls_profile_entry *e, const struct tls_certificate *c)
{
	enum staple_verdict verdict;

	if (!c->ocsp)
		return 0;
	verdict = staple_read(c->ocsp, e->context, &e->staple);
	if (verdict == STAPLE_GOOD)
		staple_use(e->context, e->staple);
	else
		snprintf(e->note, sizeof(e->note), "credential \"%s\": %s %s", c->name, c->ocsp,
			staple_verdict_sentence(verdict));
	return verdict == STAPLE_NO_MEMORY ? -ENOMEM : 0;
}

static bool context_set_up(struct tls_profile *profile, struct tls_profile_entry *e,
	const struct tls_certificate *c, struct ticket_keys *tickets)
{
	SSL_CTX *x = e->context;

	// A worker carries on after the handshake: it knows no renegotiation and no early data.
	SSL_CTX_set_options(x, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(x, 0);
	tls_key_log_use(x);
	tls_choice_set(x, profile, e);
	return SSL_CTX_set_min_proto_version(x, e->min_version) &&
	       SSL_CTX_set_max_proto_version(x, TLS1_3_VERSION) && tls_suites_set(x) &&
	       session_context_set(x, c) && (!tickets || ticket_keys_use(x, tickets));
}

static int entry_fill(struct tls_profile *profile, struct tls_profile_entry *e,
	const struct tls_certificate *c, struct ticket_keys *tickets, char *error,
	size_t error_size)
{
	char why[400];
	int status = tls_key_file_check(c->key, why, sizeof(why));

	if (status) {
		snprintf(error, error_size, "credential \"%s\": %s", c->name, why);
		return status;
	}
	e->min_version = c->min_version ? c->min_version : TLS1_2_VERSION;
	e->context = tls_context_create(TLS_server_method());
	if (!e->context)
		return -ENOMEM;
	if (SSL_CTX_use_certificate_chain_file(e->context, c->certificate) != 1)
		return fail(
			c, c->certificate, "holds no certificate chain in PEM", error, error_size);
	if (SSL_CTX_use_PrivateKey_file(e->context, c->key, SSL_FILETYPE_PEM) != 1)
		return fail(
			c, c->key, "holds no private key of the certificate", error, error_size);
	status = clients_set_up(e->context, c, error, error_size);
	if (status == 0)
		status = names_fill(e, c);
	if (status == 0)
		status = alpn_fill(e, c);
	if (status == 0 && !context_set_up(profile, e, c, tickets))
		status = -ENOMEM;
	if (status == 0)
		status = staple_set_up(e, c);
	return status;
}

int tls_profile_create(const struct tls_certificate *certificates, uint32_t count,
	struct ticket_keys *tickets, struct tls_profile **out, char *error, size_t error_size)
{
	struct tls_profile *p = calloc(1, sizeof(*p) + count * sizeof(p->entries[0]));
	int status = p ? 0 : -ENOMEM;

	ERR_clear_error();
	for (uint32_t i = 0; status == 0 && i < count; i++) {
		p->count++;
		status =
			entry_fill(p, &p->entries[i], &certificates[i], tickets, error, error_size);
	}
	if (status == 0) {
		*out = p;
		return 0;
	}
	if (status == -ENOMEM)
		snprintf(error, error_size, "out of memory for certificates");
	tls_profile_destroy(p);
	return status;
}

const char *tls_profile_note(const struct tls_profile *profile, uint32_t number)
{
	return profile->entries[number].note;
}

void tls_profile_destroy(struct tls_profile *profile)
{
	if (!profile)
		return;
	for (uint32_t i = 0; i < profile->count; i++) {
		struct tls_profile_entry *e = &profile->entries[i];

		SSL_CTX_free(e->context);
		staple_destroy(e->staple);
		for (uint32_t n = 0; n < e->name_count; n++)
			free(e->names[n]);
		free(e->names);
		free(e->alpn);
	}
	free(profile);
}
