// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/library.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>
#include <pthread.h>

#include "slowpath/tls/derivation.h"

static const OSSL_ALGORITHM derivations[] = {
	{"TLS13-KDF", "provider=nexpath", derivation_1_3, "TLS 1.3 key schedule"},
	{"TLS1-PRF", "provider=nexpath", derivation_1_2, "TLS 1.2 PRF"},
	{NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
	*no_cache = 0;
	return operation == OSSL_OP_KDF ? derivations : NULL;
}

static const OSSL_DISPATCH functions[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	{0, NULL},
};

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
	const OSSL_DISPATCH **out, void **provider)
{
	*out = functions;
	*provider = (void *)(uintptr_t)handle; // that of a provider without a state
	return 1;
}

static OSSL_LIB_CTX *library;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void library_create(void)
{
	OSSL_LIB_CTX *l = OSSL_LIB_CTX_new();

	if (l && derivation_begin() && OSSL_PROVIDER_load(l, "default") &&
		OSSL_PROVIDER_add_builtin(l, "nexpath", provider_init) == 1 &&
		OSSL_PROVIDER_load(l, "nexpath"))
		library = l;
	else
		OSSL_LIB_CTX_free(l);
}

OSSL_LIB_CTX *tls_library(void)
{
	pthread_once(&once, library_create);
	return library;
}

SSL_CTX *tls_context_create(const SSL_METHOD *method)
{
	OSSL_LIB_CTX *l = tls_library();

	return l ? SSL_CTX_new_ex(l, TLS_LIBRARY_PROPERTIES, method) : NULL;
}

int tls_handshake_step(SSL *ssl, struct tls_secrets *secrets)
{
	int rc;

	derivation_watch(secrets);
	rc = SSL_do_handshake(ssl);
	derivation_watch(NULL);
	return rc;
}
