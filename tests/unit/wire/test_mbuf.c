// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>
#include <rte_mbuf_core.h>

#include "nexwire/mbuf.h"
#include "nexwire/ws.h"

static uint8_t memory[3][256];
static struct rte_mbuf chain[3];

static void chain_make(const char *a, const char *b, const char *c)
{
	const char *const texts[] = {a, b, c};

	memset(chain, 0, sizeof(chain));
	for (size_t i = 0; i < 3; i++) {
		chain[i].buf_addr = memory[i];
		chain[i].buf_len = sizeof(memory[i]);
		chain[i].data_off = 32;
		chain[i].data_len = (uint16_t)strlen(texts[i]);
		chain[i].next = i < 2 ? &chain[i + 1] : NULL;
		memcpy(memory[i] + 32, texts[i], strlen(texts[i]));
	}
}

static void iovecs_skip_and_pass_empty_segments(void **state)
{
	struct iovec iovec[3];

	chain_make("abc", "", "defg");
	assert_int_equal(nx_mbuf_iovec(chain, 0, iovec, 3), 2);
	assert_memory_equal(iovec[1].iov_base, "defg", 4);
	assert_int_equal(nx_mbuf_iovec(chain, 4, iovec, 3), 1);
	assert_int_equal(iovec[0].iov_len, 3);
	assert_memory_equal(iovec[0].iov_base, "efg", 3);
	assert_int_equal(nx_mbuf_iovec(chain, 7, iovec, 3), 0);
	assert_int_equal(nx_mbuf_iovec(chain, 0, iovec, 1), 1);
}

static void a_chain_is_fed_as_far_as_it_fits(void **state)
{
	uint8_t slab[NX_READ_PADDING + 5];
	struct nx_read_buffer buffer;

	chain_make("abc", "", "defg");
	assert_int_equal(nx_read_buffer_init(&buffer, slab, sizeof(slab)), NX_BUFFER_OK);
	assert_int_equal(nx_mbuf_feed(&buffer, chain, 0), 5);
	assert_memory_equal(nx_read_buffer_data(&buffer), "abcde", 5);
	assert_int_equal(nx_read_buffer_consume(&buffer, 5), NX_BUFFER_OK);
	assert_int_equal(nx_mbuf_feed(&buffer, chain, 5), 2);
	assert_memory_equal(nx_read_buffer_data(&buffer), "fg", 2);
}

static void a_segment_is_parsed_where_it_lies(void **state)
{
	struct nx_ws_reader_config config = {.role = NX_WS_CLIENT};
	struct nx_ws_message message;
	struct nx_read_buffer buffer;
	struct nx_ws_reader reader;
	char frame[131] = "\x82\x7e\0\x7d";

	memset(frame + 2, 'x', 128);
	frame[0] = (char)0x82;
	frame[1] = 125;
	frame[127] = 0;
	chain_make(frame, "", "");
	assert_int_equal(chain[0].data_len, 127);
	assert_true(nx_mbuf_view(&buffer, &chain[0]));
	assert_int_equal(nx_ws_reader_init(&reader, &buffer, &config), 0);
	assert_int_equal(nx_ws_reader_next(&reader, &message), NX_WS_MESSAGE);
	assert_ptr_equal(message.data, memory[0] + 34);
	assert_int_equal(message.length, 125);
	chain[0].buf_len = 32 + 127 + NX_READ_PADDING - 1;
	assert_false(nx_mbuf_view(&buffer, &chain[0]));
	assert_false(nx_mbuf_view(&buffer, &chain[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(iovecs_skip_and_pass_empty_segments),
		cmocka_unit_test(a_chain_is_fed_as_far_as_it_fits),
		cmocka_unit_test(a_segment_is_parsed_where_it_lies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
