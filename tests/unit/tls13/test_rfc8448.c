// SPDX-License-Identifier: BSD-3-Clause
// The simple 1-RTT handshake of RFC 8448 section 3: with the trace's random and key our client
// makes the trace's hello, takes its server's records, and makes the trace's last flight and
// secrets, and of its ticket the key that section 4 resumes with. test_traces.c has the other
// sections.
#include "rig.h"

#include "rfc8448.h"
#include "tls13/record.h"
#include "tls13/schedule.h"
#include "tls13/signature.h"

#define LIST(...)                                                                                  \
	{                                                                                          \
		.values = (const uint16_t[]){__VA_ARGS__},                                         \
		.count = sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t),               \
	}

// The trace's client as a table.
static const struct tls13_browser trace = {
	.name = "rfc8448",
	.suites = LIST(0x1301, 0x1303, 0x1302),
	.groups = LIST(0x001d, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104),
	.shares = LIST(GROUP_X25519),
	.schemes = LIST(0x0403, 0x0503, 0x0603, 0x0203, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501,
		0x0601, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202),
	.versions = LIST(VERSION_1_3),
	.extensions = LIST(EXTENSION_SERVER_NAME, EXTENSION_RENEGOTIATION_INFO,
		EXTENSION_SUPPORTED_GROUPS, EXTENSION_SESSION_TICKET, EXTENSION_KEY_SHARE,
		EXTENSION_SUPPORTED_VERSIONS, EXTENSION_SIGNATURE_ALGORITHMS, EXTENSION_PSK_MODES,
		EXTENSION_RECORD_SIZE_LIMIT),
	.record_size_limit = 0x4001,
};

static const char random_hex[] = "cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7";
static const char private_hex[] =
	"49af42ba7f7994852d713ef2784bcbcaa7911de26adc5642cb634540e7ea5005";
static const char hello_hex[] =
	"010000c00303cb34ecb1e78163ba1c38c6dacb196a6dffa21a8d9912ec18a2ef6283024dece7000006130113031302010000910000000b0009000006736572766572ff01000100000a00140012001d0017001800190100010101020103010400230000003300260024001d002099381de560e4bd43d23d8e435a7dbafeb3c06e51c13cae4d5413691e529aaf2c002b0003020304000d0020001e040305030603020308040805080604010501060102010402050206020202002d00020101001c00024001";
static const char server_hello_hex[] =
	"020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00020304";
static const char server_record_hex[] =
	"17030302a2d1ff334a56f5bff6594a07cc87b580233f500f45e489e7f33af35edf7869fcf40aa40aa2b8ea73f848a7ca07612ef9f945cb960b4068905123ea78b111b429ba9191cd05d2a389280f526134aadc7fc78c4b729df828b5ecf7b13bd9aefb0e57f271585b8ea9bb355c7c79020716cfb9b1183ef3ab20e37d57a6b9d7477609aee6e122a4cf51427325250c7d0e509289444c9b3a648f1d71035d2ed65b0e3cdd0cbae8bf2d0b227812cbb360987255cc744110c453baa4fcd610928d809810e4b7ed1a8fd991f06aa6248204797e36a6a73b70a2559c09ead686945ba246ab66e5edd8044b4c6de3fcf2a89441ac66272fd8fb330ef8190579b3684596c960bd596eea520a56a8d650f563aad27409960dca63d3e688611ea5e22f4415cf9538d51a200c27034272968a264ed6540c84838d89f72c24461aad6d26f59ecaba9acbbb317b66d902f4f292a36ac1b639c637ce343117b659622245317b49eeda0c6258f100d7d961ffb138647e92ea330faeea6dfa31c7a84dc3bd7e1b7a6c7178af36879018e3f252107f243d243dc7339d5684c8b0378bf30244da8c87c843f5e56eb4c5e8280a2b48052cf93b16499a66db7cca71e4599426f7d461e66f99882bd89fc50800becca62d6c74116dbd2972fda1fa80f85df881edbe5a37668936b335583b599186dc5c6918a396fa48a181d6b6fa4f9d62d513afbb992f2b992f67f8afe67f76913fa388cb5630c8ca01e0c65d11c66a1e2ac4c85977b7c7a6999bbf10dc35ae69f5515614636c0b9b68c19ed2e31c0b3b66763038ebba42f3b38edc0399f3a9f23faa63978c317fc9fa66a73f60f0504de93b5b845e275592c12335ee340bbc4fddd502784016e4b3be7ef04dda49f4b440a30cb5d2af939828fd4ae3794e44f94df5a631ede42c1719bfdabf0253fe5175be898e750edc53370d2b";
static const char ticket_record_hex[] =
	"17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db289a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";
static const char ticket_hex[] =
	"2c035d829359ee5ff7af4ec900000000262a6494dc486d2c8a34cb33fa90bf1b0070ad3c498883c9367c09a2be785abc55cd226097a3a982117283f82a03a143efd3ff5dd36d64e861be7fd61d2827db279cce145077d454a3664d4e6da4d29ee03725a6a4dafcd0fc67d2aea70529513e3da2677fa5906c5b3f7d8f92f228bda40dda721470f9fbf297b5aea617646fac5c03272e970727c621a79141ef5f7de6505e5bfbc388e93343694093934ae4d357";
static const char client_record_hex[] =
	"170303003575ec4dc238cce60b298044a71e219c56cc77b0517fe9b93c7a4bfc44d87f38f80338ac98fc46deb384bd1caeacab6867d726c40546";
static const char client_secret_hex[] =
	"9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
static const char server_secret_hex[] =
	"a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";

static bool of_the_trace(void *user, uint8_t *out, size_t length)
{
	int *draws = user;

	memset(out, 0, length);
	if (length == 32)
		rig_hex((*draws)++ == 0 ? random_hex : private_hex, out);
	return true;
}

static void matches(const uint8_t *bytes, const char *hex)
{
	uint8_t wanted[1024];
	uint32_t n = rig_hex(hex, wanted);

	assert_memory_equal(bytes, wanted, n);
}

static void the_key_schedule_is_the_traces(void **state)
{
	struct hasher h = {.md = rig.library->sha256, .context = EVP_MD_CTX_new(), .bytes = 32};
	uint8_t shared[32], transcript[32], out[32];
	struct schedule s;

	assert_true(schedule_early(&s, &h, NULL, 0));
	matches(s.secret, "33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a");
	rig_hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d", shared);
	assert_true(schedule_handshake(&s, shared, 32));
	matches(s.secret, "1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac");
	rig_hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8", transcript);
	assert_true(schedule_derive(&s, "c hs traffic", transcript, out));
	matches(out, "b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21");
	assert_true(schedule_derive(&s, "s hs traffic", transcript, out));
	matches(out, "b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38");
	assert_true(hkdf_expand(&h, out, "key", NULL, 0, transcript, 16));
	matches(transcript, "3fce516009c21727d0f2e4e86ee403bc");
	assert_true(hkdf_expand(&h, out, "iv", NULL, 0, transcript, 12));
	matches(transcript, "5d313eb2671276ee13000b30");
	assert_true(schedule_master(&s));
	matches(s.secret, "18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919");
	EVP_MD_CTX_free(h.context);
}

// What is kept has a byte of format, the suite, the key, numbers and times, and the ticket at the
// end.
static void take_ticket(struct end *client, const struct tls13_stream_key *in)
{
	struct record_key key = {0};
	uint8_t record[512], type = 0;
	size_t n = rig_hex(ticket_record_hex, record) - RECORD_HEADER_BYTES, length;

	assert_true(record_key_set(rig.library, false, &in->secret, &key));
	assert_int_equal(
		record_open(&key, record, record + RECORD_HEADER_BYTES, &n, &type), TLS13_OK);
	assert_int_equal(type, RECORD_HANDSHAKE);
	assert_int_equal(tls13_input(tls13_stream_engine(client->stream), TLS13_APPLICATION,
				 record + RECORD_HEADER_BYTES, n, RIG_NOW_MS),
		TLS13_OK);
	assert_int_equal(client->tickets, 1);
	matches(client->session + 3, rfc8448_traces[RFC8448_RESUMPTION].psk);
	length = strlen(ticket_hex) / 2;
	matches(client->session + client->session_length - length, ticket_hex);
	record_key_clear(&key);
}

static void our_client_makes_the_traces_flights(void **state)
{
	struct tls13_stream_key in, out;
	uint8_t flight[2048];
	struct end client;
	const uint8_t *bytes;
	int draws = 0;
	size_t n, taken;

	rig_client(&client);
	client.config.browser = &trace;
	client.config.random = (struct randomness){.fill = of_the_trace, .user = &draws};
	client.config.insecure = true;
	client.start.name = "server";
	rig_open(&client, true);
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(n, 5 + 196);
	matches(bytes, "16030100c4");
	matches(bytes + 5, hello_hex);
	tls13_stream_sent(client.stream, n);
	n = rig_hex("160303005a", flight);
	n += rig_hex(server_hello_hex, flight + n);
	n += rig_hex(server_record_hex, flight + n);
	assert_int_equal(
		tls13_stream_input(client.stream, flight, n, RIG_NOW_MS, &taken), TLS13_OK);
	assert_int_equal(taken, n);
	assert_true(tls13_stream_is_complete(client.stream));
	// Ours has a change_cipher_spec in front, which the trace's client does without.
	n = tls13_stream_output(client.stream, &bytes);
	assert_int_equal(n, 6 + 58);
	matches(bytes + 6, client_record_hex);
	tls13_stream_keys(client.stream, &in, &out);
	matches(out.secret.bytes, client_secret_hex);
	matches(in.secret.bytes, server_secret_hex);
	take_ticket(&client, &in);
	rig_close(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_key_schedule_is_the_traces),
		cmocka_unit_test(our_client_makes_the_traces_flights),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
