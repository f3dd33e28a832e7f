// SPDX-License-Identifier: BSD-3-Clause

// The benchmarks' JSON decoder takes every text of RFC 8259, and no other.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench.h"

#define QUOTE "\"s\":\"BTC\",\"b\":1.5,\"a\":2,\"bs\":3,\"as\":4,\"t\":5"

// In memory that ends with the text, so that a sanitizer sees a read behind it.
static bool decode(const char *text, size_t length, struct quote *quote)
{
	char *copy = malloc(length + (length == 0));
	bool taken;

	assert_non_null(copy);
	memcpy(copy, text, length);
	taken = quote_decode(copy, length, quote);
	free(copy);
	return taken;
}

static bool takes(const char *text)
{
	struct quote quote;

	return decode(text, strlen(text), &quote);
}

// A value that is passed over, as the last member and as another.
static bool passes_over(const char *value)
{
	char last[512], first[512];

	assert_true(snprintf(last, sizeof(last), "{" QUOTE ",\"x\":%s}", value) < 512);
	assert_true(snprintf(first, sizeof(first), "{\"x\": %s ," QUOTE "}", value) < 512);
	assert_int_equal(takes(last), takes(first));
	return takes(last);
}

static void members_come_in_any_order_between_white_space(void **state)
{
	static const char text[] =
		" \t\r\n{ \"t\" : 1700000000000 , \"as\":2.3,\"bs\":1.5,\"a\":-0.25,"
		"\"x\":[{}],\"b\":67234.50 ,\n\"s\":\"BTC-USD\" } \n";
	struct quote quote;

	assert_true(decode(text, strlen(text), &quote));
	assert_string_equal(quote.symbol, "BTC-USD");
	assert_true(quote.bid == 67234.50 && quote.ask == -0.25);
	assert_true(quote.bid_size == 1.5 && quote.ask_size == 2.3);
	assert_true(quote.time == 1700000000000);
}

static void values_of_the_grammar_are_passed_over(void **state)
{
	static const char *const values[] = {"null", "true", "false", "0", "-0", "-0.0", "10",
		"1.25", "1e5", "1E+5", "0e0", "0.1e-7", "123456789012345678901234567890", "1e999",
		"\"\"", "\"plain\"", "\"\x7f\"", "\"\xc3\xa9\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
		"\"\\u0000\"", "\"\\uD834\\udd1E\"", "\"\\ud7ff\\ue000\"", "\"} ] ,\"", "[]", "{}",
		"[ ]", "{ }", "[[]]", "[{}]", "{\"a\":{}}", "[1,2]", "[ null , [ true ] , \"a\" ]",
		"{\"a\":1,\"b\":[{\"c\":[]},{}]}", "{ \"\" : 0 , \"a\" : [ ] }",
		"{\"\\u0061\":1,\"a\":2}", "[{\"a\":1},2]"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (!passes_over(values[i]))
			fail_msg("refused: %s", values[i]);
}

static void what_the_grammar_lacks_is_refused(void **state)
{
	static const char *const values[] = {"", ",", "nul", "nulll", "Null", "TRUE", "tru",
		"falsey", "undefined", "NaN", "Infinity", "-Infinity", "+1", "-", "01", "-01", "00",
		"1.", ".5", "-.5", "1e", "1e+", "1.e5", "0x10", "1_0", "1 2", "'a'", "\"a", "a\"",
		"\"a\nb\"", "\"a\n\"", "\"\t\"", "\"\x01\"", "\"\\\"", "\"\\x41\"", "\"\\a\"",
		"\"\\u\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\u 123\"", "\"\\ud800\"", "\"\\udc00\"",
		"\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
		"\"\\udc00\\ud800\"", "[", "]", "{", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}",
		"{\"a\":1]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,\"a\":1}", "{a:1}", "{1:1}",
		"{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1,2}", "[\"a\":1]", "[[]", "[]]", "{}}",
		"[1,,2]", "/* */ 1", "1 // one", "\"a\" \"b\"", "\357\273\2771", "[\v1]", "\f1"};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		if (passes_over(values[i]))
			fail_msg("taken: %s", values[i]);
}

static void nothing_but_white_space_follows_the_value(void **state)
{
	static const char *const behind[] = {
		"x", ",", "}", "{}", " 1", "\n\"\"", "\v", "\f", "\xa0"};
	struct quote quote;
	char text[256];

	assert_true(takes("{" QUOTE "} \t\r\n"));
	for (size_t i = 0; i < sizeof(behind) / sizeof(behind[0]); i++) {
		snprintf(text, sizeof(text), "{" QUOTE "}%s", behind[i]);
		assert_false(takes(text));
	}
	assert_false(decode("{" QUOTE "}", sizeof("{" QUOTE "}"), &quote));
}

static void every_part_of_a_text_is_refused(void **state)
{
	static const char text[] =
		"{" QUOTE ",\"x\":[{\"\\ud834\\udd1e\":[-1.5e-7,true,null]},\"\\n\"]}";
	struct quote quote;

	assert_true(decode(text, sizeof(text) - 1, &quote));
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_false(decode(text, n, &quote));
}

static void depth_is_bounded(void **state)
{
	static const char *const opens[] = {"[", "{\"a\":"}, *const closes[] = {"]", "}"};
	char value[1024], text[1200];

	for (size_t kind = 0; kind < 2; kind++)
		for (size_t depth = 64; depth <= 65; depth++) {
			value[0] = 0;
			for (size_t i = 0; i < depth; i++)
				strcat(value, opens[kind]);
			strcat(value, "1");
			for (size_t i = 0; i < depth; i++)
				strcat(value, closes[kind]);
			snprintf(text, sizeof(text), "{" QUOTE ",\"x\":%s}", value);
			assert_int_equal(takes(text), depth == 64);
		}
}

static void numbers_are_exact(void **state)
{
	static const struct {
		const char *text;
		double value;
	} numbers[] = {{"0", 0}, {"-1", -1}, {"0.1", 0.1}, {"1e3", 1000}, {"1E-2", 0.01},
		{"9007199254740993", 9007199254740993.0}, {"0.30000000000000004", 0.1 + 0.2},
		{"123456789.12345678", 123456789.12345678}, {"1e-400", 0}};
	static const char *const refused[] = {"01", "-01", "00.5", "1.", "-", "+1", ".5", "1e",
		"1e+", "inf", "nan", "0x1p3", "1e400", "\"1\"", "null", "true", "",
		"1.0000000000000000000000000000000000000000000000000000000000000001"};
	struct quote quote;
	char text[256];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), "{" QUOTE ",\"b\": %s }", numbers[i].text);
		assert_true(decode(text, strlen(text), &quote));
		assert_true(quote.bid == numbers[i].value);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(text, sizeof(text), "{" QUOTE ",\"b\":%s}", refused[i]);
		if (takes(text))
			fail_msg("taken: %s", text);
	}
}

static void times_are_whole_numbers(void **state)
{
	static const char *const refused[] = {
		"-1", "05", "00", "1.0", "1e3", "\"1\"", "", "10000000000000000000"};
	struct quote quote;
	char text[256];

	snprintf(text, sizeof(text), "{" QUOTE ",\"t\":9999999999999999999}");
	assert_true(decode(text, strlen(text), &quote));
	assert_true(quote.time == 9999999999999999999ULL);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		snprintf(text, sizeof(text), "{" QUOTE ",\"t\":%s}", refused[i]);
		assert_false(takes(text));
	}
}

static void escapes_spell_names_and_symbols(void **state)
{
	static const struct {
		const char *text, *symbol; // NULL: refused
	} symbols[] = {{"\\u0042TC", "BTC"}, {"A\\/B", "A/B"},
		{"\\u20ac\\u00e9", "\xe2\x82\xac\xc3\xa9"}, {"\\ud834\\udd1e", "\xf0\x9d\x84\x9e"},
		{"123456789012345", "123456789012345"},
		{"12345678901234\\u0035", "123456789012345"}, {"1234567890123456", NULL},
		{"123456789012345\\u0036", NULL}, {"\\ud834", NULL}};
	struct quote quote;
	char text[256];

	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		snprintf(text, sizeof(text), "{" QUOTE ",\"\\u0073\":\"%s\"}", symbols[i].text);
		assert_int_equal(decode(text, strlen(text), &quote), symbols[i].symbol != NULL);
		if (symbols[i].symbol != NULL)
			assert_string_equal(quote.symbol, symbols[i].symbol);
	}
}

static void a_message_without_a_member_is_refused(void **state)
{
	static const char *const texts[] = {"{}", "", "null", "[]", "{\"s\":\"BTC\"}",
		"{\"s\":\"BTC\",\"b\":1.5,\"a\":2,\"bs\":3,\"as\":4}",
		"{\"t\":1,\"u\":2,\"s\":\"B\",\"bids\":[]}"};
	struct order order;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_false(takes(texts[i]));
		assert_false(order_decode(texts[i], strlen(texts[i]), &order));
	}
}

static void levels_of_an_order_are_pairs(void **state)
{
	static const struct {
		const char *levels;
		int count; // -1: refused
	} cases[] = {{"[]", 0}, {"[ ]", 0}, {"[[1,2]]", 1}, {" [ [ 1 , 2 ] , [ 3.5 , 4 ] ] ", 2},
		{"[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]", 8},
		{"[[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2],[1,2]]", -1}, {"[[1]]", -1},
		{"[[1,2,3]]", -1}, {"[[1,2],]", -1}, {"[1,2]", -1}, {"[[1,2]", -1}, {"{}", -1},
		{"null", -1}, {"[[01,2]]", -1}};
	struct order order;
	char text[256];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			"{\"s\":\"B\",\"bids\":%s,\"asks\":[],\"t\":1,\"u\":2}", cases[i].levels);
		assert_int_equal(order_decode(text, strlen(text), &order), cases[i].count >= 0);
		if (cases[i].count >= 0)
			assert_int_equal(order.bid_count, cases[i].count);
		strcat(text, "x");
		assert_false(order_decode(text, strlen(text), &order));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_come_in_any_order_between_white_space),
		cmocka_unit_test(values_of_the_grammar_are_passed_over),
		cmocka_unit_test(what_the_grammar_lacks_is_refused),
		cmocka_unit_test(nothing_but_white_space_follows_the_value),
		cmocka_unit_test(every_part_of_a_text_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(numbers_are_exact),
		cmocka_unit_test(times_are_whole_numbers),
		cmocka_unit_test(escapes_spell_names_and_symbols),
		cmocka_unit_test(a_message_without_a_member_is_refused),
		cmocka_unit_test(levels_of_an_order_are_pairs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
