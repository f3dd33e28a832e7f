// SPDX-License-Identifier: BSD-3-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nexwire/buffer.h"

static void *refuse(void *context, size_t bytes)
{
	return NULL;
}

static const struct nx_allocator refusing = {.allocate = refuse};

static void slab_moves_the_rest_to_the_front_when_little_is_left(void **state)
{
	uint8_t memory[16 + NX_READ_PADDING];
	struct nx_read_buffer b;
	size_t room;

	assert_int_equal(nx_read_buffer_init(&b, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_feed(&b, "0123456789abcdefXX", 18), 16);
	nx_read_buffer_space(&b, &room);
	assert_int_equal(room, 0);
	assert_int_equal(nx_read_buffer_consume(&b, 10), NX_BUFFER_OK);
	assert_ptr_equal(nx_read_buffer_space(&b, &room), memory + 6);
	assert_int_equal(room, 10);
	assert_memory_equal(nx_read_buffer_data(&b), "abcdef", 6);
	// Enough is left behind: nothing moves.
	assert_int_equal(nx_read_buffer_consume(&b, 2), NX_BUFFER_OK);
	assert_ptr_equal(nx_read_buffer_space(&b, &room), memory + 6);
	// More than that at once: feed moves the rest itself.
	assert_int_equal(nx_read_buffer_feed(&b, "GHIJKLMNOPQR", 12), 12);
	assert_memory_equal(nx_read_buffer_data(&b), "cdefGHIJKLMNOPQR", 16);
	// Less than a quarter is left behind, though not nothing.
	b.head = b.tail = 0;
	assert_int_equal(nx_read_buffer_feed(&b, "0123456789abc", 13), 13);
	assert_int_equal(nx_read_buffer_consume(&b, 10), NX_BUFFER_OK);
	assert_ptr_equal(nx_read_buffer_space(&b, &room), memory + 3);
	assert_int_equal(room, 13);
}

static void empty_slab_starts_over(void **state)
{
	uint8_t memory[8 + NX_READ_PADDING];
	struct nx_read_buffer b;
	struct iovec iovec;

	assert_int_equal(nx_read_buffer_init(&b, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_feed(&b, "abcde", 5), 5);
	assert_int_equal(nx_read_buffer_consume(&b, 5), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_space_iovec(&b, &iovec), 1);
	assert_ptr_equal(iovec.iov_base, memory);
	assert_int_equal(iovec.iov_len, 8);
	assert_int_equal(nx_read_buffer_filled(&b, 8), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_space_iovec(&b, &iovec), 0);
}

static void slab_refuses_counts_beyond_its_bounds(void **state)
{
	uint8_t memory[8 + NX_READ_PADDING];
	struct nx_read_buffer b;

	assert_int_equal(nx_read_buffer_init(&b, memory, NX_READ_PADDING), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_read_buffer_init(&b, memory, sizeof(memory)), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_filled(&b, 9), NX_BUFFER_BEYOND_SPACE);
	assert_int_equal(nx_read_buffer_filled(&b, SIZE_MAX), NX_BUFFER_BEYOND_SPACE);
	assert_int_equal(nx_read_buffer_filled(&b, 3), NX_BUFFER_OK);
	assert_int_equal(nx_read_buffer_consume(&b, 4), NX_BUFFER_BEYOND_DATA);
	assert_int_equal(nx_read_buffer_length(&b), 3);
}

static void memory_may_run_out(void **state)
{
	struct nx_read_buffer r;
	struct nx_write_buffer w;

	assert_int_equal(nx_read_buffer_create(&r, 100, &refusing), NX_BUFFER_NO_MEMORY);
	assert_int_equal(nx_read_buffer_create(&r, 0, NULL), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_read_buffer_create(&r, SIZE_MAX, NULL), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_write_buffer_create(&w, 100, 4, &refusing), NX_BUFFER_NO_MEMORY);
	assert_int_equal(nx_write_buffer_create(&w, 0, 4, NULL), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_write_buffer_create(&w, SIZE_MAX, 4, NULL), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_read_buffer_create(&r, 100, NULL), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_create(&w, 100, 4, NULL), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_room(&w), 100);
	nx_read_buffer_fini(&r);
	nx_write_buffer_fini(&w);
}

static void header_goes_before_the_payload(void **state)
{
	uint8_t memory[12];
	struct nx_write_buffer b;
	struct iovec iovec;

	assert_int_equal(nx_write_buffer_init(&b, memory, 4, 4), NX_BUFFER_TOO_SMALL);
	assert_int_equal(nx_write_buffer_init(&b, memory, sizeof(memory), 4), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_iovec(&b, &iovec), 0);
	assert_int_equal(nx_write_buffer_append(&b, "payload", 7), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_prepend(&b, "h:", 2), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_prepend(&b, "too", 3), NX_BUFFER_NO_HEADROOM);
	assert_int_equal(nx_write_buffer_append(&b, "xx", 2), NX_BUFFER_NO_ROOM);
	assert_int_equal(nx_write_buffer_iovec(&b, &iovec), 1);
	assert_int_equal(iovec.iov_len, 9);
	assert_memory_equal(iovec.iov_base, "h:payload", 9);
}

static void sent_bytes_leave_from_the_front(void **state)
{
	uint8_t memory[12];
	struct nx_write_buffer b;

	assert_int_equal(nx_write_buffer_init(&b, memory, sizeof(memory), 2), NX_BUFFER_OK);
	memcpy(nx_write_buffer_space(&b), "0123456789", 10);
	assert_int_equal(nx_write_buffer_commit(&b, 11), NX_BUFFER_BEYOND_SPACE);
	assert_int_equal(nx_write_buffer_commit(&b, 10), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_sent(&b, 11), NX_BUFFER_BEYOND_DATA);
	assert_int_equal(nx_write_buffer_sent(&b, 7), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_room(&b), 0);
	nx_write_buffer_compact(&b);
	assert_int_equal(nx_write_buffer_room(&b), 7);
	assert_memory_equal(nx_write_buffer_data(&b), "789", 3);
	assert_int_equal(nx_write_buffer_sent(&b, 3), NX_BUFFER_OK);
	assert_int_equal(nx_write_buffer_room(&b), 10);
	assert_int_equal(nx_write_buffer_prepend(&b, "ab", 2), NX_BUFFER_OK);
	nx_write_buffer_compact(&b); // what lies in the headroom stays
	assert_memory_equal(nx_write_buffer_data(&b), "ab", 2);
}

static void every_status_has_a_sentence(void **state)
{
	for (int i = 0; i <= NX_BUFFER_TOO_SMALL; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(nx_buffer_status_text((enum nx_buffer_status)i),
				nx_buffer_status_text((enum nx_buffer_status)j));
	assert_string_equal(
		nx_buffer_status_text((enum nx_buffer_status)99), "not a buffer status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slab_moves_the_rest_to_the_front_when_little_is_left),
		cmocka_unit_test(empty_slab_starts_over),
		cmocka_unit_test(slab_refuses_counts_beyond_its_bounds),
		cmocka_unit_test(memory_may_run_out),
		cmocka_unit_test(header_goes_before_the_payload),
		cmocka_unit_test(sent_bytes_leave_from_the_front),
		cmocka_unit_test(every_status_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
