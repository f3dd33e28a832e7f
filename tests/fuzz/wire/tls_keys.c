// SPDX-License-Identifier: BSD-3-Clause
#include "tls_keys.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/wire/tls_identity.h"

static void must(bool condition)
{
	if (!condition)
		abort();
}

struct nx_tls_context *tls_keys_context(bool is_server)
{
	static struct nx_tls_context *contexts[2];
	static struct tls_identity identity;
	struct nx_tls_config client = {.danger_no_verify = true};
	struct nx_tls_config server = {.role = NX_TLS_SERVER};

	if (contexts[0] == NULL) {
		tls_identity_make(&identity, "localhost", NULL);
		server.certificate_file = server.key_file = identity.path;
		contexts[0] = nx_tls_context_create(&client, NULL, 0);
		contexts[1] = nx_tls_context_create(&server, NULL, 0);
		must(contexts[0] != NULL && contexts[1] != NULL);
	}
	return contexts[is_server];
}

void tls_keys_set(struct nx_tls *tls, bool is_aes256)
{
	static const char *const labels[] = {"CLIENT", "SERVER"};
	char line[200];

	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof(line), "%s_TRAFFIC_SECRET_0 00 %0*d", labels[i],
			is_aes256 ? 96 : 64, i + 1);
		nx_tls_secret_take(tls->ssl, line);
	}
	must(tls->has_secret[0] && tls->has_secret[1]);
	tls->has_shaken = tls->has_records = true;
	must(nx_records_begin(&tls->records, tls->context->vectors));
}

struct nx_tls *tls_keys_connection(bool is_server, bool is_aes256, size_t buffer)
{
	struct nx_tls *tls = nx_tls_create(tls_keys_context(is_server), "localhost", buffer);

	must(tls != NULL);
	tls_keys_set(tls, is_aes256);
	return tls;
}
