// SPDX-License-Identifier: BSD-3-Clause
// What a peer may not send: each has its verdict, which stays, and the alert that it is owed.
#include "rig.h"
#include "tls/record_impl.h"

static uint8_t wire[70000], opened[70000], zeros[20000];

// A record as the keys of `from` protect it, whatever it says. TLS 1.3: inner ends with its type.
static uint32_t craft(
	struct tls_records *from, uint8_t type, const uint8_t *inner, uint32_t length, uint8_t *out)
{
	struct tls_key *key = &from->out.key;
	uint32_t before = tls_before(key);
	struct tls_aead aead;

	out[0] = type;
	out[1] = 3;
	out[2] = 3;
	be16_store(out + 3,
		be16_from_host((uint16_t)(before - HEADER_BYTES + length + AEAD_TAG_BYTES)));
	memset(out + HEADER_BYTES, 7, before - HEADER_BYTES);
	memcpy(out + before, inner, length);
	tls_aead_prepare(&rig, key, out, length, out + HEADER_BYTES, &aead);
	aead_seal(rig.crypto, &aead.input, out + before, length, out + before + length);
	key->sequence++;
	return before + length + AEAD_TAG_BYTES;
}

static void fini(struct tls_records *a, struct tls_records *b)
{
	tls_records_fini(&rig, a);
	tls_records_fini(&rig, b);
	assert_int_equal(buffer_heap_alive(), 0);
}

// Opens wire at the other end, byte by byte and at once: the same verdict, which stays.
static void expect(struct tls_records *t, uint32_t n, enum tls_verdict v, enum tls_alert alert)
{
	struct buffer *data;

	assert_int_equal(rig_open(t, rig_chain(wire, n, 13, true), opened, v), 0);
	assert_int_equal(tls_verdict_alert(v), alert);
	assert_int_equal(tls_next(&rig, t, &data), v);
	assert_int_equal(rig_open(t, rig_chain(wire, n, n, false), opened, v), 0);
	assert_int_equal(tls_input_end(&rig, t), v);
}

struct bad_content {
	bool to_client;
	const char *inner; // hex, with its type for TLS 1.3
	enum tls_verdict verdict;
	enum tls_alert alert;
};

static void contents_of_tls13_that_may_not_come(void **state)
{
	static const struct bad_content cases[] = {
		{false, "00", TLS_NO_CONTENT_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "000000000000", TLS_NO_CONTENT_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "16", TLS_EMPTY_FRAGMENT, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "150000", TLS_EMPTY_FRAGMENT, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "0114", TLS_UNEXPECTED_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "0118", TLS_UNEXPECTED_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "0215", TLS_BAD_ALERT, TLS_ALERT_DECODE_ERROR},
		{false, "02000015", TLS_BAD_ALERT, TLS_ALERT_DECODE_ERROR},
		{false, "022815", TLS_PEER_ALERT, TLS_ALERT_NONE},
		{false, "012815", TLS_PEER_ALERT, TLS_ALERT_NONE},
		{false, "180000010216", TLS_BAD_UPDATE_REQUEST, TLS_ALERT_ILLEGAL_PARAMETER},
		{false, "18000002000016", TLS_BAD_KEY_UPDATE, TLS_ALERT_DECODE_ERROR},
		{false, "1800000016", TLS_BAD_KEY_UPDATE, TLS_ALERT_DECODE_ERROR},
		{false, "18000001001816", TLS_UPDATE_NOT_LAST, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "0400000016", TLS_MESSAGE_UNEXPECTED, TLS_ALERT_UNEXPECTED_MESSAGE},
		{true, "0d00000016", TLS_MESSAGE_UNEXPECTED, TLS_ALERT_UNEXPECTED_MESSAGE},
		{false, "0b00000016", TLS_MESSAGE_UNEXPECTED, TLS_ALERT_UNEXPECTED_MESSAGE},
		{true, "0401000016", TLS_MESSAGE_TOO_LONG, TLS_ALERT_DECODE_ERROR},
		{false, "0100000016", TLS_MESSAGE_UNEXPECTED, TLS_ALERT_UNEXPECTED_MESSAGE},
	};

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		struct tls_records client, server;
		uint8_t inner[32];
		uint32_t length = rig_hex(cases[i].inner, inner);

		rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
		expect(cases[i].to_client ? &client : &server,
			craft(cases[i].to_client ? &server : &client, 23, inner, length, wire),
			cases[i].verdict, cases[i].alert);
		fini(&client, &server);
	}
}

static void contents_of_tls12_that_may_not_come(void **state)
{
	static const struct {
		uint8_t type;
		struct bad_content content;
	} cases[] = {
		{22, {false, "01000000", TLS_RENEGOTIATION, TLS_ALERT_NO_RENEGOTIATION}},
		{22, {false, "00000000", TLS_RENEGOTIATION, TLS_ALERT_NO_RENEGOTIATION}},
		{22, {true, "04000000", TLS_RENEGOTIATION, TLS_ALERT_NO_RENEGOTIATION}},
		{22, {true, "", TLS_EMPTY_FRAGMENT, TLS_ALERT_UNEXPECTED_MESSAGE}},
		{21, {false, "02", TLS_BAD_ALERT, TLS_ALERT_DECODE_ERROR}},
		{21, {false, "0228", TLS_PEER_ALERT, TLS_ALERT_NONE}},
		{20, {false, "01", TLS_UNEXPECTED_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE}},
		{24, {false, "01", TLS_UNEXPECTED_TYPE, TLS_ALERT_UNEXPECTED_MESSAGE}},
	};

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		const struct bad_content *c = &cases[i].content;
		struct tls_records client, server;
		uint8_t inner[32];
		uint32_t length = rig_hex(c->inner, inner);

		rig_pair(TLS_VERSION_1_2, 0xc02f, &client, &server);
		expect(c->to_client ? &client : &server,
			craft(c->to_client ? &server : &client, cases[i].type, inner, length, wire),
			c->verdict, c->alert);
		fini(&client, &server);
	}
}

// Judged by its header alone, before the record is whole.
static void headers_that_cannot_be(void **state)
{
	static const struct {
		uint16_t version, suite;
		const char *header;
		enum tls_verdict verdict;
		enum tls_alert alert;
	} cases[] = {
		{TLS_VERSION_1_3, 0x1301, "1503030002", TLS_UNEXPECTED_TYPE,
			TLS_ALERT_UNEXPECTED_MESSAGE},
		{TLS_VERSION_1_3, 0x1301, "1403030001", TLS_UNEXPECTED_TYPE,
			TLS_ALERT_UNEXPECTED_MESSAGE},
		{TLS_VERSION_1_3, 0x1301, "1703034101", TLS_RECORD_TOO_LONG,
			TLS_ALERT_RECORD_OVERFLOW},
		{TLS_VERSION_1_3, 0x1301, "170303ffff", TLS_RECORD_TOO_LONG,
			TLS_ALERT_RECORD_OVERFLOW},
		{TLS_VERSION_1_3, 0x1301, "1703030010", TLS_RECORD_TOO_SHORT,
			TLS_ALERT_BAD_RECORD_MAC},
		{TLS_VERSION_1_3, 0x1301, "1703030000", TLS_RECORD_TOO_SHORT,
			TLS_ALERT_BAD_RECORD_MAC},
		{TLS_VERSION_1_2, 0xc02f, "1703010020", TLS_BAD_VERSION,
			TLS_ALERT_PROTOCOL_VERSION},
		{TLS_VERSION_1_2, 0xc02f, "1703030017", TLS_RECORD_TOO_SHORT,
			TLS_ALERT_BAD_RECORD_MAC},
		{TLS_VERSION_1_2, 0xcca8, "170303000f", TLS_RECORD_TOO_SHORT,
			TLS_ALERT_BAD_RECORD_MAC},
		{TLS_VERSION_1_2, 0xcca8, "4745542000", TLS_UNEXPECTED_TYPE,
			TLS_ALERT_UNEXPECTED_MESSAGE},
	};

	for (size_t i = 0; i < nx_array_size(cases); i++) {
		struct tls_records client, server;

		rig_pair(cases[i].version, cases[i].suite, &client, &server);
		expect(&server, rig_hex(cases[i].header, wire), cases[i].verdict, cases[i].alert);
		fini(&client, &server);
	}
}

static void padding_up_to_the_limit_is_stripped_and_no_more(void **state)
{
	for (uint32_t padding = 0; padding <= 16384; padding += padding < 8 ? 1 : 1489) {
		struct tls_records client, server;
		uint32_t n;

		rig_pair(TLS_VERSION_1_3, 0x1303, &client, &server);
		memcpy(zeros, "\0z\0\x17", 4);
		n = craft(&client, 23, zeros, 4 + u32_min(padding, 16381), wire);
		assert_int_equal(
			rig_open(&server, rig_chain(wire, n, 700, true), opened, TLS_WANT_MORE), 3);
		assert_memory_equal(opened, "\0z", 3);
		fini(&client, &server);
	}

	struct tls_records client, server;

	rig_pair(TLS_VERSION_1_3, 0x1303, &client, &server);
	expect(&server, craft(&client, 23, zeros, 16386, wire), TLS_PLAINTEXT_TOO_LONG,
		TLS_ALERT_RECORD_OVERFLOW);
	fini(&client, &server);
	rig_pair(TLS_VERSION_1_2, 0xc02f, &client, &server);
	expect(&server, craft(&client, 23, zeros, 16385, wire), TLS_PLAINTEXT_TOO_LONG,
		TLS_ALERT_RECORD_OVERFLOW);
	fini(&client, &server);
	memset(zeros, 0, sizeof(zeros));
}

// Any bit, and no byte of plaintext comes out. A changed length may also leave the record open.
static void a_flipped_bit_is_found(void **state)
{
	static const uint16_t suites[][2] = {
		{TLS_VERSION_1_3, 0x1302}, {TLS_VERSION_1_3, 0x1303}, {TLS_VERSION_1_2, 0xc02f}};

	for (size_t s = 0; s < nx_array_size(suites); s++)
		for (uint32_t bit = 0;; bit++) {
			struct tls_records client, server;
			struct buffer *data;
			enum tls_verdict v;
			uint32_t n;

			rig_pair(suites[s][0], suites[s][1], &client, &server);
			n = rig_seal(&client, (const uint8_t *)"attack at dawn", 14, wire);
			if (bit == n * 8) {
				fini(&client, &server);
				break;
			}
			wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
			tls_push(&rig, &server, rig_chain(wire, n, 11, true));
			v = tls_next(&rig, &server, &data);
			if (bit >= HEADER_BYTES * 8)
				assert_int_equal(v, TLS_BAD_RECORD);
			else
				assert_true(v == TLS_WANT_MORE || tls_verdict_is_fatal(v));
			fini(&client, &server);
		}
}

static void records_out_of_order_repeated_or_missing_are_bad(void **state)
{
	for (uint32_t kind = 0; kind < 3; kind++) {
		struct tls_records client, server;
		uint8_t first[100], second[100];
		uint32_t n, m, got;

		rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
		n = rig_seal(&client, zeros, 10, first);
		m = rig_seal(&client, zeros, 20, second);
		if (kind == 2) {
			got = rig_open(
				&server, rig_chain(first, n, 50, false), opened, TLS_WANT_MORE);
			assert_int_equal(got, 10);
			memcpy(wire, first, m = n);
		} else {
			memcpy(wire, second, m);
			memcpy(wire + m, first, n);
			m += kind == 0 ? n : 0;
		}
		expect(&server, m, TLS_BAD_RECORD, TLS_ALERT_BAD_RECORD_MAC);
		fini(&client, &server);
	}
}

static void a_key_update_may_be_cut_but_not_interrupted(void **state)
{
	static const uint8_t update[] = {24, 0, 0, 1, 0};

	for (uint32_t cut = 1; cut < sizeof(update); cut++)
		for (uint32_t interrupted = 0; interrupted < 2; interrupted++) {
			struct tls_records client, server;
			uint8_t inner[8];
			uint32_t n;

			rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
			memcpy(inner, update, cut);
			inner[cut] = 22;
			n = craft(&client, 23, inner, cut + 1, wire);
			if (interrupted) {
				n += craft(&client, 23, (const uint8_t *)"x\x17", 2, wire + n);
				expect(&server, n, TLS_MESSAGE_INTERLEAVED,
					TLS_ALERT_UNEXPECTED_MESSAGE);
				fini(&client, &server);
				continue;
			}
			memcpy(inner, update + cut, sizeof(update) - cut);
			inner[sizeof(update) - cut] = 22;
			n += craft(
				&client, 23, inner, (uint32_t)sizeof(update) - cut + 1, wire + n);
			tls_key_update(&rig, &client.out.key);
			n += rig_seal(&client, zeros, 33, wire + n);
			assert_int_equal(rig_open(&server, rig_chain(wire, n, 19, true), opened,
						 TLS_WANT_MORE),
				33);
			fini(&client, &server);
		}
}

// Tickets go to the caller record by record, a KeyUpdate behind one is still obeyed.
static void a_ticket_and_a_key_update_may_share_a_record(void **state)
{
	static const uint8_t inner[] = {4, 0, 0, 3, 'a', 'b', 'c', 24, 0, 0, 1, 1, 22};
	struct tls_records client, server;
	struct buffer *data;
	uint32_t n;

	rig_pair(TLS_VERSION_1_3, 0x1301, &client, &server);
	n = craft(&server, 23, inner, sizeof(inner), wire);
	tls_key_update(&rig, &server.out.key);
	n += rig_seal(&server, zeros, 5, wire + n);
	tls_push(&rig, &client, rig_chain(wire, n, 9, true));
	assert_int_equal(tls_next(&rig, &client, &data), TLS_MESSAGE);
	assert_int_equal(rig_read(data, opened), sizeof(inner) - 1);
	assert_memory_equal(opened, inner, sizeof(inner) - 1);
	assert_true(tls_seal_due(&client));
	assert_int_equal(tls_next(&rig, &client, &data), TLS_DATA);
	assert_int_equal(rig_read(data, opened), 5);
	fini(&client, &server);
}

static void empty_records_and_warnings_are_bounded(void **state)
{
	for (uint32_t kind = 0; kind < 4; kind++) {
		struct tls_records client, server;
		uint32_t n = 0;
		bool is_12 = kind >= 2;

		rig_pair(is_12 ? TLS_VERSION_1_2 : TLS_VERSION_1_3, is_12 ? 0xc02f : 0x1301,
			&client, &server);
		for (uint32_t i = 0; i <= WITHOUT_DATA_MAX; i++) {
			if (i == WITHOUT_DATA_MAX)
				assert_int_equal(rig_open(&client, rig_chain(wire, n, n, false),
							 opened, TLS_WANT_MORE),
					0);
			if (i == WITHOUT_DATA_MAX)
				n = 0;
			if (kind == 0)
				n += craft(&server, 23, (const uint8_t *)"\x17", 1, wire + n);
			else if (kind == 1)
				n += craft(&server, 23, (const uint8_t *)"\1\x5a\x15", 3, wire + n);
			else if (kind == 2)
				n += craft(&server, 22, zeros, 4, wire + n); // HelloRequest
			else
				n += craft(&server, 21, (const uint8_t *)"\1\x64", 2, wire + n);
		}
		expect(&client, n, TLS_NO_PROGRESS, TLS_ALERT_UNEXPECTED_MESSAGE);
		fini(&client, &server);
	}
}

static void unknown_suites_and_the_last_sequence_number_are_refused(void **state)
{
	struct tls_secret s = {.sequence = UINT64_MAX};
	struct tls_records client, server, t;
	struct buffer *data = rig_chain(zeros, 9, 9, false), *sealed;

	assert_int_equal(tls_records_init(&rig, true, 0x0302, 0x1301, &s, &s, &t), -ENOTSUP);
	assert_int_equal(tls_records_init(&rig, true, 0x0304, 0xc02f, &s, &s, &t), -ENOTSUP);
	assert_int_equal(tls_records_init(&rig, true, 0x0303, 0x002f, &s, &s, &t), -ENOTSUP);
	assert_false(tls_suite_is_known(0x0304, 0x1304));
	assert_true(tls_suite_is_known(0x0304, 0x1303));

	rig_pair(TLS_VERSION_1_2, 0xcca8, &client, &server);
	client.out.key.sequence = UINT64_MAX - 1;
	server.in.key.sequence = UINT64_MAX - 1;
	assert_int_equal(tls_seal(&rig, &client, 0, 0, &data, &sealed), TLS_SEALED);
	assert_int_equal(rig_open(&server, sealed, opened, TLS_WANT_MORE), 9);
	data = rig_chain(zeros, 9, 9, false);
	assert_int_equal(tls_seal(&rig, &client, 0, 0, &data, &sealed), TLS_KEY_SPENT);
	assert_null(sealed);
	rig_read(data, opened);
	expect(&server, craft(&client, 23, zeros, 9, wire), TLS_KEY_SPENT,
		TLS_ALERT_INTERNAL_ERROR);
	fini(&client, &server);
}

static void every_verdict_is_a_sentence(void **state)
{
	for (int v = 0; v < TLS_VERDICT_COUNT; v++)
		assert_true(strlen(tls_verdict_text((enum tls_verdict)v)) > 3);
	assert_string_equal(tls_verdict_text(TLS_VERDICT_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contents_of_tls13_that_may_not_come),
		cmocka_unit_test(contents_of_tls12_that_may_not_come),
		cmocka_unit_test(headers_that_cannot_be),
		cmocka_unit_test(padding_up_to_the_limit_is_stripped_and_no_more),
		cmocka_unit_test(a_flipped_bit_is_found),
		cmocka_unit_test(records_out_of_order_repeated_or_missing_are_bad),
		cmocka_unit_test(a_key_update_may_be_cut_but_not_interrupted),
		cmocka_unit_test(a_ticket_and_a_key_update_may_share_a_record),
		cmocka_unit_test(empty_records_and_warnings_are_bounded),
		cmocka_unit_test(unknown_suites_and_the_last_sequence_number_are_refused),
		cmocka_unit_test(every_verdict_is_a_sentence),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
