// SPDX-License-Identifier: BSD-3-Clause
// A second opinion, llhttp's, on every head and body of the tables and on connections made of them
// with a few bytes changed. fuzz_http_differential goes on from there.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cases.h"
#include "second_opinion.h"

enum {
	ROUNDS = 30000,
	IN_A_ROW = 3, // messages of a connection
};

static size_t agreed;

static void compare(const char *asked, const char *stream, size_t length, size_t step)
{
	size_t both;
	const char *what = opinions_differ(asked, stream, length, step, &both);

	agreed += both;
	if (what == NULL)
		return;
	opinions_show(stderr);
	print_message("they differ in %s of:\n%.*s\n", what, (int)length, stream);
	fail();
}

static const char *letter_of(const struct head_case *head)
{
	return head->asked == NX_HTTP_HEAD ? "H" : head->asked == NX_HTTP_CONNECT ? "C" : "G";
}

static void llhttp_agrees_on_every_message_that_we_take(void **state)
{
	agreed = 0;
	for (size_t i = 0; i < request_case_count; i++)
		compare(NULL, request_cases[i].bytes, request_cases[i].length, OPINION_BYTES);
	assert_true(agreed > 50);
	agreed = 0;
	for (size_t i = 0; i < response_case_count; i++)
		compare(letter_of(&response_cases[i]), response_cases[i].bytes,
			response_cases[i].length, OPINION_BYTES);
	assert_true(agreed > 20);
}

static size_t append(char *stream, size_t length, const char *bytes, size_t n)
{
	if (n > OPINION_BYTES - length)
		return length;
	memcpy(stream + length, bytes, n);
	return length + n;
}

// Connections of several messages with bodies, a few bytes of each changed.
static void compare_random(bool is_response, const struct head_case *heads, size_t count)
{
	static const char spice[] = "\r\n :;,0159afAF\t\0\x0b\x80\"=";
	static char stream[OPINION_BYTES];
	unsigned seed = 7;

	agreed = 0;
	for (int round = 0; round < ROUNDS; round++) {
		char asked[IN_A_ROW + 1] = "";
		size_t length = 0;

		for (int i = 0; i < IN_A_ROW; i++) {
			const struct head_case *head = &heads[(unsigned)rand_r(&seed) % count];
			const struct chunk_case *body =
				&chunk_cases[(unsigned)rand_r(&seed) % chunk_case_count];

			// Nothing is asked behind a CONNECT.
			if (i < IN_A_ROW - 1 &&
				(head->verdict != NX_HTTP_OK || head->asked == NX_HTTP_CONNECT))
				head = &heads[0];
			asked[i] = *letter_of(head);
			length = append(stream, length, head->bytes, head->length);
			if (head->framing == NX_HTTP_CHUNKED)
				length = append(stream, length, body->bytes, body->length);
			else if (head->framing == NX_HTTP_LENGTH)
				length = append(stream, length, "hello", 5);
		}
		for (int i = rand_r(&seed) % 4; i > 0; i--)
			stream[(unsigned)rand_r(&seed) % length] =
				spice[(unsigned)rand_r(&seed) % (sizeof(spice) - 1)];
		compare(is_response ? asked : NULL, stream, length,
			round % 2 == 0 ? OPINION_BYTES : 7);
	}
	assert_true(agreed > ROUNDS);
}

static void llhttp_agrees_on_random_requests(void **state)
{
	compare_random(false, request_cases, request_case_count);
}

static void llhttp_agrees_on_random_responses(void **state)
{
	compare_random(true, response_cases, response_case_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(llhttp_agrees_on_every_message_that_we_take),
		cmocka_unit_test(llhttp_agrees_on_random_requests),
		cmocka_unit_test(llhttp_agrees_on_random_responses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
