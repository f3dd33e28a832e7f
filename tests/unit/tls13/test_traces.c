// SPDX-License-Identifier: BSD-3-Clause
// RFC 8448's sections 4 to 7: a resumed handshake with early data, one that is retried, one with a
// client's certificate, one that looks like TLS 1.2 to what stands between. Their key schedules,
// records, signatures and Finished are made and verified by the engine's parts; what of their
// messages ours sends itself, its client makes byte by byte.
#include "rig.h"

#include "rfc8448.h"
#include "tls13/certificate.h"
#include "tls13/hello.h"
#include "tls13/schedule.h"
#include "tls13/signature.h"

enum {
	SUITE = 0x1301,
	HASH_BYTES = 32,
	RECORD_MAX = 4096,
};

#define LIST(...)                                                                                  \
	{                                                                                          \
		.values = (const uint16_t[]){__VA_ARGS__},                                         \
		.count = sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),               \
	}

// The traces' client as a table, in sections 6 and 7 and, in section 5, with fewer groups.
#define CLIENT_OF_THE_TRACES                                                                       \
	.name = "rfc8448", .suites = LIST(0x1301, 0x1303, 0x1302), .shares = LIST(GROUP_X25519),   \
	.schemes = LIST(0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501,    \
		0x0601, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202),                                   \
	.versions = LIST(VERSION_1_3),                                                             \
	.extensions = LIST(EXTENSION_SERVER_NAME, EXTENSION_RENEGOTIATION_INFO,                    \
		EXTENSION_SUPPORTED_GROUPS, EXTENSION_KEY_SHARE, EXTENSION_SUPPORTED_VERSIONS,     \
		EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_COOKIE, EXTENSION_PSK_MODES,             \
		EXTENSION_RECORD_SIZE_LIMIT),                                                      \
	.record_size_limit = 0x4001

#define ALL_GROUPS                                                                                 \
	.groups = LIST(0x001d, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104)

static const struct tls13_browser tables[RFC8448_TRACES] = {
	[RFC8448_RETRY] = {CLIENT_OF_THE_TRACES, .groups = LIST(0x001d, 0x0017, 0x0018)},
	[RFC8448_CLIENT_AUTHENTICATION] = {CLIENT_OF_THE_TRACES, ALL_GROUPS},
	[RFC8448_COMPATIBILITY] = {CLIENT_OF_THE_TRACES, ALL_GROUPS, .session_id = true},
};

static void matches(const uint8_t *bytes, const char *hex)
{
	uint8_t wanted[RECORD_MAX];
	uint32_t n = rig_hex(hex, wanted);

	assert_memory_equal(bytes, wanted, n);
}

static struct tls13_secret secret_of(const char *hex)
{
	struct tls13_secret secret = {.suite = SUITE, .length = HASH_BYTES};

	rig_hex(hex, secret.bytes);
	return secret;
}

// One handshake as both ends see it.
struct replay {
	const struct rfc8448_trace *trace;
	struct hasher hash;
	struct schedule schedule;
	struct transcript transcript;
	EVP_PKEY *key; // of the last certificate
};

static void hashed(const struct replay *r, uint8_t out[HASH_BYTES])
{
	assert_true(transcript_hash(&r->transcript, &r->hash, NULL, 0, out));
}

// A plain record's message into the transcript.
static struct cursor add_plain(struct replay *r, const char *hex, uint8_t *record)
{
	uint32_t n = rig_hex(hex, record);

	assert_int_equal(record[0], RECORD_HANDSHAKE);
	assert_int_equal((uint32_t)record[3] << 8 | record[4], n - RECORD_HEADER_BYTES);
	assert_true(transcript_add(
		&r->transcript, record + RECORD_HEADER_BYTES, n - RECORD_HEADER_BYTES));
	return cursor_over(record + RECORD_HEADER_BYTES, n - RECORD_HEADER_BYTES);
}

static void derived(const struct replay *r, const char *label, const char *hex)
{
	uint8_t transcript[HASH_BYTES], out[HASH_BYTES];

	hashed(r, transcript);
	assert_true(schedule_derive(&r->schedule, label, transcript, out));
	matches(out, hex);
}

// The server's share in its hello.
static struct cursor share_of(struct cursor hello)
{
	struct cursor block = {0}, body = {0}, share = {0};
	uint16_t type = 0;

	assert_true(cursor_skip(&hello, 4 + 2 + RANDOM_BYTES) &&
		    cursor_take_vector(&hello, 1, &body) && cursor_skip(&hello, 3) &&
		    cursor_take_vector(&hello, 2, &block));
	while (type != EXTENSION_KEY_SHARE)
		assert_true(cursor_take_u16(&block, &type) && cursor_take_vector(&block, 2, &body));
	assert_true(cursor_skip(&body, 2) && cursor_take_vector(&body, 2, &share));
	return share;
}

static void agree(const struct replay *r, struct cursor server_hello, struct group_secret *out)
{
	struct cursor share = share_of(server_hello);
	struct group_key key = {.group = GROUP_X25519};

	if (r->trace->retry != NULL) {
		uint8_t bytes[32];

		key.group = GROUP_P256;
		key.ecdh = rig_p256(bytes, rig_hex(r->trace->private_key, bytes));
	} else {
		rig_hex(r->trace->private_key, key.x25519);
	}
	assert_int_equal(group_finish(&key, share, out), TLS13_OK);
	matches(out->bytes, r->trace->shared);
	group_key_clear(&key);
}

// From nothing to both ends' handshake secrets.
static void begin(struct replay *r, const struct rfc8448_trace *trace)
{
	uint8_t record[RECORD_MAX], psk[HASH_BYTES];
	struct group_secret shared;
	struct cursor server_hello;

	*r = (struct replay){.trace = trace,
		.hash = {.md = rig.library->sha256,
			.context = EVP_MD_CTX_new(),
			.bytes = HASH_BYTES},
		.transcript = {.messages = writer_with(RECORD_MAX)}};
	add_plain(r, trace->hello, record);
	assert_true(transcript_begin(&r->transcript, &r->hash));
	if (trace->retry != NULL) {
		assert_true(transcript_retry(&r->transcript, &r->hash));
		add_plain(r, trace->retry, record);
		add_plain(r, trace->second_hello, record);
	}
	if (trace->psk != NULL)
		rig_hex(trace->psk, psk);
	assert_true(schedule_early(
		&r->schedule, &r->hash, trace->psk != NULL ? psk : NULL, HASH_BYTES));
	matches(r->schedule.secret, trace->early);
	server_hello = add_plain(r, trace->server_hello, record);
	agree(r, server_hello, &shared);
	assert_true(schedule_handshake(&r->schedule, shared.bytes, shared.length));
	matches(r->schedule.secret, trace->handshake);
	derived(r, "c hs traffic", trace->client_handshake);
	derived(r, "s hs traffic", trace->server_handshake);
}

static void end(struct replay *r)
{
	EVP_PKEY_free(r->key);
	transcript_fini(&r->transcript);
	EVP_MD_CTX_free(r->hash.context);
}

// Opens one record, and seals it again to the same bytes. Its content, behind `out`.
static size_t open_sealed(const char *secret, uint64_t sequence, const uint8_t *record,
	size_t length, uint8_t wanted, uint8_t *out)
{
	struct tls13_secret keys = secret_of(secret);
	struct record_key opens = {0}, seals = {0};
	struct writer again = writer_with(RECORD_MAX);
	uint8_t copy[RECORD_MAX], type = 0;
	size_t n = length - RECORD_HEADER_BYTES;

	assert_true(record_key_set(rig.library, false, &keys, &opens));
	assert_true(record_key_set(rig.library, true, &keys, &seals));
	opens.sequence = seals.sequence = sequence;
	memcpy(copy, record, length);
	assert_int_equal(
		record_open(&opens, copy, copy + RECORD_HEADER_BYTES, &n, &type), TLS13_OK);
	assert_int_equal(type, wanted);
	memcpy(out, copy + RECORD_HEADER_BYTES, n);
	assert_true(record_seal(&seals, &again, type, out, n, 0));
	assert_int_equal(again.used, length);
	assert_memory_equal(again.base, record, length);
	writer_clear(&again);
	record_key_clear(&opens);
	record_key_clear(&seals);
	return n;
}

// The next record of some in a row; change_cipher_spec is passed over.
static struct cursor next_sealed(struct cursor *records)
{
	for (;;) {
		const uint8_t *from = records->p;
		struct cursor body = {0};

		assert_true(cursor_skip(records, 3) && cursor_take_vector(records, 2, &body));
		if (from[0] == RECORD_APPLICATION_DATA)
			return cursor_over(from, (size_t)(body.end - from));
		assert_int_equal(from[0], RECORD_CHANGE_CIPHER_SPEC);
	}
}

static void take_certificate(struct replay *r, struct cursor body)
{
	struct chain_entries entries;
	struct chain chain;

	assert_int_equal(chain_parse(body, NULL, &entries), TLS13_OK);
	assert_int_equal(chain_decode(&entries, &chain), TLS13_OK);
	assert_int_equal(chain.count, 1);
	EVP_PKEY_free(r->key);
	r->key = X509_get_pubkey(chain.certificates[0]);
	chain_clear(&chain);
}

static void take_certificate_verify(struct replay *r, struct cursor body, bool is_server)
{
	uint8_t transcript[HASH_BYTES];
	struct cursor signature = {0};
	uint16_t scheme = 0;

	assert_true(cursor_take_u16(&body, &scheme) && cursor_take_vector(&body, 2, &signature));
	hashed(r, transcript);
	assert_int_equal(
		signature_verify(scheme, r->key, is_server, transcript, HASH_BYTES, signature),
		TLS13_OK);
	assert_int_not_equal(
		signature_verify(scheme, r->key, !is_server, transcript, HASH_BYTES, signature),
		TLS13_OK);
}

// The messages of one flight: signatures and Finished are right. How many certificates it had.
static uint32_t take_flight(struct replay *r, struct cursor flight, bool is_server)
{
	struct tls13_secret base =
		secret_of(is_server ? r->trace->server_handshake : r->trace->client_handshake);
	uint8_t transcript[HASH_BYTES], verify_data[HASH_BYTES], type = 0;
	uint32_t certificates = 0;

	while (cursor_left(&flight) != 0) {
		const uint8_t *from = flight.p;
		struct cursor body = {0};

		assert_true(
			cursor_take_u8(&flight, &type) && cursor_take_vector(&flight, 3, &body));
		if (type == HANDSHAKE_CERTIFICATE) {
			take_certificate(r, body);
			certificates++;
		} else if (type == HANDSHAKE_CERTIFICATE_VERIFY) {
			take_certificate_verify(r, body, is_server);
		} else if (type == HANDSHAKE_FINISHED) {
			hashed(r, transcript);
			assert_true(
				schedule_finished(&r->hash, base.bytes, transcript, verify_data));
			assert_true(cursor_equals(&body, verify_data, HASH_BYTES));
		}
		assert_true(transcript_add(&r->transcript, from, (size_t)(body.end - from)));
	}
	assert_int_equal(type, HANDSHAKE_FINISHED);
	return certificates;
}

// The server's flight, and what follows from it. How many certificates it had.
static uint32_t server_flight(struct replay *r)
{
	const struct rfc8448_trace *t = r->trace;
	uint8_t records[RECORD_MAX], flight[RECORD_MAX];
	struct cursor all = cursor_over(records, rig_hex(t->server_flight, records));
	struct cursor one = next_sealed(&all);
	size_t n = open_sealed(
		t->server_handshake, 0, one.p, cursor_left(&one), RECORD_HANDSHAKE, flight);
	uint32_t certificates = take_flight(r, cursor_over(flight, n), true);

	assert_int_equal(cursor_left(&all), 0);
	assert_true(schedule_master(&r->schedule));
	matches(r->schedule.secret, t->master);
	derived(r, "c ap traffic", t->client_application);
	derived(r, "s ap traffic", t->server_application);
	derived(r, "exp master", t->exporter);
	return certificates;
}

static uint32_t client_flight(struct replay *r)
{
	static const uint8_t end_of_early_data[] = {5, 0, 0, 0};
	const struct rfc8448_trace *t = r->trace;
	uint8_t records[RECORD_MAX], flight[RECORD_MAX];
	struct cursor all = cursor_over(records, rig_hex(t->client_flight, records));
	struct cursor one = next_sealed(&all);
	uint32_t certificates;
	size_t n;

	if (t->early_data != NULL) {
		n = open_sealed(
			t->client_early, 1, one.p, cursor_left(&one), RECORD_HANDSHAKE, flight);
		assert_int_equal(n, sizeof(end_of_early_data));
		assert_memory_equal(flight, end_of_early_data, n);
		assert_true(transcript_add(&r->transcript, flight, n));
		one = next_sealed(&all);
	}
	n = open_sealed(t->client_handshake, 0, one.p, cursor_left(&one), RECORD_HANDSHAKE, flight);
	certificates = take_flight(r, cursor_over(flight, n), false);
	assert_int_equal(cursor_left(&all), 0);
	derived(r, "res master", t->resumption);
	return certificates;
}

static void every_section_has_our_keys_records_and_proofs(void **state)
{
	static const uint32_t certificates[RFC8448_TRACES][2] = {
		[RFC8448_RETRY] = {1, 0},
		[RFC8448_CLIENT_AUTHENTICATION] = {1, 1},
		[RFC8448_COMPATIBILITY] = {1, 0},
	};
	struct replay r;

	for (int i = 0; i < RFC8448_TRACES; i++) {
		print_message("section %s\n", rfc8448_traces[i].section);
		begin(&r, &rfc8448_traces[i]);
		assert_int_equal(server_flight(&r), certificates[i][0]);
		assert_int_equal(client_flight(&r), certificates[i][1]);
		end(&r);
	}
}

// Section 4: the ticket's key binds the hello, and early data goes under secrets of both.
static void the_resumed_hello_is_bound_and_its_early_data_opens(void **state)
{
	const struct rfc8448_trace *t = &rfc8448_traces[RFC8448_RESUMPTION];
	uint8_t record[RECORD_MAX], psk[HASH_BYTES], key[HASH_BYTES], transcript[HASH_BYTES],
		binder[HASH_BYTES], data[RECORD_MAX];
	struct hasher h = {
		.md = rig.library->sha256, .context = EVP_MD_CTX_new(), .bytes = HASH_BYTES};
	struct client_hello hello;
	struct cursor given = {0};
	struct schedule s;
	size_t n = rig_hex(t->hello, record) - RECORD_HEADER_BYTES, length;
	const uint8_t *message = record + RECORD_HEADER_BYTES;

	rig_hex(t->psk, psk);
	assert_int_equal(client_hello_parse(cursor_over(message + 4, n - 4), &hello), TLS13_OK);
	assert_true(extensions_have(&hello.extensions, AT_EARLY_DATA));
	assert_true(cursor_take_vector(&hello.psk_binders, 1, &given));
	assert_true(schedule_early(&s, &h, psk, sizeof(psk)));
	assert_true(schedule_derive(&s, "res binder", NULL, key));
	matches(key, "69fe131a3bbad5d63c64eebcc30e395b9d8107726a13d074e389dbc8a4e47256");
	length = (size_t)(hello.binders_at - message);
	assert_int_equal(length, 477);
	assert_true(hasher_hash(&h, message, length, transcript));
	assert_true(schedule_finished(&h, key, transcript, binder));
	assert_true(cursor_equals(&given, binder, sizeof(binder)));
	assert_true(hasher_hash(&h, message, n, transcript));
	assert_true(schedule_derive(&s, "c e traffic", transcript, key));
	matches(key, t->client_early);
	assert_true(schedule_derive(&s, "e exp master", transcript, key));
	matches(key, "b2026866610937d7423e5be90862ccf24c0e6091186d34f812089ff5be2ef7df");
	n = rig_hex(t->early_data, record);
	n = open_sealed(t->client_early, 0, record, n, RECORD_APPLICATION_DATA, data);
	assert_int_equal(n, 6);
	assert_memory_equal(data, "ABCDEF", 6);
	EVP_MD_CTX_free(h.context);
}

// Ours knows nothing of the ticket, and would refuse the early data if it did.
static void our_server_passes_over_the_traces_early_data(void **state)
{
	const struct rfc8448_trace *t = &rfc8448_traces[RFC8448_RESUMPTION];
	uint8_t records[RECORD_MAX];
	struct tls13_summary summary;
	const uint8_t *bytes;
	struct end server;
	size_t n, taken;

	rig_server(&server, RIG_P256);
	rig_open(&server, false);
	n = rig_hex(t->hello, records);
	n += rig_hex(t->early_data, records + n);
	n += rig_hex(t->early_data, records + n);
	assert_int_equal(
		tls13_stream_input(server.stream, records, n, RIG_NOW_MS, &taken), TLS13_OK);
	assert_int_equal(taken, n);
	tls13_summary(tls13_stream_engine(server.stream), &summary);
	assert_false(summary.resumed);
	assert_true(tls13_stream_output(server.stream, &bytes) > 200);
	assert_int_equal(bytes[0], RECORD_HANDSHAKE);
	rig_close(&server);
}

static bool of_the_trace(void *user, uint8_t *out, size_t length)
{
	const char **hex = user;

	memset(out, 0, length);
	if (length != 32)
		return true;
	for (size_t i = 0; i < length; i++) {
		unsigned int byte;

		assert_int_equal(sscanf(*hex, "%2x", &byte), 1);
		out[i] = (uint8_t)byte;
		*hex += 2;
	}
	return true;
}

// Our client has made the trace's first record.
static void begin_client(struct end *client, int trace, const char **random)
{
	const struct rfc8448_trace *t = &rfc8448_traces[trace];
	uint8_t wanted[RECORD_MAX];
	const uint8_t *bytes;
	size_t n;

	*random = t->random;
	rig_client(client);
	client->config.browser = &tables[trace];
	client->config.random = (struct randomness){.fill = of_the_trace, .user = random};
	client->config.insecure = true;
	client->start.name = "server";
	rig_open(client, true);
	n = tls13_stream_output(client->stream, &bytes);
	assert_int_equal(n, rig_hex(t->hello, wanted));
	assert_memory_equal(bytes, wanted, n);
	tls13_stream_sent(client->stream, n);
}

static void give(struct end *client, const char *hex)
{
	uint8_t records[RECORD_MAX];
	size_t n = rig_hex(hex, records), taken;

	assert_int_equal(
		tls13_stream_input(client->stream, records, n, RIG_NOW_MS, &taken), TLS13_OK);
	assert_int_equal(taken, n);
}

// Sections 6 and 7: the hello, and from the server's flight the secrets of both directions.
static void our_client_is_the_traces(struct end *client, int trace, const char **random)
{
	const struct rfc8448_trace *t = &rfc8448_traces[trace];
	struct tls13_stream_key in, out;

	begin_client(client, trace, random);
	give(client, t->server_hello);
	give(client, t->server_flight);
	assert_true(tls13_stream_is_complete(client->stream));
	tls13_stream_keys(client->stream, &in, &out);
	matches(out.secret.bytes, t->client_application);
	matches(in.secret.bytes, t->server_application);
}

// Its signature is salted by chance: ours answers the request without a certificate.
static void our_client_takes_the_request_for_its_certificate(void **state)
{
	static const uint8_t empty[] = {HANDSHAKE_CERTIFICATE, 0, 0, 4, 0, 0, 0, 0};
	const struct rfc8448_trace *t = &rfc8448_traces[RFC8448_CLIENT_AUTHENTICATION];
	uint8_t flight[RECORD_MAX];
	const uint8_t *bytes;
	struct end client;
	const char *random;
	size_t n;

	our_client_is_the_traces(&client, RFC8448_CLIENT_AUTHENTICATION, &random);
	n = tls13_stream_output(client.stream, &bytes);
	n = open_sealed(t->client_handshake, 0, bytes + 6, n - 6, RECORD_HANDSHAKE, flight);
	assert_int_equal(n, sizeof(empty) + 4 + HASH_BYTES);
	assert_memory_equal(flight, empty, sizeof(empty));
	rig_close(&client);
}

static void our_client_looks_like_tls_1_2_as_the_traces_does(void **state)
{
	const struct rfc8448_trace *t = &rfc8448_traces[RFC8448_COMPATIBILITY];
	uint8_t wanted[RECORD_MAX];
	const uint8_t *bytes;
	struct end client;
	const char *random;
	size_t n;

	our_client_is_the_traces(&client, RFC8448_COMPATIBILITY, &random);
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(n, rig_hex(t->client_flight, wanted));
	assert_memory_equal(bytes, wanted, n);
	rig_close(&client);
}

// Section 5: the second hello is the trace's but for its key, which libcrypto draws, and the
// padding, which ours has none of: 175 zeros and 4 bytes of header at the end.
static void our_client_retries_as_the_traces_does(void **state)
{
	enum {
		PADDING = 4 + 175,
		SHARE_AT = RECORD_HEADER_BYTES + 4 + 2 + RANDOM_BYTES + 1 + 8 + 2 + 2 + 15 + 5 +
			   12 + 10,
		SHARE = 65,
	};
	const struct rfc8448_trace *t = &rfc8448_traces[RFC8448_RETRY];
	static const uint8_t lengths[] = {0x01, 0x4d, 0x01, 0x00, 0x01, 0x49};
	uint8_t wanted[RECORD_MAX];
	const uint8_t *bytes;
	struct end client;
	const char *random;
	size_t n;

	begin_client(&client, RFC8448_RETRY, &random);
	give(&client, t->retry);
	n = tls13_stream_output(client.stream, &bytes);
	// Ours has a change_cipher_spec in front, which the trace's client does without.
	bytes += 6;
	n -= 6;
	assert_int_equal(n, rig_hex(t->second_hello, wanted) - PADDING);
	memcpy(wanted + 3, lengths, sizeof(lengths));
	assert_memory_equal(bytes, wanted, 9 + 2 + RANDOM_BYTES + 1 + 8 + 2);
	wanted[9 + 2 + RANDOM_BYTES + 1 + 8 + 2] = 0x01;
	wanted[9 + 2 + RANDOM_BYTES + 1 + 8 + 2 + 1] = 0xcd - PADDING;
	assert_memory_equal(bytes, wanted, SHARE_AT);
	assert_memory_equal(
		bytes + SHARE_AT + SHARE, wanted + SHARE_AT + SHARE, n - SHARE_AT - SHARE);
	rig_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_section_has_our_keys_records_and_proofs),
		cmocka_unit_test(the_resumed_hello_is_bound_and_its_early_data_opens),
		cmocka_unit_test(our_server_passes_over_the_traces_early_data),
		cmocka_unit_test(our_client_takes_the_request_for_its_certificate),
		cmocka_unit_test(our_client_looks_like_tls_1_2_as_the_traces_does),
		cmocka_unit_test(our_client_retries_as_the_traces_does),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
