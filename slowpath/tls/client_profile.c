// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/client_profile.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "slowpath/tls/profile_impl.h"

struct tls_client_profile {
	SSL_CTX *context;
	struct tls_sessions *sessions;
	char *server_name; // NULL: the target's own
	bool insecure;
};

static int fail(const struct tls_client_settings *s, const char *path, const char *what,
	char *error, size_t error_size)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	snprintf(error, error_size, "credential \"%s\": %s %s%s%s", s->name, path, what,
		reason ? ": " : "", reason ? reason : "");
	ERR_clear_error();
	return -EINVAL;
}

// Pinned roots are the end of a chain whatever they are: an authority, one below another, or the
// server's certificate itself.
static int roots_load(
	SSL_CTX *context, const struct tls_client_settings *s, char *error, size_t error_size)
{
	if (!s->roots)
		return SSL_CTX_set_default_verify_paths(context) == 1
			       ? 0
			       : fail(s, "the system's roots", "cannot be read", error, error_size);
	if (SSL_CTX_load_verify_file(context, s->roots) != 1)
		return fail(s, s->roots, "holds no certificates in PEM", error, error_size);
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

static int identity_load(
	SSL_CTX *context, const struct tls_client_settings *s, char *error, size_t error_size)
{
	char why[400];
	int status;

	if (!s->certificate)
		return 0;
	status = tls_key_file_check(s->key, why, sizeof(why));
	if (status) {
		snprintf(error, error_size, "credential \"%s\": %s", s->name, why);
		return status;
	}
	if (SSL_CTX_use_certificate_chain_file(context, s->certificate) != 1)
		return fail(
			s, s->certificate, "holds no certificate chain in PEM", error, error_size);
	if (SSL_CTX_use_PrivateKey_file(context, s->key, SSL_FILETYPE_PEM) != 1)
		return fail(
			s, s->key, "holds no private key of the certificate", error, error_size);
	return 0;
}

static bool protocols_set(SSL_CTX *context, const struct tls_client_settings *s)
{
	uint8_t list[16 * 256];
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < s->alpn_count; i++) {
		size_t length = strlen(s->alpn[i]);

		if (length == 0 || length > 255 || bytes + 1 + length > sizeof(list))
			return false;
		list[bytes++] = (uint8_t)length;
		memcpy(list + bytes, s->alpn[i], length);
		bytes += (uint32_t)length;
	}
	// Zero is success here.
	return bytes == 0 || SSL_CTX_set_alpn_protos(context, list, bytes) == 0;
}

static bool context_set_up(SSL_CTX *x, const struct tls_client_settings *s)
{
	// A worker carries on after the handshake: it knows no renegotiation. Sessions are kept by
	// us (sessions.h).
	SSL_CTX_set_options(x, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
	tls_key_log_use(x);
	SSL_CTX_set_verify(x, s->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
	return SSL_CTX_set_min_proto_version(x, s->min_version ? s->min_version : TLS1_2_VERSION) &&
	       SSL_CTX_set_max_proto_version(x, TLS1_3_VERSION) && tls_suites_set(x) &&
	       protocols_set(x, s);
}

int tls_client_profile_create(const struct tls_client_settings *settings,
	struct tls_client_profile **out, char *error, size_t error_size)
{
	struct tls_client_profile *p = calloc(1, sizeof(*p));
	int status = -ENOMEM;

	ERR_clear_error();
	if (p) {
		p->insecure = settings->insecure;
		p->server_name = settings->server_name ? strdup(settings->server_name) : NULL;
		p->context = tls_context_create(TLS_client_method());
	}
	if (p && p->context && (!settings->server_name || p->server_name) &&
		context_set_up(p->context, settings))
		status = settings->insecure ? 0
					    : roots_load(p->context, settings, error, error_size);
	if (status == 0)
		status = identity_load(p->context, settings, error, error_size);
	if (status == 0) {
		status = tls_sessions_create(&p->sessions);
		if (status && status != -ENOMEM)
			snprintf(error, error_size,
				"credential \"%s\": no memory could be locked for its sessions "
				"(LimitMEMLOCK=): %s",
				settings->name, strerror(-status));
	}
	if (status == 0) {
		*out = p;
		return 0;
	}
	if (status == -ENOMEM)
		snprintf(error, error_size, "credential \"%s\": out of memory", settings->name);
	tls_client_profile_destroy(p);
	return status;
}

void tls_client_profile_destroy(struct tls_client_profile *profile)
{
	if (!profile)
		return;
	SSL_CTX_free(profile->context);
	tls_sessions_destroy(profile->sessions);
	free(profile->server_name);
	free(profile);
}

SSL_CTX *tls_client_profile_context(const struct tls_client_profile *profile)
{
	return profile->context;
}

struct tls_sessions *tls_client_profile_sessions(const struct tls_client_profile *profile)
{
	return profile->sessions;
}

static bool is_address(const char *host)
{
	uint8_t bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

int tls_client_profile_name(const struct tls_client_profile *profile, const char *host, SSL *ssl)
{
	const char *name = profile->server_name ? profile->server_name : host;
	X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

	if (!name || !name[0])
		return -EINVAL;
	// RFC 6066 3: no SNI for an address; RFC 6125 6.4.4: the subject is not asked.
	X509_VERIFY_PARAM_set_hostflags(
		param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -ENOMEM;
	return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 &&
			       SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
				       TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)name) == 1
		       ? 0
		       : -ENOMEM;
}
