// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec.h"

// Where a config could not be used. what: the part of it; which: its file or element, or NULL.
static bool fault(char *why, size_t room, const char *what, const char *which)
{
	unsigned long error = ERR_peek_last_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;

	if (why != NULL)
		snprintf(why, room, "%s%s%s: %s", what, which ? " " : "", which ? which : "",
			reason ? reason : "cannot be used");
	ERR_clear_error();
	return false;
}

static bool roots_set(SSL_CTX *ssl, const struct nx_tls_config *config, char *why, size_t room)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);

	if (config->root_file_count == 0 && config->root_count == 0)
		return SSL_CTX_set_default_verify_paths(ssl) ||
		       fault(why, room, "the system's roots", NULL);
	for (size_t i = 0; i < config->root_file_count; i++)
		if (!X509_STORE_load_file(store, config->root_files[i]))
			return fault(why, room, "roots in", config->root_files[i]);
	for (size_t i = 0; i < config->root_count; i++) {
		const unsigned char *der = config->roots[i].iov_base;
		X509 *root = d2i_X509(NULL, &der, (long)config->roots[i].iov_len);
		bool added = root != NULL && X509_STORE_add_cert(store, root);

		X509_free(root);
		if (!added)
			return fault(why, room, "a root in DER", NULL);
	}
	return true;
}

static bool alpn_set(struct nx_tls_context *context, const struct nx_tls_config *config)
{
	size_t length = 0;
	unsigned char *p;

	for (size_t i = 0; i < config->alpn_count; i++)
		length += strlen(config->alpn[i]) + 1;
	if (length == 0)
		return true;
	if (length > UINT8_MAX || (context->alpn = malloc(length)) == NULL)
		return false;
	p = context->alpn;
	for (size_t i = 0; i < config->alpn_count; i++) {
		size_t n = strlen(config->alpn[i]);

		*p++ = (unsigned char)n;
		memcpy(p, config->alpn[i], n);
		p += n;
	}
	context->alpn_length = length;
	return context->is_server ||
	       SSL_CTX_set_alpn_protos(context->ssl, context->alpn, (unsigned int)length) == 0;
}

// A server's choice: the first of its own that the client offered (RFC 7301 3.2).
static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *length,
	const unsigned char *offered, unsigned int offered_length, void *argument)
{
	const struct nx_tls_context *context = argument;
	unsigned char *chosen = NULL;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, length, context->alpn,
		    (unsigned int)context->alpn_length, offered,
		    offered_length) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static bool identity_set(SSL_CTX *ssl, const struct nx_tls_config *config, char *why, size_t room)
{
	if (config->certificate_file == NULL)
		return config->role == NX_TLS_CLIENT ||
		       fault(why, room, "a server needs a certificate_file", NULL);
	if (SSL_CTX_use_certificate_chain_file(ssl, config->certificate_file) != 1)
		return fault(why, room, "the certificate in", config->certificate_file);
	if (config->key_file == NULL ||
		SSL_CTX_use_PrivateKey_file(ssl, config->key_file, SSL_FILETYPE_PEM) != 1)
		return fault(why, room, "the key in", config->key_file ? config->key_file : "NULL");
	return true;
}

static bool context_set(
	struct nx_tls_context *context, const struct nx_tls_config *config, char *why, size_t room)
{
	SSL_CTX *ssl = context->ssl;

	SSL_CTX_set_min_proto_version(ssl, config->tls13_only ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	// What follows the handshake must stay in the input.
	SSL_CTX_set_read_ahead(ssl, 0);
	SSL_CTX_set_num_tickets(ssl, 0);
	SSL_CTX_set_keylog_callback(ssl, nx_tls_secret_take);
	if (!context->is_server && !config->danger_no_verify) {
		SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
		if (!roots_set(ssl, config, why, room))
			return false;
	}
	if (!alpn_set(context, config))
		return fault(why, room, "alpn is longer than 255 bytes", NULL);
	if (context->is_server && context->alpn_length > 0)
		SSL_CTX_set_alpn_select_cb(ssl, alpn_select, context);
	return identity_set(ssl, config, why, room);
}

struct nx_tls_context *nx_tls_context_create(
	const struct nx_tls_config *config, char *why, size_t room)
{
	struct nx_tls_context *context = calloc(1, sizeof(*context));

	if (context == NULL) {
		fault(why, room, "no memory", NULL);
		return NULL;
	}
	context->is_server = config->role == NX_TLS_SERVER;
	context->verifies = !context->is_server && !config->danger_no_verify;
	context->alpn_required = config->alpn_required && !context->is_server;
	context->ssl = SSL_CTX_new(context->is_server ? TLS_server_method() : TLS_client_method());
	context->bytes = nx_tls_bytes_method();
	context->vectors = alloc_mb_mgr(0);
	if (context->vectors != NULL)
		init_mb_mgr_auto(context->vectors, NULL);
	if (context->ssl != NULL && context->bytes != NULL && context->vectors != NULL &&
		context_set(context, config, why, room))
		return context;
	if (context->ssl == NULL || context->bytes == NULL || context->vectors == NULL)
		fault(why, room, "OpenSSL", NULL);
	nx_tls_context_destroy(context);
	return NULL;
}

void nx_tls_context_destroy(struct nx_tls_context *context)
{
	if (context == NULL)
		return;
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->bytes);
	if (context->vectors != NULL)
		free_mb_mgr(context->vectors);
	free(context->alpn);
	free(context);
}
