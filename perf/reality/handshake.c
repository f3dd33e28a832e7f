// SPDX-License-Identifier: BSD-3-Clause
// reality-bench [HANDSHAKES]: what a REALITY handshake costs a server, from hello to keys with the
// target's flight from memory, beside the sum of its primitives in the same run, and what it costs
// a client. HANDSHAKES is of one of 15 runs, 200 without it. Prints one JSON object.
#include <time.h>

#include "reality/client.h"
#include "reality/server.h"
#include "tls13/signature.h"

enum {
	PAIRS = 15,
	SIDE_BYTES = 8192,
};

#define NOW_MS     INT64_C(1800000000000)
#define MUST(cond) nx_bug_on(!(cond))
// Functions that --toggle-collect can name.
#define FOR_CALLGRIND __attribute__((noinline))

struct bytes {
	uint8_t data[SIDE_BYTES];
	size_t length;
};

static struct tls13_library *library;
static struct reality_server_config server;
static struct bytes hello, flight, to_client, finished;
static uint8_t public_key[32];
static uint64_t seed;
static int handshakes = 200; // a run

// The same for every handshake, so that one client's bytes complete them all.
static bool fill(void *user, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		out[i] = (uint8_t)(seed >> 56);
	}
	return true;
}

static void keep(struct bytes *b, const uint8_t *data, size_t length)
{
	MUST(length <= SIDE_BYTES - b->length);
	memcpy(b->data + b->length, data, length);
	b->length += length;
}

static void keep_output(struct bytes *b, struct tls13_stream *s)
{
	const uint8_t *out;
	size_t n = tls13_stream_output(s, &out);

	b->length = 0;
	keep(b, out, n);
	tls13_stream_sent(s, n);
}

// One handshake; what the client gets before its Finished in *out, where that is not NULL.
FOR_CALLGRIND static void shake(struct bytes *out)
{
	struct reality_server *s;
	struct reality_action a = {.kind = REALITY_SPLICE};

	seed = 7;
	MUST(reality_server_create(&server, &s) == 0);
	reality_server_input(s, REALITY_CLIENT, hello.data, hello.length, NOW_MS);
	reality_server_input(s, REALITY_TARGET, flight.data, flight.length, NOW_MS);
	while (reality_server_next(s, &a)) {
		if (out != NULL && a.kind == REALITY_SEND)
			keep(out, a.bytes.p, cursor_left(&a.bytes));
	}
	if (out == NULL) {
		reality_server_input(s, REALITY_CLIENT, finished.data, finished.length, NOW_MS);
		MUST(reality_server_next(s, &a) && a.kind == REALITY_FORWARD);
		MUST(reality_server_next(s, &a) && a.kind == REALITY_OPEN);
	}
	reality_server_destroy(s);
}

static void make_credential(void)
{
	static const char *const names[] = {"example.test"};
	static const uint8_t ids[][REALITY_SHORT_ID_BYTES] = {{1}};
	static const struct reality_settings settings = {.private_key = {1, 2, 3},
		.names = names,
		.name_count = 1,
		.short_ids = ids,
		.short_id_count = 1,
		.max_time_diff_s = 120};
	struct reality_credential *credential;

	server.random.fill = fill;
	MUST(tls13_library_create(&library) == 0);
	MUST(reality_credential_create(library, &server.random, &settings, &credential) == 0);
	x25519_public(credential->keys->current, public_key);
	server.credential = credential;
}

// A target with a certificate of a usual length.
static void run_target(uint16_t group)
{
	static uint8_t der[900];
	const struct tls13_identity *identity;
	struct tls13_identity *made;
	struct tls13_config config = {.library = library,
		.groups = {.values = &group, .count = 1},
		.identities = &identity,
		.identity_count = 1};
	struct tls13_events events = {0};
	struct tls13_start start = {.events = &events};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct tls13_stream *s;
	size_t taken;

	MUST(tls13_identity_create_raw(key, der, sizeof(der), &made) == 0);
	identity = made;
	MUST(tls13_stream_create(&config, false, &start, &s) == 0);
	MUST(tls13_stream_input(s, hello.data, hello.length, NOW_MS, &taken) == TLS13_OK);
	keep_output(&flight, s);
	tls13_stream_destroy(s);
	tls13_identity_destroy(made);
	EVP_PKEY_free(key);
}

// One client's handshake, the same each time. Without an answer it says its hello alone.
FOR_CALLGRIND static void connect_client(bool is_answered)
{
	struct reality_client_config config = {.library = library,
		.random.fill = fill,
		.browser = &tls13_browser_chrome,
		.name = "example.test",
		.short_id = {1}};
	struct reality_client *c;
	size_t taken;

	seed = 11;
	memcpy(config.public_key, public_key, sizeof(public_key));
	MUST(reality_client_create(&config, &c) == 0);
	MUST(reality_client_begin(c, NOW_MS) == REALITY_CLIENT_TALKING);
	keep_output(&hello, reality_client_stream(c));
	if (is_answered) {
		MUST(reality_client_input(c, to_client.data, to_client.length, NOW_MS, &taken) ==
			REALITY_CLIENT_OPEN);
		keep_output(&finished, reality_client_stream(c));
	}
	reality_client_destroy(c);
}

static void prepare(uint16_t group)
{
	connect_client(false);
	run_target(group);
	to_client.length = 0;
	shake(&to_client);
	connect_client(true);
}

// The agreement that authenticates, the one of the handshake, and the signature.
static void primitives(const struct group_key *client, struct cursor share)
{
	static const uint8_t transcript[32], random[RANDOM_BYTES];
	const struct reality_credential *c = server.credential;
	struct writer answer = writer_with(4096);
	struct group_secret secret;
	uint8_t key[REALITY_KEY_BYTES];

	MUST(reality_key_derive(library, c->keys->current, public_key, random, key));
	MUST(group_answer(&server.random, client->group, share, &answer, &secret) == TLS13_OK);
	MUST(signature_make(SCHEME_ED25519, c->temporary_key, true, transcript, sizeof(transcript),
		     &answer) == TLS13_OK);
	writer_clear(&answer);
}

static double cpu_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

// Medians of interleaved pairs, and of their ratios.
static void measure(uint16_t group, const char *name, const char *end)
{
	double whole[PAIRS], parts[PAIRS], ratio[PAIRS], connects[PAIRS], start;
	struct writer share = writer_with(4096);
	struct group_key client;

	prepare(group);
	MUST(group_key_make(&server.random, group, NULL, &client) == TLS13_OK);
	group_key_write(&client, &share);
	for (int i = 0; i < PAIRS; i++) {
		start = cpu_us();
		for (int n = 0; n < handshakes; n++)
			shake(NULL);
		whole[i] = (cpu_us() - start) / handshakes;
		start = cpu_us();
		for (int n = 0; n < handshakes; n++)
			primitives(&client, writer_cursor(&share));
		parts[i] = (cpu_us() - start) / handshakes;
		ratio[i] = whole[i] / parts[i];
		start = cpu_us();
		for (int n = 0; n < handshakes; n++)
			connect_client(true);
		connects[i] = (cpu_us() - start) / handshakes;
	}
	qsort(whole, PAIRS, sizeof(whole[0]), compare);
	qsort(parts, PAIRS, sizeof(parts[0]), compare);
	qsort(ratio, PAIRS, sizeof(ratio[0]), compare);
	qsort(connects, PAIRS, sizeof(connects[0]), compare);
	printf("\"%s\": {\"handshake_us\": %.1f, \"primitives_us\": %.1f, \"ratio\": %.2f, "
	       "\"ratio_least\": %.2f, \"ratio_most\": %.2f, \"handshakes_per_s\": %.0f, "
	       "\"client_us\": %.1f}%s",
		name, whole[PAIRS / 2], parts[PAIRS / 2], ratio[PAIRS / 2], ratio[0],
		ratio[PAIRS - 1], 1e6 / whole[PAIRS / 2], connects[PAIRS / 2], end);
	group_key_clear(&client);
	writer_clear(&share);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		handshakes = (int)strtol(argv[1], NULL, 10);
	if (argc > 2 || handshakes <= 0) {
		fprintf(stderr, "usage: reality-bench [HANDSHAKES]\n");
		return 2;
	}
	make_credential();
	printf("{\"libcrypto\": \"%s\", ", OpenSSL_version(OPENSSL_VERSION));
	measure(GROUP_X25519, "X25519", ", ");
	measure(GROUP_X25519MLKEM768, "X25519MLKEM768", "}\n");
	return 0;
}
