// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include "tls13/signature.h"

static const char *const protocols[] = {"h2", "http/1.1"};
static const uint16_t packings[] = {2, 1, 3};
static const uint16_t groups[] = {GROUP_X25519, GROUP_P256};
static const uint8_t ticket_keys[1][TLS13_TICKET_KEY_BYTES] = {{1}};
static const uint16_t shares[] = {GROUP_X25519};
static const uint16_t schemes[] = {SCHEME_ED25519};
static const struct tls13_identity *identity;
static struct tls13_browser browser; // Firefox with one share and one scheme: an input costs little
static uint64_t seed;

static bool fill(void *user, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		out[i] = (uint8_t)(seed >> 56);
	}
	return true;
}

static void on_ticket(void *user, const uint8_t *session, size_t length)
{
	MUST(length != 0 && session != NULL);
}

// A key that is the same in every process: inputs are of use in the next run too.
static EVP_PKEY *make_key(void)
{
	static const uint8_t raw[32] = {7};

	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof(raw));
}

static void make_identity(void)
{
	EVP_PKEY *key = make_key();
	X509 *x = X509_new();
	struct tls13_identity *made;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20260101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "20360101000000Z");
	X509_set_pubkey(x, key);
	MUST(X509_sign(x, key, NULL) > 0);
	MUST(tls13_identity_create(key, &x, 1, NULL, 0, &made) == 0);
	identity = made;
	X509_free(x);
	EVP_PKEY_free(key);
}

struct world *world(void)
{
	static struct world w;
	struct tls13_library *library;

	if (identity != NULL)
		return &w;
	make_identity();
	MUST(tls13_library_create(&library) == 0);
	browser = tls13_browser_firefox;
	browser.shares = (struct tls13_list){.values = shares, .count = 1};
	browser.schemes = (struct tls13_list){.values = schemes, .count = 1};
	w.events.ticket = on_ticket;
	w.client = (struct tls13_config){.library = library,
		.random = {.fill = fill},
		.browser = &browser,
		.insecure = true,
		.identities = &identity,
		.identity_count = 1};
	w.server = w.client;
	w.server.browser = NULL;
	w.server.alpn = protocols;
	w.server.alpn_count = 2;
	w.server.client_certificate = TLS13_CLIENT_CERTIFICATE_NONE;
	w.server.compressions = (struct tls13_list){.values = packings, .count = 3};
	w.server.groups = (struct tls13_list){.values = groups, .count = 2};
	w.server.ticket_keys = ticket_keys;
	w.server.ticket_key_count = 1;
	w.server.tickets = 1;
	w.client_start = (struct tls13_start){.events = &w.events, .name = "a.test"};
	w.server_start = (struct tls13_start){.events = &w.events};
	return &w;
}

void world_restart(void)
{
	seed = 1;
}
