// SPDX-License-Identifier: BSD-3-Clause
#include <stdio.h>
#include <string.h>

#include "client_cases.h"

static struct nx_ws_connection connection;

// ws for http, wss for https.
static const char *ws_url(const char *base, const char *path)
{
	static char text[256];

	snprintf(text, sizeof(text), "ws%s%s", base + 4, path);
	return text;
}

static void echo(const void *data, size_t length, enum nx_ws_opcode opcode)
{
	struct nx_ws_message message;
	enum nx_client_verdict verdict = nx_ws_send(&connection, opcode, data, length);

	if (verdict == NX_CLIENT_AGAIN)
		verdict = UNTIL_DONE(&connection.stream, nx_ws_flush(&connection));
	assert_int_equal(verdict, NX_CLIENT_DONE);
	assert_int_equal(UNTIL_DONE(&connection.stream, nx_ws_receive(&connection, &message)),
		NX_CLIENT_DONE);
	assert_int_equal(message.opcode, opcode);
	assert_int_equal(message.length, length);
	assert_memory_equal(message.data, data, length);
}

static void part(void)
{
	struct nx_ws_message message;

	assert_true(nx_ws_send_close(&connection, NX_WS_CLOSE_NORMAL, "done") <= NX_CLIENT_AGAIN);
	assert_int_equal(UNTIL_DONE(&connection.stream, nx_ws_receive(&connection, &message)),
		NX_CLIENT_DONE);
	assert_int_equal(message.opcode, NX_WS_CLOSE);
	assert_int_equal(message.close_code, NX_WS_CLOSE_NORMAL);
	assert_int_equal(nx_ws_receive(&connection, &message), NX_CLIENT_CLOSED);
}

static void echoes_over_ws_and_wss_in_every_drive(void **state)
{
	const char *const bases[] = {servers.http, servers.https};
	struct nx_tls_context *tls = tls_context((struct nx_tls_config){0});
	static uint8_t large[50000];
	unsigned long before;

	memset(large, 0x5a, sizeof(large));
	for (size_t i = 0; i < 4; i++) {
		struct nx_ws_connection_config config = {.url = ws_url(bases[i / 2], "/ws"),
			.stream = {.drive = (enum nx_drive)(i % 2), .tls = tls}};

		assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_DONE);
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_connect(&connection)), NX_CLIENT_DONE);
		echo("text", 4, NX_WS_TEXT);
		echo(large, sizeof(large), NX_WS_BINARY);
		before = allocations;
		for (int n = 0; n < 100; n++)
			echo("{\"bid\":1,\"ask\":2}", 17, NX_WS_TEXT);
		assert_int_equal(allocations, before);
		part();
		// A closed one connects anew.
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_connect(&connection)), NX_CLIENT_DONE);
		echo("again", 5, NX_WS_TEXT);
		nx_ws_connection_fini(&connection);
	}
	nx_tls_context_destroy(tls);
}

static void messages_are_compressed_where_it_is_agreed(void **state)
{
	static const struct nx_ws_deflate own = {.client_no_context_takeover = true};
	static uint8_t large[50000];
	struct nx_ws_message message;
	unsigned long before;

	memset(large, 0x5a, sizeof(large));
	for (size_t i = 0; i < 4; i++) {
		struct nx_ws_connection_config config = {.url = ws_url(servers.http, "/ws"),
			.compression = nx_ws_compression_calls(),
			.deflate = i / 2 == 0 ? NULL : &own,
			.stream = {.drive = (enum nx_drive)(i % 2)}};

		assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_DONE);
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_connect(&connection)), NX_CLIENT_DONE);
		assert_true(connection.handshake.compression);
		// What waits to be sent is a small part of the message.
		assert_int_equal(nx_ws_queue(&connection, NX_WS_BINARY, large, sizeof(large)),
			NX_CLIENT_DONE);
		assert_true(nx_write_buffer_length(&connection.stream.out) < 500);
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_flush(&connection)), NX_CLIENT_DONE);
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_receive(&connection, &message)),
			NX_CLIENT_DONE);
		assert_int_equal(message.length, sizeof(large));
		assert_memory_equal(message.data, large, sizeof(large));
		echo("text", 4, NX_WS_TEXT);
		before = allocations;
		for (int n = 0; n < 100; n++)
			echo("{\"bid\":1,\"ask\":2}", 17, NX_WS_TEXT);
		assert_int_equal(allocations, before);
		part();
		// Windows begin anew with a connection.
		assert_int_equal(
			UNTIL_DONE(&connection.stream, nx_ws_connect(&connection)), NX_CLIENT_DONE);
		echo("again", 5, NX_WS_TEXT);
		nx_ws_connection_fini(&connection);
	}
}

static unsigned int allowed;

static void *allocate_some(void *context, size_t bytes)
{
	(void)context;
	return allowed > 0 ? (allowed--, test_malloc(bytes)) : NULL;
}

static void release(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	test_free(memory);
}

static void every_allocation_of_a_compressing_one_may_fail(void **state)
{
	const struct nx_allocator allocator = {.allocate = allocate_some, .release = release};
	struct nx_ws_connection_config config = {.url = ws_url(servers.http, "/ws"),
		.compression = nx_ws_compression_calls(),
		.stream = {.allocator = &allocator}};
	enum nx_client_verdict verdict = NX_CLIENT_NO_MEMORY;
	unsigned int connects_failed = 0;

	for (unsigned int n = 0; verdict == NX_CLIENT_NO_MEMORY; n++) {
		allowed = n;
		verdict = nx_ws_connection_init(&connection, &config);
		if (verdict != NX_CLIENT_DONE)
			continue;
		verdict = nx_ws_connect(&connection);
		connects_failed += verdict == NX_CLIENT_NO_MEMORY;
		nx_ws_connection_fini(&connection);
	}
	assert_int_equal(verdict, NX_CLIENT_DONE);
	assert_true(connects_failed > 0);
}

static void many_queued_messages_are_one_flush(void **state)
{
	struct nx_ws_connection_config config = {.url = ws_url(servers.http, "/ws")};
	struct nx_ws_message message, *owned;
	char text[16];

	assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_ws_connect(&connection), NX_CLIENT_DONE);
	for (int n = 0; n < 500; n++) {
		snprintf(text, sizeof(text), "%d", n);
		assert_int_equal(
			nx_ws_queue(&connection, NX_WS_TEXT, text, strlen(text)), NX_CLIENT_DONE);
	}
	assert_int_equal(nx_ws_flush(&connection), NX_CLIENT_DONE);
	for (int n = 0; n < 500; n++) {
		snprintf(text, sizeof(text), "%d", n);
		assert_int_equal(nx_ws_receive(&connection, &message), NX_CLIENT_DONE);
		owned = nx_ws_message_own(&message, NULL);
		assert_memory_equal(owned->data, text, strlen(text));
		nx_ws_message_free(owned, NULL);
	}
	nx_ws_connection_fini(&connection);
}

static void a_server_that_does_not_upgrade_is_named(void **state)
{
	struct nx_ws_connection_config config = {.url = ws_url(servers.http, "/small")};

	assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_ws_connect(&connection), NX_CLIENT_HANDSHAKE_REFUSED);
	assert_int_equal(connection.refusal, NX_WS_HANDSHAKE_STATUS_NOT_101);
	nx_ws_connection_fini(&connection);
	config.url = servers.http;
	assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_URL_INVALID);
}

static void a_broken_frame_ends_the_connection(void **state)
{
	struct nx_ws_connection_config config = {.url = ws_url(servers.odd, "/bad-frame")};
	struct nx_ws_message message;

	assert_int_equal(nx_ws_connection_init(&connection, &config), NX_CLIENT_DONE);
	assert_int_equal(nx_ws_connect(&connection), NX_CLIENT_DONE);
	assert_int_equal(nx_ws_receive(&connection, &message), NX_CLIENT_DONE);
	assert_int_equal(message.opcode, NX_WS_PING);
	assert_int_equal(nx_ws_receive(&connection, &message), NX_CLIENT_MESSAGE_INVALID);
	assert_int_equal(connection.fault, NX_WS_MASK_UNEXPECTED);
	assert_int_equal(nx_ws_receive(&connection, &message), NX_CLIENT_POISONED);
	assert_int_equal(nx_ws_send(&connection, NX_WS_TEXT, "x", 1), NX_CLIENT_POISONED);
	nx_ws_connection_fini(&connection);
}

const struct CMUnitTest ws_cases[] = {
	cmocka_unit_test(echoes_over_ws_and_wss_in_every_drive),
	cmocka_unit_test(messages_are_compressed_where_it_is_agreed),
	cmocka_unit_test(every_allocation_of_a_compressing_one_may_fail),
	cmocka_unit_test(many_queued_messages_are_one_flush),
	cmocka_unit_test(a_server_that_does_not_upgrade_is_named),
	cmocka_unit_test(a_broken_frame_ends_the_connection),
};
const size_t ws_case_count = sizeof(ws_cases) / sizeof(ws_cases[0]);
