// SPDX-License-Identifier: BSD-3-Clause
// Compressed certificates (RFC 8879): what comes of those that are not what they say, and OpenSSL
// (3.2 and later, with what it was built with) as the peer that packs and unpacks them.
#include "rig.h"

#include <dlfcn.h>
#include <openssl/ssl.h>

#include "tls13/compress.h"

enum {
	MESSAGE_AT = 4, // header
	PACKED_AT = MESSAGE_AT + 2 + 3 + 3,
	ROOM = 1 << 16,
};

static const uint16_t algorithms[] = {COMPRESSION_ZLIB, COMPRESSION_BROTLI, COMPRESSION_ZSTD};

// One end of a handshake without records, and what it has sent at each level.
struct side {
	struct end end;
	struct tls13 *engine;
	uint8_t sent[3][ROOM];
	size_t length[3];
};
static struct side client, server;

static void on_send(void *user, enum tls13_level level, const uint8_t *message, size_t length)
{
	struct side *s = user;

	assert_in_range(length, 1, ROOM - s->length[level]);
	memcpy(s->sent[level] + s->length[level], message, length);
	s->length[level] += length;
}

static void on_secret(void *user, enum tls13_level level, enum tls13_direction direction,
	const struct tls13_secret *secret)
{
}

static void side_open(struct side *s, bool is_client)
{
	s->end.events = (struct tls13_events){.user = s, .send = on_send, .secret = on_secret};
	memset(s->length, 0, sizeof(s->length));
	assert_int_equal(tls13_create(&s->end.config, is_client, &s->end.start, &s->engine), 0);
}

static void sides_close(void)
{
	tls13_destroy(client.engine);
	tls13_destroy(server.engine);
}

// Until the server has sent its flight, with its certificate packed by that algorithm.
static void server_speaks_to(const struct tls13_browser *browser, const uint16_t *algorithm)
{
	rig_client(&client.end);
	rig_server(&server.end, RIG_RSA);
	client.end.config.browser = browser;
	server.end.config.compressions = (struct tls13_list){.values = algorithm, .count = 1};
	side_open(&client, true);
	side_open(&server, false);
	assert_int_equal(tls13_begin(client.engine, RIG_NOW_MS), TLS13_OK);
	assert_int_equal(tls13_input(server.engine, TLS13_INITIAL, client.sent[TLS13_INITIAL],
				 client.length[TLS13_INITIAL], RIG_NOW_MS),
		TLS13_OK);
	assert_int_equal(tls13_input(client.engine, TLS13_INITIAL, server.sent[TLS13_INITIAL],
				 server.length[TLS13_INITIAL], RIG_NOW_MS),
		TLS13_OK);
}

// One that names all three.
static void server_speaks(const uint16_t *algorithm)
{
	server_speaks_to(&tls13_browser_firefox, algorithm);
}

static size_t message_length(const uint8_t *message)
{
	return MESSAGE_AT + ((size_t)message[1] << 16 | (size_t)message[2] << 8 | message[3]);
}

// Where the server's packed certificate is in its flight.
static size_t packed_at(void)
{
	const uint8_t *flight = server.sent[TLS13_HANDSHAKE];
	size_t at = 0;

	while (at < server.length[TLS13_HANDSHAKE] &&
		flight[at] != HANDSHAKE_COMPRESSED_CERTIFICATE)
		at += message_length(flight + at);
	assert_in_range(at, 1, server.length[TLS13_HANDSHAKE] - 1);
	return at;
}

// What the client says of the flight with another message in the packed certificate's place.
static enum tls13_verdict client_says(const uint8_t *message, size_t length)
{
	enum tls13_verdict v = tls13_input(client.engine, TLS13_HANDSHAKE,
		server.sent[TLS13_HANDSHAKE], packed_at(), RIG_NOW_MS);

	assert_int_equal(v, TLS13_OK);
	return tls13_input(client.engine, TLS13_HANDSHAKE, message, length, RIG_NOW_MS);
}

static uint8_t message[ROOM], certificate[ROOM];

// A CompressedCertificate of these parts; its length.
static size_t message_make(
	uint16_t algorithm, size_t unpacked, const uint8_t *packed, size_t length)
{
	size_t body = 2 + 3 + 3 + length;
	const uint8_t head[PACKED_AT] = {HANDSHAKE_COMPRESSED_CERTIFICATE, (uint8_t)(body >> 16),
		(uint8_t)(body >> 8), (uint8_t)body, (uint8_t)(algorithm >> 8), (uint8_t)algorithm,
		(uint8_t)(unpacked >> 16), (uint8_t)(unpacked >> 8), (uint8_t)unpacked,
		(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length};

	assert_in_range(length, 0, sizeof(message) - sizeof(head));
	memcpy(message, head, sizeof(head));
	memcpy(message + sizeof(head), packed, length);
	return sizeof(head) + length;
}

// The Certificate that the server has packed.
static size_t certificate_unpack(uint16_t algorithm)
{
	const uint8_t *m = server.sent[TLS13_HANDSHAKE] + packed_at();
	size_t length = (size_t)m[6] << 16 | (size_t)m[7] << 8 | m[8];

	assert_int_equal(m[4] << 8 | m[5], algorithm);
	assert_true(compression_unpack(algorithm,
		cursor_over(m + PACKED_AT, message_length(m) - PACKED_AT), certificate, length));
	return length;
}

static void expect(const uint16_t *algorithm, uint16_t said, size_t unpacked,
	const struct writer *packed, enum tls13_verdict wanted)
{
	size_t n;

	server_speaks(algorithm);
	n = message_make(said, unpacked, packed->base, packed->used);
	assert_int_equal(client_says(message, n), wanted);
	sides_close();
}

static void what_is_not_what_it_says_is_refused(void **state)
{
	for (size_t i = 0; i < nx_array_size(algorithms); i++) {
		uint16_t a = algorithms[i], other = algorithms[(i + 1) % 3];
		struct writer packed = writer_with(ROOM), nothing = {.base = certificate};
		size_t n;

		server_speaks(&a);
		n = certificate_unpack(a);
		sides_close();
		assert_true(compression_pack(a, certificate, n, &packed));
		expect(&a, a, n, &packed, TLS13_OK);
		expect(&a, a, n + 1, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, n - 1, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, 0, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, TLS13_MESSAGE_MAX + 1, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, 0xffffff, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, n, &nothing, TLS13_CERTIFICATE_PACKED);
		expect(&a, other, n, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, 0, n, &packed, TLS13_PACKING_UNASKED);
		expect(&a, 4, n, &packed, TLS13_PACKING_UNASKED);
		for (size_t cut = 1; cut < packed.used; cut += packed.used / 9) {
			struct writer less = {.base = packed.base, .used = packed.used - cut};

			expect(&a, a, n, &less, TLS13_CERTIFICATE_PACKED);
		}
		writer_clear(&packed);
	}
}

// What unpacks to more than it says takes no more memory than it says.
static void a_bomb_has_the_room_that_it_asks_for(void **state)
{
	static const uint8_t zeros[1 << 20];

	for (size_t i = 0; i < nx_array_size(algorithms); i++) {
		uint16_t a = algorithms[i];
		struct writer packed = writer_with(sizeof(zeros));

		assert_true(compression_pack(a, zeros, sizeof(zeros), &packed));
		expect(&a, a, 100, &packed, TLS13_CERTIFICATE_PACKED);
		expect(&a, a, TLS13_MESSAGE_MAX, &packed, TLS13_CERTIFICATE_PACKED);
		writer_clear(&packed);
	}
}

static void a_client_takes_what_it_offered_alone(void **state)
{
	static const uint16_t brotli = COMPRESSION_BROTLI;
	struct writer packed = writer_with(ROOM);
	size_t n;

	server_speaks(&brotli);
	n = certificate_unpack(brotli);
	sides_close();
	// Chrome's hello names brotli, and nothing else.
	assert_true(compression_pack(COMPRESSION_ZLIB, certificate, n, &packed));
	server_speaks_to(&tls13_browser_chrome, &brotli);
	n = message_make(COMPRESSION_ZLIB, n, packed.base, packed.used);
	assert_int_equal(client_says(message, n), TLS13_PACKING_UNASKED);
	sides_close();
	writer_clear(&packed);
}

// Of each part, and of the message as a whole.
static void lengths_must_agree(void **state)
{
	static const uint16_t zlib = COMPRESSION_ZLIB;
	size_t n;

	for (int change = -1; change <= 1; change += 2) {
		server_speaks(&zlib);
		n = message_length(server.sent[TLS13_HANDSHAKE] + packed_at());
		memcpy(message, server.sent[TLS13_HANDSHAKE] + packed_at(), n);
		message[PACKED_AT - 1] = (uint8_t)(message[PACKED_AT - 1] + change);
		assert_int_equal(client_says(message, n),
			change < 0 ? TLS13_MESSAGE_TRAILING : TLS13_MESSAGE_TRUNCATED);
		sides_close();
	}
	for (uint8_t length = 0; length < PACKED_AT - MESSAGE_AT; length++) {
		const uint8_t head[PACKED_AT] = {
			HANDSHAKE_COMPRESSED_CERTIFICATE, 0, 0, length, 0, 1, 0, 0, 1};

		server_speaks(&zlib);
		assert_int_equal(
			client_says(head, MESSAGE_AT + (size_t)length), TLS13_MESSAGE_TRUNCATED);
		sides_close();
	}
}

// Which of OpenSSL's messages were packed certificates.
static unsigned int packed_seen;

static void on_message(
	int write_p, int version, int type, const void *bytes, size_t length, SSL *ssl, void *user)
{
	packed_seen += type == SSL3_RT_HANDSHAKE && length > 0 &&
		       *(const uint8_t *)bytes == HANDSHAKE_COMPRESSED_CERTIFICATE;
}

// Not in OpenSSL 3.0's headers.
typedef int preference_fn(SSL_CTX *context, int *algorithms, size_t count);
typedef int compress_fn(SSL_CTX *context, int algorithm);

static void *find(const char *name)
{
	void *function = dlsym(RTLD_DEFAULT, name);

	if (function == NULL) {
		print_message("OpenSSL compresses no certificates\n");
		skip();
	}
	return function;
}

// NULL where OpenSSL was built without the algorithm.
static SSL_CTX *context_make(bool is_server, int algorithm)
{
	preference_fn *prefer = (preference_fn *)find("SSL_CTX_set1_cert_comp_preference");
	compress_fn *pack = (compress_fn *)find("SSL_CTX_compress_certs");
	SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());

	SSL_CTX_set_msg_callback(context, on_message);
	SSL_CTX_set_num_tickets(context, 0);
	if (is_server) {
		SSL_CTX_use_certificate(context, rig.leaves[RIG_RSA]);
		SSL_CTX_use_PrivateKey(context, rig.keys[RIG_RSA]);
	}
	if (prefer(context, &algorithm, 1) == 1 && (!is_server || pack(context, algorithm) == 1))
		return context;
	SSL_CTX_free(context);
	return NULL;
}

static void talk(SSL *ssl, struct end *us)
{
	static uint8_t bytes[ROOM];

	for (int turn = 0; turn < 4; turn++) {
		const uint8_t *out;
		size_t n, taken;
		int got;

		SSL_do_handshake(ssl);
		while ((got = BIO_read(SSL_get_wbio(ssl), bytes, sizeof(bytes))) > 0)
			assert_int_equal(tls13_stream_input(us->stream, bytes, (size_t)got,
						 RIG_NOW_MS, &taken),
				TLS13_OK);
		n = tls13_stream_output(us->stream, &out);
		BIO_write(SSL_get_rbio(ssl), out, (int)n);
		tls13_stream_sent(us->stream, n);
	}
	assert_true(SSL_is_init_finished(ssl) && tls13_stream_is_complete(us->stream));
}

// Whether OpenSSL was there for it.
static bool shake(bool is_server, uint16_t algorithm)
{
	SSL_CTX *context = context_make(is_server, algorithm);
	struct end us;
	SSL *ssl;

	if (context == NULL)
		return false;
	ssl = SSL_new(context);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	packed_seen = 0;
	if (is_server) {
		SSL_set_accept_state(ssl);
		rig_client(&us);
		us.config.browser = &tls13_browser_firefox;
	} else {
		SSL_set_connect_state(ssl);
		rig_server(&us, RIG_RSA);
		us.config.compressions = (struct tls13_list){.values = &algorithm, .count = 1};
	}
	rig_open(&us, is_server);
	talk(ssl, &us);
	assert_int_equal(packed_seen, 1);
	rig_close(&us);
	SSL_free(ssl);
	SSL_CTX_free(context);
	return true;
}

static void openssl_unpacks_ours_and_packs_its_own(void **state)
{
	uint32_t done = 0;

	for (size_t i = 0; i < nx_array_size(algorithms); i++)
		done += shake(false, algorithms[i]) + shake(true, algorithms[i]);
	print_message("%u handshakes with packed certificates\n", done);
	if (done == 0)
		skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_what_it_says_is_refused),
		cmocka_unit_test(a_bomb_has_the_room_that_it_asks_for),
		cmocka_unit_test(a_client_takes_what_it_offered_alone),
		cmocka_unit_test(lengths_must_agree),
		cmocka_unit_test(openssl_unpacks_ours_and_packs_its_own),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
