// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/profile.h"

#include <ctype.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
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

// Whether name ("www.example.org" or "*.example.org") is for host: a wildcard stands for exactly
// one label.
static bool name_covers(const char *name, const char *host, bool wildcards)
{
	const char *dot;

	if (name[0] != '*' || name[1] != '.')
		return !wildcards && strcasecmp(name, host) == 0;
	dot = strchr(host, '.');
	return wildcards && dot && dot != host && strcasecmp(name + 1, dot) == 0;
}

uint32_t tls_profile_select(const struct tls_profile *profile, const char *host)
{
	for (int wildcards = 0; host && wildcards < 2; wildcards++)
		for (uint32_t i = 0; i < profile->count; i++)
			for (uint32_t n = 0; n < profile->entries[i].name_count; n++)
				if (name_covers(profile->entries[i].names[n], host, wildcards))
					return i;
	return 0;
}

static int on_server_name(SSL *ssl, int *alert, void *context)
{
	const struct tls_profile *profile = context;
	const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	uint32_t chosen = tls_profile_select(profile, host);

	if (chosen != 0 && !SSL_set_SSL_CTX(ssl, profile->entries[chosen].context)) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return host ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

// The protocol that we like best of those that the client speaks (RFC 7301 3.2).
static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *length,
	const unsigned char *offered, unsigned int offered_bytes, void *context)
{
	const struct tls_profile_entry *e = context;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, length, e->alpn, e->alpn_bytes, offered,
		    offered_bytes) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool context_set_up(
	struct tls_profile *profile, struct tls_profile_entry *e, const struct tls_certificate *c)
{
	static const unsigned char session_context[] = "nexpath";
	SSL_CTX *x = e->context;

	// A worker carries on after the handshake: it knows no renegotiation and no early data.
	SSL_CTX_set_options(x, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				       SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_early_data(x, 0);
	SSL_CTX_set_keylog_callback(x, tls_handshake_keylog);
	SSL_CTX_set_tlsext_servername_callback(x, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(x, profile);
	if (e->alpn)
		SSL_CTX_set_alpn_select_cb(x, on_protocols, e);
	return SSL_CTX_set_min_proto_version(x, c->min_version ? c->min_version : TLS1_2_VERSION) &&
	       SSL_CTX_set_max_proto_version(x, TLS1_3_VERSION) && tls_suites_set(x) &&
	       SSL_CTX_set_session_id_context(x, session_context, sizeof(session_context) - 1);
}

static int entry_fill(struct tls_profile *profile, struct tls_profile_entry *e,
	const struct tls_certificate *c, char *error, size_t error_size)
{
	char why[400];
	int status = tls_key_file_check(c->key, why, sizeof(why));

	if (status) {
		snprintf(error, error_size, "credential \"%s\": %s", c->name, why);
		return status;
	}
	e->context = SSL_CTX_new(TLS_server_method());
	if (!e->context)
		return -ENOMEM;
	if (SSL_CTX_use_certificate_chain_file(e->context, c->certificate) != 1)
		return fail(
			c, c->certificate, "holds no certificate chain in PEM", error, error_size);
	if (SSL_CTX_use_PrivateKey_file(e->context, c->key, SSL_FILETYPE_PEM) != 1)
		return fail(
			c, c->key, "holds no private key of the certificate", error, error_size);
	status = names_fill(e, c);
	if (status == 0)
		status = alpn_fill(e, c);
	if (status == 0 && !context_set_up(profile, e, c))
		status = -ENOMEM;
	return status;
}

int tls_profile_create(const struct tls_certificate *certificates, uint32_t count,
	struct tls_profile **out, char *error, size_t error_size)
{
	struct tls_profile *p = calloc(1, sizeof(*p) + count * sizeof(p->entries[0]));
	int status = p ? 0 : -ENOMEM;

	ERR_clear_error();
	for (uint32_t i = 0; status == 0 && i < count; i++) {
		p->count++;
		status = entry_fill(p, &p->entries[i], &certificates[i], error, error_size);
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

void tls_profile_destroy(struct tls_profile *profile)
{
	if (!profile)
		return;
	for (uint32_t i = 0; i < profile->count; i++) {
		struct tls_profile_entry *e = &profile->entries[i];

		SSL_CTX_free(e->context);
		for (uint32_t n = 0; n < e->name_count; n++)
			free(e->names[n]);
		free(e->names);
		free(e->alpn);
	}
	free(profile);
}
