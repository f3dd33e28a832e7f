// SPDX-License-Identifier: BSD-3-Clause
// The application records of RFC 8448's handshakes, both ways: of the simple one in section 3, and
// data, where there is any, and alerts of those in sections 4 to 7.
#include "rig.h"

#include "rfc8448.h"

static const char client_secret[] =
	"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret[] =
	"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
static const char client_data[] =
	"1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
static const char server_data[] =
	"17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
static const char client_alert[] = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
static const char server_alert[] = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

static void ends_of(const char *up_hex, const char *down_hex, uint64_t down_sequence,
	struct tls_records *client, struct tls_records *server)
{
	struct tls_secret up = {.sequence = 0}, down = {.sequence = down_sequence};

	rig_hex(up_hex, up.secret);
	rig_hex(down_hex, down.secret);
	assert_int_equal(
		tls_records_init(&rig, true, TLS_VERSION_1_3, 0x1301, &down, &up, client), 0);
	assert_int_equal(
		tls_records_init(&rig, false, TLS_VERSION_1_3, 0x1301, &up, &down, server), 0);
}

static void both_ends(struct tls_records *client, struct tls_records *server)
{
	// The server's ticket was its record 0.
	ends_of(client_secret, server_secret, 1, client, server);
}

static void keys_are_those_of_the_trace(void **state)
{
	struct tls_records client, server;
	uint8_t bytes[32];

	both_ends(&client, &server);
	rig_hex("17422dda596ed5d9acd890e3c63f5051", bytes);
	assert_memory_equal(client.out.key.raw, bytes, 16);
	rig_hex("5b78923dee08579033e523d9", bytes);
	assert_memory_equal(client.out.key.iv, bytes, 12);
	rig_hex("9f02283b6c9c07efc26bb9f2ac92e356", bytes);
	assert_memory_equal(client.in.key.raw, bytes, 16);
	rig_hex("cf782b88dd83549aadf1e984", bytes);
	assert_memory_equal(client.in.key.iv, bytes, 12);
	tls_records_fini(&rig, &client);
	tls_records_fini(&rig, &server);
}

static void one_way(struct tls_records *from, struct tls_records *to, const char *data_hex,
	const char *alert_hex)
{
	uint8_t plain[50], wire[200], want[200], opened[200];
	struct buffer *sealed;
	uint32_t n = 0, length = data_hex != NULL ? sizeof(plain) : 0;

	for (uint32_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)i;
	if (data_hex != NULL) {
		n = rig_seal(from, plain, length, wire);
		assert_int_equal(rig_hex(data_hex, want), n);
	}
	assert_int_equal(tls_close(&rig, from, &sealed), TLS_SEALED);
	rig_read(sealed, wire + n);
	n += rig_hex(alert_hex, want + n);
	assert_memory_equal(wire, want, n);
	assert_int_equal(rig_open(to, rig_chain(want, n, 11, false), opened, TLS_CLOSED), length);
	assert_memory_equal(opened, plain, length);
}

static void records_are_those_of_the_trace(void **state)
{
	struct tls_records client, server;

	both_ends(&client, &server);
	one_way(&client, &server, client_data, client_alert);
	one_way(&server, &client, server_data, server_alert);
	tls_records_fini(&rig, &client);
	tls_records_fini(&rig, &server);
}

static void records_are_those_of_the_other_traces(void **state)
{
	struct tls_records client, server;

	for (int i = 0; i < RFC8448_TRACES; i++) {
		const struct rfc8448_trace *t = &rfc8448_traces[i];

		print_message("section %s\n", t->section);
		ends_of(t->client_application, t->server_application, 0, &client, &server);
		one_way(&client, &server, t->client_data, t->client_alert);
		one_way(&server, &client, t->server_data, t->server_alert);
		tls_records_fini(&rig, &client);
		tls_records_fini(&rig, &server);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_those_of_the_trace),
		cmocka_unit_test(records_are_those_of_the_trace),
		cmocka_unit_test(records_are_those_of_the_other_traces),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
