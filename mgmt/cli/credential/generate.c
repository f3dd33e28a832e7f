// SPDX-License-Identifier: BSD-3-Clause
#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/credential/credential.h"
#include "config/key_text.h"

enum {
	KEY_BYTES = 32,
	SHORT_IDS = 2,
	SHORT_ID_BYTES = 8,
	DAYS_MAX = 3650,
};

struct reality_pair {
	char private_key[KEY_TEXT_BYTES(KEY_BYTES)];
	char public_key[KEY_TEXT_BYTES(KEY_BYTES)];
	char short_ids[SHORT_IDS][2 * SHORT_ID_BYTES + 1];
};

static bool pair_make(struct reality_pair *pair)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	uint8_t private[KEY_BYTES], public[KEY_BYTES], id[SHORT_ID_BYTES];
	size_t private_length = KEY_BYTES, public_length = KEY_BYTES;
	bool made = key != NULL &&
		    EVP_PKEY_get_raw_private_key(key, private, &private_length) == 1 &&
		    EVP_PKEY_get_raw_public_key(key, public, &public_length) == 1;

	for (int i = 0; made && i < SHORT_IDS; i++) {
		made = RAND_bytes(id, sizeof(id)) == 1;
		for (int b = 0; made && b < SHORT_ID_BYTES; b++)
			snprintf(pair->short_ids[i] + 2 * b, 3, "%02x", id[b]);
	}
	if (made) {
		// As X25519 takes it (RFC 7748 section 5): others print keys so, too.
		private[0] &= 248;
		private[31] = (uint8_t)((private[31] & 127) | 64);
		config_key_print(private, KEY_BYTES, pair->private_key);
		config_key_print(public, KEY_BYTES, pair->public_key);
	}
	EVP_PKEY_free(key);
	explicit_bzero(private, sizeof(private));
	return made;
}

// target is HOST:PORT; its host without the port, for the companion on port 80.
static void server_print(
	const struct reality_pair *pair, const char *target, const char *name, FILE *out)
{
	int host = (int)(strrchr(target, ':') - target);

	fprintf(out,
		"credentials = ( { name = \"front\"; kind = \"reality\"; private_key = \"%s\";\n"
		"    target = \"%s\"; server_names = [\"%s\"]; short_ids = [\"%s\", \"%s\"]; } );\n"
		"upstreams = ( { name = \"behind\"; targets = [\"127.0.0.1:8080\"]; },\n"
		"    { name = \"front-http\"; targets = [\"%.*s:80\"]; },\n"
		"    { name = \"front-quic\"; targets = [\"%s\"]; } );\n",
		pair->private_key, target, name, pair->short_ids[0], pair->short_ids[1], host,
		target, target);
	fprintf(out,
		"listeners = ( { name = \"front\"; protocol = \"tcp\"; listen = \"*:443\"; upstream = "
		"\"behind\"; mode = \"terminate\";\n"
		"      transport = { security = \"reality\"; credentials = [\"front\"]; }; },\n"
		"    { name = \"front-http\"; protocol = \"tcp\"; listen = \"*:80\"; upstream = "
		"\"front-http\"; mode = \"terminate\"; },\n"
		"    { name = \"front-quic\"; protocol = \"udp\"; listen = \"*:443\"; upstream = "
		"\"front-quic\"; } );\n");
}

static void client_print(const struct reality_pair *pair, const char *name, FILE *out)
{
	fprintf(out,
		"credentials = ( { name = \"far\"; kind = \"reality-client\"; public_key = \"%s\";\n"
		"    server_name = \"%s\"; short_id = \"%s\"; } );\n"
		"upstreams = ( { name = \"far\"; targets = [\"SERVER:443\"]; transport = { security = "
		"\"reality\"; credentials = [\"far\"]; }; } );\n",
		pair->public_key, name, pair->short_ids[0]);
}

// What `print` writes, allocated; NULL: out of memory.
static char *text_of(const struct reality_pair *pair, const char *target, const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	if (target != NULL)
		server_print(pair, target, name, out);
	else
		client_print(pair, name, out);
	fclose(out);
	return text;
}

static enum exit_status pair_print(const struct invocation *v, const struct reality_pair *pair,
	const char *target, const char *name)
{
	char *server = text_of(pair, target, name), *client = text_of(pair, NULL, name);

	if (server == NULL || client == NULL) {
		fprintf(stderr, "nexpath: out of memory\n");
	} else if (v->json) {
		json_t *all = json_pack("{s:s, s:s, s:[s, s], s:s, s:s}", "private_key",
			pair->private_key, "public_key", pair->public_key, "short_ids",
			pair->short_ids[0], pair->short_ids[1], "server", server, "client", client);

		json_line_print(all);
		json_decref(all);
	} else {
		printf("private key  %s\npublic key   %s\nshort ids    %s %s\n\n"
		       "# The server. The listeners on TCP port 80 and UDP port 443 answer as the target "
		       "does:\n# one that has only TCP port 443 is not it.\n%s\n"
		       "# The client, with a short id of its own each.\n%s",
			pair->private_key, pair->public_key, pair->short_ids[0], pair->short_ids[1],
			server, client);
	}

	bool done = server != NULL && client != NULL;

	if (server != NULL)
		explicit_bzero(server, strlen(server));
	free(server);
	free(client);
	return done ? EXIT_DONE : EXIT_REFUSED;
}

static enum exit_status generate_reality(const struct invocation *v)
{
	const char *target = invocation_option(v, "target");
	const char *name = invocation_option(v, "name");
	struct reality_pair pair;
	char host[256];
	enum exit_status status;

	target = target != NULL ? target : "www.example.org:443";
	if (strrchr(target, ':') == NULL || strrchr(target, ':') == target)
		return usage_fault(v->verb, "\"%s\" is not HOST:PORT", target);
	snprintf(host, sizeof(host), "%.*s", (int)(strrchr(target, ':') - target), target);
	if (!pair_make(&pair)) {
		fprintf(stderr, "nexpath: OpenSSL makes no X25519 key\n");
		return EXIT_REFUSED;
	}
	status = pair_print(v, &pair, target, name != NULL ? name : host);
	explicit_bzero(&pair, sizeof(pair));
	return status;
}

enum exit_status run_credential_generate(const struct invocation *v)
{
	unsigned long long days = invocation_number(v, "days", 90);
	const char *name = invocation_option(v, "name");

	if (strcmp(v->arguments[0], "reality") == 0)
		return generate_reality(v);
	if (strcmp(v->arguments[0], "tls") != 0)
		return usage_fault(v->verb, "\"%s\" is neither reality nor tls", v->arguments[0]);
	if (name == NULL)
		return usage_fault(v->verb, "tls needs --name HOST");
	if (days == 0 || days > DAYS_MAX)
		return usage_fault(v->verb, "--days is from 1 to %d", DAYS_MAX);
	return generate_tls(name, (unsigned)days, invocation_option(v, "request") != NULL);
}
