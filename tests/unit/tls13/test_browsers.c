// SPDX-License-Identifier: BSD-3-Clause
// The hellos of Chrome 156 and Firefox 159, as Debian's packages of them send them, written down as
// records byte by byte but for what is drawn, and the rules by which that is drawn.
#include "rig.h"

#include "tls13/hello.h"

enum {
	HELLOS = 64, // of which a value of four is missing once in 10^7 runs
	EXTENSIONS_MAX = 20,
	REGIONS_MAX = 3,
};

// Who uses a GREASE value.
enum role {
	OF_SUITES,
	OF_GROUPS,
	OF_VERSIONS,
	OF_SCHEMES,
	OF_FIRST_EXTENSION,
	OF_LAST_EXTENSION,
	ROLES,
};

// In a pattern, hexadecimal digits are bytes, gN is the GREASE value of role N, lN is a length of
// N bytes that says how many are left, *N are N bytes that are drawn, c is the cipher of a GREASE
// encrypted client hello and p its payload, length in front.
struct golden {
	const struct tls13_browser *browser;
	const char *head;
	const char *extensions[EXTENSIONS_MAX];
	size_t count;
	bool shuffled; // all but the first and the last
};

static const struct golden chrome = {
	.browser = &tls13_browser_chrome,
	.head = "16 0301 l2 01 l3 0303 *32 20 *32 "
		"0020 g0 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035 "
		"0100 l2",
	.extensions = {"g4 0000",
		"0000 0011 000f 00 000c 6578616d706c652e74657374", // example.test
		"0017 0000", "ff01 0001 00", "000a 000c 000a g1 11ec 001d 0017 0018",
		"000b 0002 01 00", "0023 0000",
		"0010 000e 000c 02 6832 08 687474702f312e31", // h2, http/1.1
		"0005 0005 01 0000 0000",
		"000d 001a 0018 g3 0904 0905 0906 0403 0804 0401 0503 0805 0501 0806 0601",
		"0012 0000", "0033 04ef 04ed g1 0001 00 11ec 04c0 *1216 001d 0020 *32",
		"002d 0002 01 01", "002b 0007 06 g2 0304 0303", "001b 0003 02 0002",
		"44cd 0005 0003 02 6832",
		// The root store's identifiers, in order.
		"ca34 00ba 00b8 05 82df130201 05 82df130206 05 82df13020d 05 82df13020e "
		"05 82df13020f 05 82df130212 05 82df130213 05 82df130214 "
		"08 839a648c9b2d0107 08 839a648c9b2d0108 08 839a648c9b2d0109 "
		"08 839a648c9b2d010a 08 839a648c9b2d010b 08 839a648c9b2d010c "
		"08 839a648c9b2d010d 08 839a648c9b2d0112 08 839a648c9b2d0113 04 d6790901 "
		"04 d6790904 04 d6790905 04 d6790906 04 d6790907 04 d6790908 04 d679090a "
		"04 d679090b 04 d679090c 04 d679090d 04 d679090f",
		"fe0d l2 00 0001 c *1 0020 *32 p", "g5 0001 00"},
	.count = 19,
	.shuffled = true,
};

static const struct golden firefox = {
	.browser = &tls13_browser_firefox,
	.head = "16 0301 l2 01 l3 0303 *32 20 *32 "
		"001e 1301 1303 1302 c02b c02f cca9 cca8 c02c c030 c013 c014 009c 009d 002f "
		"0035 0100 l2",
	.extensions = {"0000 0011 000f 00 000c 6578616d706c652e74657374", "0017 0000",
		"ff01 0001 00", "000a 000c 000a 11ec 001d 0017 0018 0019", "000b 0002 01 00",
		"0023 0000", "0010 000e 000c 02 6832 08 687474702f312e31", "0005 0005 01 0000 0000",
		"0022 000a 0008 0403 0503 0603 0203", "0012 0000",
		"0033 052f 052d 11ec 04c0 *1216 001d 0020 *32 0017 0041 04 *64",
		"002b 0005 04 0304 0303",
		"000d 0018 0016 0403 0503 0603 0804 0805 0806 0401 0501 0601 0203 0201",
		"002d 0002 01 01", "001c 0002 4001", "001b 0007 06 0001 0002 0003",
		"fe0d l2 00 0001 c *1 0020 *32 p"},
	.count = 17,
};

// A hello and what was drawn for it.
struct hello {
	uint8_t record[4096];
	size_t length;
	uint16_t grease[ROLES];
	uint16_t cipher, payload;
	uint8_t order[EXTENSIONS_MAX]; // places in the golden list
	// Drawn bytes, by place in the golden list, the head behind all.
	struct cursor drawn[EXTENSIONS_MAX + 1][REGIONS_MAX];
};

static struct hello hellos[HELLOS];
static struct end client;

static void make(const struct golden *g, struct randomness random, struct hello *h)
{
	const uint8_t *bytes;

	*h = (struct hello){0};
	rig_client(&client);
	client.config.browser = g->browser;
	client.config.random = random;
	rig_open(&client, true);
	h->length = tls13_stream_output(client.stream, &bytes);
	assert_in_range(h->length, 100, sizeof(h->record));
	memcpy(h->record, bytes, h->length);
	rig_close(&client);
}

static uint32_t take(struct cursor *c, uint32_t bytes)
{
	const uint8_t *field = NULL;
	uint32_t value = 0;

	assert_true(cursor_take_span(c, bytes, &field));
	for (uint32_t i = 0; i < bytes; i++)
		value = value << 8 | field[i];
	return value;
}

static void take_grease(struct hello *h, struct cursor *c, size_t role)
{
	uint16_t value = (uint16_t)take(c, 2);

	assert_in_range(role, 0, ROLES - 1);
	assert_true(is_grease(value));
	assert_true(h->grease[role] == 0 || h->grease[role] == value);
	h->grease[role] = value;
}

static void take_literal(struct cursor *c, const char *token, const char *pattern)
{
	for (uint32_t wanted; *token != 0; token += 2) {
		assert_int_equal(sscanf(token, "%2x", &wanted), 1);
		if (take(c, 1) != wanted)
			fail_msg("not as \"%s\" says", pattern);
	}
}

// The bytes of one pattern.
static void match(struct hello *h, size_t place, const char *pattern, struct cursor *c)
{
	struct cursor *region = h->drawn[place];
	const uint8_t *span = NULL;
	uint32_t length;
	char token[128];

	for (const char *p = pattern; sscanf(p, "%127s", token) == 1;) {
		size_t n = strtoul(token + 1, NULL, 10);

		p += strspn(p, " ");
		p += strcspn(p, " ");
		switch (token[0]) {
		case 'g':
			take_grease(h, c, n);
			break;
		case 'l':
			length = take(c, (uint32_t)n);
			assert_int_equal(length, cursor_left(c));
			break;
		case '*':
			assert_true(cursor_take_span(c, n, &span));
			if (n > 1)
				*region++ = cursor_over(span, n);
			break;
		case 'p':
			h->payload = (uint16_t)take(c, 2);
			assert_true(cursor_take_span(c, h->payload, &span));
			*region++ = cursor_over(span, 100);
			break;
		default:
			if (strcmp(token, "c") == 0)
				h->cipher = (uint16_t)take(c, 2);
			else
				take_literal(c, token, pattern);
		}
	}
}

// Which of the golden extensions stands there.
static size_t place_of(const struct golden *g, size_t at, uint16_t type)
{
	char digits[5];

	if (!g->shuffled || at == 0 || at == g->count - 1)
		return at;
	snprintf(digits, sizeof(digits), "%04x", type);
	for (size_t i = 0; i < g->count; i++) {
		if (strncmp(g->extensions[i], digits, 4) == 0)
			return i;
	}
	fail_msg("extension %s is none of this browser", digits);
	return 0;
}

static void compare(const struct golden *g, struct hello *h)
{
	struct cursor all = cursor_over(h->record, h->length), one, body = {0};
	bool seen[EXTENSIONS_MAX] = {false};

	match(h, EXTENSIONS_MAX, g->head, &all);
	for (size_t at = 0; at < g->count; at++) {
		const uint8_t *from = all.p;
		size_t place = place_of(g, at, (uint16_t)take(&all, 2));

		assert_false(seen[place]);
		seen[place] = true;
		h->order[at] = (uint8_t)place;
		assert_true(cursor_take_vector(&all, 2, &body));
		one = cursor_over(from, (size_t)(body.end - from));
		match(h, place, g->extensions[place], &one);
		assert_int_equal(cursor_left(&one), 0);
	}
	assert_int_equal(cursor_left(&all), 0);
}

static void make_all(const struct golden *g)
{
	for (size_t i = 0; i < HELLOS; i++) {
		make(g, (struct randomness){0}, &hellos[i]);
		compare(g, &hellos[i]);
	}
}

// Each of two hellos has random bytes, keys and payload of its own.
static void differ(const struct hello *a, const struct hello *b)
{
	size_t regions = 0;

	for (size_t place = 0; place <= EXTENSIONS_MAX; place++) {
		for (size_t i = 0; i < REGIONS_MAX; i++) {
			const struct cursor *x = &a->drawn[place][i], *y = &b->drawn[place][i];

			if (x->p == NULL)
				continue;
			regions++;
			assert_int_equal(cursor_left(x), cursor_left(y));
			assert_memory_not_equal(x->p, y->p, cursor_left(x));
		}
	}
	assert_in_range(regions, 6, 7);
}

static void all_differ(void)
{
	for (size_t i = 1; i < HELLOS; i++)
		differ(&hellos[i - 1], &hellos[i]);
}

static void chromes_hello_is_the_golden_one_but_for_what_is_drawn(void **state)
{
	static const uint16_t lengths[] = {144, 176, 208, 240};
	uint32_t seen[nx_array_size(lengths)] = {0};

	make_all(&chrome);
	all_differ();
	for (size_t i = 0; i < HELLOS; i++) {
		size_t k = 0;

		// With the suites in the order of a CPU that has AES goes its cipher, always.
		assert_int_equal(hellos[i].cipher, 1);
		while (k < nx_array_size(lengths) && lengths[k] != hellos[i].payload)
			k++;
		assert_in_range(k, 0, nx_array_size(lengths) - 1);
		seen[k]++;
		assert_int_equal(hellos[i].length, 5 + 1771 + hellos[i].payload);
	}
	for (size_t k = 0; k < nx_array_size(lengths); k++)
		assert_true(seen[k] != 0);
}

static void firefoxs_hello_is_the_golden_one_but_for_what_is_drawn(void **state)
{
	bool seen[4] = {false};

	make_all(&firefox);
	all_differ();
	for (size_t i = 0; i < HELLOS; i++) {
		assert_int_equal(hellos[i].payload, 240);
		assert_int_equal(hellos[i].length, hellos[0].length);
		assert_true(hellos[i].cipher == 1 || hellos[i].cipher == 3);
		seen[hellos[i].cipher] = true;
	}
	assert_true(seen[1] && seen[3]);
}

// BoringSSL's: sixteen values for each role, drawn apart, but that no extension comes twice.
static void grease_is_drawn_for_each_role_apart(void **state)
{
	uint32_t values[ROLES] = {0};
	bool apart[ROLES][ROLES] = {0};

	make_all(&chrome);
	for (size_t i = 0; i < HELLOS; i++) {
		const uint16_t *grease = hellos[i].grease;

		assert_int_not_equal(grease[OF_FIRST_EXTENSION], grease[OF_LAST_EXTENSION]);
		for (size_t a = 0; a < ROLES; a++) {
			values[a] |= 1U << (grease[a] >> 12);
			for (size_t b = 0; b < ROLES; b++)
				apart[a][b] |= grease[a] != grease[b];
		}
	}
	for (size_t a = 0; a < ROLES; a++) {
		assert_in_range(__builtin_popcount(values[a]), 8, 16);
		for (size_t b = 0; b < ROLES; b++)
			assert_int_equal(apart[a][b], a != b);
	}
}

static bool all_the_same(void *user, uint8_t *out, size_t length)
{
	memset(out, *(const uint8_t *)user, length);
	return true;
}

static void two_greased_extensions_of_one_draw_are_told_apart_as_boringssl_does(void **state)
{
	static const uint16_t wanted[][2] = {{0x0a0a, 0x1a1a}, {0xfafa, 0xeaea}};
	uint8_t draw[] = {0x00, 0xff};

	for (size_t i = 0; i < nx_array_size(draw); i++) {
		struct randomness random = {.fill = all_the_same, .user = &draw[i]};

		make(&chrome, random, &hellos[0]);
		compare(&chrome, &hellos[0]);
		for (size_t role = 0; role < OF_LAST_EXTENSION; role++)
			assert_int_equal(hellos[0].grease[role], wanted[i][0]);
		assert_int_equal(hellos[0].grease[OF_LAST_EXTENSION], wanted[i][1]);
	}
}

// GREASE stays first and last; each of the others comes to stand in many places.
static void chrome_shuffles_all_extensions_between_the_greased(void **state)
{
	uint32_t places[EXTENSIONS_MAX] = {0};

	make_all(&chrome);
	for (size_t i = 0; i < HELLOS; i++) {
		const uint8_t *order = hellos[i].order;

		assert_int_equal(order[0], 0);
		assert_int_equal(order[chrome.count - 1], chrome.count - 1);
		assert_true(i == 0 || memcmp(order, hellos[i - 1].order, chrome.count) != 0);
		for (size_t at = 0; at < chrome.count; at++)
			places[order[at]] |= 1U << at;
	}
	for (size_t place = 1; place < chrome.count - 1; place++)
		assert_in_range(__builtin_popcount(places[place]), 8, 17);
}

static size_t append(uint8_t *out, const void *bytes, size_t n)
{
	memcpy(out, bytes, n);
	return n;
}

// The first hello's record but for its version and its shares, of which one of P-384 stays.
static size_t retry_of(const struct hello *h, const uint8_t *share, uint8_t *out)
{
	static const uint8_t head[] = {0x00, 0x33, 0x00, 0x67, 0x00, 0x65, 0x00, 0x18, 0x00, 0x61};
	struct cursor all = cursor_over(h->record, h->length), body = {0};
	size_t n, block;

	assert_true(cursor_skip(&all, 5 + 4 + 34) && cursor_take_vector(&all, 1, &body) &&
		    cursor_take_vector(&all, 2, &body) && cursor_take_vector(&all, 1, &body));
	n = append(out, h->record, (size_t)(all.p - h->record));
	block = n;
	n += append(out + n, all.p, 2);
	assert_true(cursor_skip(&all, 2));
	while (cursor_left(&all) != 0) {
		const uint8_t *from = all.p;
		uint16_t type = (uint16_t)take(&all, 2);

		assert_true(cursor_take_vector(&all, 2, &body));
		if (type != EXTENSION_KEY_SHARE) {
			n += append(out + n, from, (size_t)(body.end - from));
			continue;
		}
		n += append(out + n, head, sizeof(head));
		n += append(out + n, share, 97);
	}
	be16_store(out + 1, be16_from_host(0x0303));
	be16_store(out + 3, be16_from_host((uint16_t)(n - 5)));
	be16_store(out + 7, be16_from_host((uint16_t)(n - 9)));
	be16_store(out + block, be16_from_host((uint16_t)(n - block - 2)));
	return n;
}

static void is_retried(const struct golden *g)
{
	static const uint16_t only = GROUP_P384;
	static uint8_t wanted[4096];
	struct hello *first = &hellos[0];
	struct client_hello second;
	struct cursor share = {0};
	const uint8_t *bytes;
	struct end server;
	size_t n, taken;

	rig_client(&client);
	client.config.browser = g->browser;
	rig_server(&server, RIG_P256);
	server.config.groups = (struct tls13_list){.values = &only, .count = 1};
	rig_open(&client, true);
	rig_open(&server, false);
	*first = (struct hello){0};
	first->length = tls13_stream_output(client.stream, &bytes);
	memcpy(first->record, bytes, first->length);
	compare(g, first);
	assert_int_equal(
		tls13_stream_input(server.stream, bytes, first->length, RIG_NOW_MS, &taken),
		TLS13_OK);
	tls13_stream_sent(client.stream, first->length);
	n = tls13_stream_output(server.stream, &bytes);
	assert_int_equal(tls13_stream_input(client.stream, bytes, n, RIG_NOW_MS, &taken), TLS13_OK);
	n = tls13_stream_output(client.stream, &bytes);
	assert_memory_equal(bytes, "\x14\x03\x03\x00\x01\x01", 6);
	assert_int_equal(client_hello_parse(cursor_over(bytes + 15, n - 15), &second), TLS13_OK);
	assert_true(client_hello_share(&second, GROUP_P384, &share));
	assert_int_equal(cursor_left(&share), 97);
	assert_int_equal(retry_of(first, share.p, wanted), n - 6);
	assert_memory_equal(bytes + 6, wanted, n - 6);
	rig_close(&client);
	rig_close(&server);
}

static void a_second_hello_is_the_first_one_with_another_share(void **state)
{
	for (int i = 0; i < 8; i++) {
		is_retried(&chrome);
		is_retried(&firefox);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chromes_hello_is_the_golden_one_but_for_what_is_drawn),
		cmocka_unit_test(firefoxs_hello_is_the_golden_one_but_for_what_is_drawn),
		cmocka_unit_test(grease_is_drawn_for_each_role_apart),
		cmocka_unit_test(
			two_greased_extensions_of_one_draw_are_told_apart_as_boringssl_does),
		cmocka_unit_test(chrome_shuffles_all_extensions_between_the_greased),
		cmocka_unit_test(a_second_hello_is_the_first_one_with_another_share),
	};

	return cmocka_run_group_tests(tests, rig_create, rig_destroy);
}
