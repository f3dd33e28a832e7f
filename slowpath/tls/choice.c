// SPDX-License-Identifier: BSD-3-Clause
// What a client gets, by what it asks for in its hello.
#include <string.h>
#include <strings.h>

#include "slowpath/tls/profile_impl.h"

enum {
	HOST_BYTES = TLSEXT_MAXLEN_host_name + 1,
	NAME_HEADER = 5, // the list's length, a name's type and its length
};

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

// The host name of the hello (RFC 6066 3): its list has one. What is malformed gives none here, and
// an alert of OpenSSL's afterwards.
static const char *host_asked(SSL *ssl, char host[HOST_BYTES])
{
	const unsigned char *at;
	size_t length;

	if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &at, &length) ||
		length <= NAME_HEADER || length >= NAME_HEADER + HOST_BYTES ||
		at[2] != TLSEXT_NAMETYPE_host_name || at[3] != 0 || at[4] != length - NAME_HEADER)
		return NULL;
	memcpy(host, at + NAME_HEADER, length - NAME_HEADER);
	host[length - NAME_HEADER] = '\0';
	return host;
}

// Before OpenSSL has chosen anything: version, tickets and client certificates are the credential's
// too, and SSL_set_SSL_CTX alone would leave those of the first.
static int on_client_hello(SSL *ssl, int *alert, void *context)
{
	const struct tls_profile *profile = context;
	char host[HOST_BYTES];
	const struct tls_profile_entry *e =
		&profile->entries[tls_profile_select(profile, host_asked(ssl, host))];

	if (!SSL_set_SSL_CTX(ssl, e->context) ||
		SSL_set_min_proto_version(ssl, e->min_version) != 1) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_CLIENT_HELLO_ERROR;
	}
	SSL_set_verify(ssl, SSL_CTX_get_verify_mode(e->context), NULL);
	X509_VERIFY_PARAM_set_flags(
		SSL_get0_param(ssl), X509_VERIFY_PARAM_get_flags(SSL_CTX_get0_param(e->context)));
	return SSL_CLIENT_HELLO_SUCCESS;
}

// A name that was asked for has been used (RFC 6066 3).
static int on_server_name(SSL *ssl, int *alert, void *context)
{
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) ? SSL_TLSEXT_ERR_OK
								  : SSL_TLSEXT_ERR_NOACK;
}

// The protocol that we like best of those that the client speaks; none in common is an alert
// (RFC 7301 3.2).
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

void tls_choice_set(SSL_CTX *context, struct tls_profile *profile, struct tls_profile_entry *entry)
{
	SSL_CTX_set_client_hello_cb(context, on_client_hello, profile);
	SSL_CTX_set_tlsext_servername_callback(context, on_server_name);
	if (entry->alpn)
		SSL_CTX_set_alpn_select_cb(context, on_protocols, entry);
}
