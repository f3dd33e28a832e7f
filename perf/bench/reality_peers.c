// SPDX-License-Identifier: BSD-3-Clause

#include "bench/reality_peers.h"

#include <time.h>

#include "slowpath/reality/client.h"
#include "slowpath/tls13/signature.h"

enum {
	CERTIFICATE_BYTES = 900, // of a usual length
	END_BYTES = 16384,       // that wait to be opened, or to be sent
};

static const char name[] = "bench.example.org";
static const uint8_t short_id[REALITY_SHORT_ID_BYTES] = {1};

struct reality_peers {
	struct tls13_library *library;
	struct reality_profile *profile;
	struct reality_client_config client;
	uint8_t flight[REALITY_FLIGHT_BYTES];
	uint32_t flight_length;
};

// Bytes in order.
struct bytes {
	uint8_t at[END_BYTES];
	uint32_t length;
};

struct reality_end {
	const struct reality_peers *peers;
	struct reality_client *client;
	struct record_key in, out; // once it is secured
	struct bytes received;     // records
	struct bytes sent;
	bool is_secured;
};

static int64_t unix_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void append(struct bytes *b, const uint8_t *bytes, size_t length)
{
	if (length > sizeof(b->at) - b->length)
		bench_fail("too much waits for an end that speaks REALITY");
	memcpy(b->at + b->length, bytes, length);
	b->length += (uint32_t)length;
}

static void drop(struct bytes *b, uint32_t length)
{
	b->length -= length;
	memmove(b->at, b->at + length, b->length);
}

static struct reality_client *client_begin(const struct reality_peers *peers)
{
	struct reality_client *client;

	if (reality_client_create(&peers->client, &client) != 0 ||
		reality_client_begin(client, unix_ms()) != REALITY_CLIENT_TALKING)
		bench_fail("a REALITY client cannot begin");
	return client;
}

uint32_t reality_peers_hello(const struct reality_peers *peers, uint8_t out[REALITY_HELLO_BYTES])
{
	struct reality_client *client = client_begin(peers);
	const uint8_t *bytes;
	size_t n = tls13_stream_output(reality_client_stream(client), &bytes);

	if (n > REALITY_HELLO_BYTES)
		bench_fail("a hello is longer than was thought");
	memcpy(out, bytes, n);
	reality_client_destroy(client);
	return (uint32_t)n;
}

// The flight of a target that agrees by X25519.
static void flight_make(struct reality_peers *peers)
{
	static const uint8_t certificate[CERTIFICATE_BYTES];
	static const uint16_t group = GROUP_X25519;
	struct tls13_identity *made;
	const struct tls13_identity *identity;
	struct tls13_config config = {.library = peers->library,
		.groups = {.values = &group, .count = 1},
		.identities = &identity,
		.identity_count = 1};
	struct tls13_events events = {0};
	struct tls13_start start = {.events = &events};
	EVP_PKEY *key = EVP_EC_gen("P-256");
	uint8_t hello[REALITY_HELLO_BYTES];
	struct tls13_stream *s;
	const uint8_t *bytes;
	size_t taken, n;

	uint32_t length = reality_peers_hello(peers, hello);

	if (!key || tls13_identity_create_raw(key, certificate, sizeof(certificate), &made) != 0)
		bench_fail("no certificate can be made");
	identity = made;
	if (tls13_stream_create(&config, false, &start, &s) != 0 ||
		tls13_stream_input(s, hello, length, unix_ms(), &taken) != TLS13_OK)
		bench_fail("the target does not answer");
	n = tls13_stream_output(s, &bytes);
	if (n > sizeof(peers->flight))
		bench_fail("the target's flight is longer than was thought");
	memcpy(peers->flight, bytes, n);
	peers->flight_length = (uint32_t)n;
	tls13_stream_destroy(s);
	tls13_identity_destroy(made);
	EVP_PKEY_free(key);
}

struct reality_peers *reality_peers_create(void)
{
	static const char *const names[] = {name};
	struct reality_settings settings = {.private_key = {1, 2, 3},
		.names = names,
		.name_count = 1,
		.short_ids = &short_id,
		.short_id_count = 1,
		.max_time_diff_s = 120};
	struct reality_peers *peers = calloc(1, sizeof(*peers));
	char error[256];

	if (!peers || tls13_library_create(&peers->library) != 0)
		bench_fail("no library for REALITY");
	if (reality_profile_create(&settings, &peers->profile, error, sizeof(error)) != 0)
		bench_fail("%s", error);
	peers->client = (struct reality_client_config){
		.library = peers->library, .browser = &tls13_browser_chrome, .name = name};
	memcpy(peers->client.short_id, short_id, sizeof(short_id));
	x25519_public(peers->profile->credential->keys->current, peers->client.public_key);
	flight_make(peers);
	return peers;
}

void reality_peers_destroy(struct reality_peers *peers)
{
	reality_profile_destroy(peers->profile);
	tls13_library_destroy(peers->library);
	free(peers);
}

struct reality_profile *reality_peers_profile(struct reality_peers *peers)
{
	return reality_profile_share(peers->profile);
}

uint32_t reality_peers_answer(const struct reality_peers *peers, const uint8_t id[REALITY_ID_BYTES],
	uint8_t out[REALITY_FLIGHT_BYTES])
{
	memcpy(out, peers->flight, peers->flight_length);
	memcpy(out + REALITY_ID_OFFSET, id, REALITY_ID_BYTES);
	return peers->flight_length;
}

static void output_take(struct reality_end *end)
{
	struct tls13_stream *s = reality_client_stream(end->client);
	const uint8_t *bytes;
	size_t n = tls13_stream_output(s, &bytes);

	append(&end->sent, bytes, n);
	tls13_stream_sent(s, n);
}

struct reality_end *reality_end_create(const struct reality_peers *peers)
{
	struct reality_end *end = calloc(1, sizeof(*end));

	if (!end)
		bench_fail("out of memory for an end that speaks REALITY");
	end->peers = peers;
	end->client = client_begin(peers);
	output_take(end);
	return end;
}

void reality_end_destroy(struct reality_end *end)
{
	record_key_clear(&end->in);
	record_key_clear(&end->out);
	reality_client_destroy(end->client);
	free(end);
}

static void keys_take(struct reality_end *end)
{
	struct tls13_stream_key in, out;

	tls13_stream_keys(reality_client_stream(end->client), &in, &out);
	if (!record_key_set(end->peers->library, false, &in.secret, &end->in) ||
		!record_key_set(end->peers->library, true, &out.secret, &end->out))
		bench_fail("an end that speaks REALITY has no keys");
	end->in.sequence = in.sequence;
	end->out.sequence = out.sequence;
	end->is_secured = true;
}

bool reality_end_take(struct reality_end *end, const uint8_t *bytes, uint32_t length)
{
	enum reality_client_result result;
	size_t taken = 0;

	if (!end->is_secured) {
		result = reality_client_input(end->client, bytes, length, unix_ms(), &taken);
		if (result != REALITY_CLIENT_TALKING && result != REALITY_CLIENT_OPEN)
			return false;
		output_take(end);
		if (result == REALITY_CLIENT_OPEN)
			keys_take(end);
	}
	append(&end->received, bytes + taken, length - taken);
	return true;
}

uint32_t reality_end_give(struct reality_end *end, uint8_t *bytes, uint32_t room)
{
	uint32_t n = u32_min(end->sent.length, room);

	memcpy(bytes, end->sent.at, n);
	drop(&end->sent, n);
	return n;
}

bool reality_end_is_secured(const struct reality_end *end)
{
	return end->is_secured;
}

void reality_end_write(struct reality_end *end, const uint8_t *bytes, uint32_t length)
{
	struct writer record = writer_with(END_BYTES);
	struct cursor sealed;

	if (!record_seal(&end->out, &record, RECORD_APPLICATION_DATA, bytes, length, 0))
		bench_fail("an end that speaks REALITY cannot write");
	sealed = writer_cursor(&record);
	append(&end->sent, sealed.p, cursor_left(&sealed));
	writer_clear(&record);
}

// Opens whole records until one has something to say.
uint32_t reality_end_read(struct reality_end *end, uint8_t *bytes, uint32_t room)
{
	uint8_t *at = end->received.at;
	uint32_t got = 0;

	while (got == 0 && end->received.length >= RECORD_HEADER_BYTES) {
		size_t length = be16_to_host(be16_load(at + 3));
		uint32_t whole = RECORD_HEADER_BYTES + (uint32_t)length;
		uint8_t type;

		if (end->received.length < whole)
			break;
		if (record_open(&end->in, at, at + RECORD_HEADER_BYTES, &length, &type) != TLS13_OK)
			bench_fail("a client cannot read what came");
		if (type == RECORD_APPLICATION_DATA && length <= room) {
			memcpy(bytes, at + RECORD_HEADER_BYTES, length);
			got = (uint32_t)length;
		}
		drop(&end->received, whole);
	}
	return got;
}
