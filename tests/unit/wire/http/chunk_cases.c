// SPDX-License-Identifier: BSD-3-Clause
#include "cases.h"

// A body, the verdict on it, its content up to there, and the bytes behind it.
#define BODY(text, what, read, n)                                                                  \
	{                                                                                          \
		.bytes = (text), .length = sizeof(text) - 1, .verdict = NX_HTTP_##what,            \
		.content = (read), .after = (n)                                                    \
	}

// clang-format off
const struct chunk_case chunk_cases[] = {
	// RFC 9112 7.1
	BODY("0\r\n\r\n", OK, "", 0),
	BODY("5\r\nhello\r\n0\r\n\r\n", OK, "hello", 0),
	BODY("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", OK, "hello world", 0),
	BODY("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", OK, "01234567890123456789", 0),
	BODY("0000000000000005\r\nhello\r\n000\r\n\r\n", OK, "hello", 0),
	BODY("5\r\nhe\r\nl\r\n0\r\n\r\n", OK, "he\r\nl", 0),
	BODY("5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n", OK, "hello", 16),
	BODY("", MORE, "", 0),
	BODY("5", MORE, "", 0),
	BODY("5\r", MORE, "", 0),
	BODY("5\r\nhel", MORE, "hel", 0),
	BODY("5\r\nhello", MORE, "hello", 0),
	BODY("5\r\nhello\r", MORE, "hello", 0),
	BODY("5\r\nhello\r\n0\r\n", MORE, "hello", 0),
	BODY("5\r\nhello\r\n0\r\n\r", MORE, "hello", 1),

	// Sizes
	BODY("\r\n", CHUNK_SIZE_INVALID, "", 2),
	BODY(" 5\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("5 \r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("5\t\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("0x5\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("+5\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("-5\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("-0\r\n\r\n", CHUNK_SIZE_INVALID, "", 6),
	BODY("5_0\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("5.0\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("5,\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("g\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("\0" "5\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 11),
	BODY("5\0\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("5\x0b\r\nhello\r\n", CHUNK_SIZE_INVALID, "", 10),
	BODY("00000000000000005\r\n", CHUNK_SIZE_TOO_LARGE, "", 3),
	BODY("10000000000000005\r\n", CHUNK_SIZE_TOO_LARGE, "", 3),
	BODY("8000000000000000\r\n", CHUNK_SIZE_TOO_LARGE, "", 3),
	BODY("ffffffffffffffff\r\n", CHUNK_SIZE_TOO_LARGE, "", 3),
	BODY("7fffffffffffffff\r\n", MORE, "", 0),
	BODY("5\nhello\r\n0\r\n\r\n", LINE_FEED_BARE, "", 13),
	BODY("\nhello", LINE_FEED_BARE, "", 6),
	BODY("5\rXhello\r\n0\r\n\r\n", CARRIAGE_RETURN_BARE, "", 13),
	BODY("5\r\r\nhello\r\n", CARRIAGE_RETURN_BARE, "", 9),

	// What follows the content
	BODY("5\r\nhelloX\r\n0\r\n\r\n", CHUNK_END_INVALID, "hello", 8),
	BODY("5\r\nhello!!0\r\n\r\n", CHUNK_END_INVALID, "hello", 7),
	BODY("5\r\nhello\n0\r\n\r\n", CHUNK_END_INVALID, "hello", 6),
	BODY("5\r\nhello\r0\r\n\r\n", CHUNK_END_INVALID, "hello", 5),
	BODY("5\r\nhello0\r\n\r\n", CHUNK_END_INVALID, "hello", 5),
	BODY("4\r\nhello\r\n0\r\n\r\n", CHUNK_END_INVALID, "hell", 8),
	BODY("6\r\nhello\r\n0\r\n\r\n", CHUNK_END_INVALID, "hello\r", 6),
	BODY("5\r\nhello\r\n\r\n", CHUNK_SIZE_INVALID, "hello", 2),

	// Extensions (RFC 9112 7.1.1)
	BODY("5;a\r\nhello\r\n0;b\r\n\r\n", OK, "hello", 0),
	BODY("5;a=b;c=\"d e\\\"\\\\;\";f\r\nhello\r\n0\r\n\r\n", OK, "hello", 0),
	BODY("5;a=\"\"\r\nhello\r\n0\r\n\r\n", OK, "hello", 0),
	BODY("5;a=\"\t\xff\"\r\nhello\r\n0\r\n\r\n", OK, "hello", 0),
	BODY("5;\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 9),
	BODY("5;;\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 10),
	BODY("5;a=\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 9),
	BODY("5;=b\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 11),
	BODY("5;a=b=c\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 11),
	BODY("5; a\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 11),
	BODY("5;a \r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 10),
	BODY("5;a=\"b\"c\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 10),
	BODY("5;a=\"b\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 9),
	BODY("5;a=\"b\\\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 9),
	BODY("5;a\0\r\nhello\r\n", CHUNK_EXTENSION_INVALID, "", 10),
	BODY("5;a\nhello\r\n0\r\n\r\n", LINE_FEED_BARE, "", 13),
	BODY("5;a=\"\n\"\r\nhello\r\n0\r\n\r\n", LINE_FEED_BARE, "", 16),
	BODY("0;a\n\r\n", LINE_FEED_BARE, "", 3),

	// Trailers (RFC 9112 7.1.2)
	BODY("0\r\nExpires-At: now\r\n\r\n", OK, "", 0),
	BODY("5\r\nhello\r\n0\r\nA: b\r\nC:\r\n\r\nX", OK, "hello", 1),
	BODY("0\r\nContent-Length: 5\r\n\r\n", TRAILER_FORBIDDEN, "", 21),
	BODY("0\r\nA: b\r\ntransfer-encoding: chunked\r\n\r\n", TRAILER_FORBIDDEN, "", 30),
	BODY("0\r\nHost: b\r\n\r\n", TRAILER_FORBIDDEN, "", 11),
	BODY("0\r\nAuthorization: x\r\n\r\n", TRAILER_FORBIDDEN, "", 20),
	BODY("0\r\nSet-Cookie: x\r\n\r\n", TRAILER_FORBIDDEN, "", 17),
	BODY("0\r\nTrailer: x\r\n\r\n", TRAILER_FORBIDDEN, "", 14),
	BODY("0\r\nA : b\r\n\r\n", FIELD_SPACE_BEFORE_COLON, "", 8),
	BODY("0\r\nA: b\nC: d\r\n\r\n", LINE_FEED_BARE, "", 9),
	BODY("0\r\nA: b\r\n c\r\n\r\n", FIELD_FOLDED, "", 6),
	BODY("0\r\n\n", LINE_FEED_BARE, "", 1),
	BODY("0\r\n\rX", CARRIAGE_RETURN_BARE, "", 1),
	BODY("0\r\nGET / HTTP/1.1\r\n\r\n", FIELD_SPACE_BEFORE_COLON, "", 15),
	BODY("0\n\r\n", LINE_FEED_BARE, "", 3),
	BODY("0\r\nA: b\r\n", MORE, "", 6),
};
// clang-format on

const size_t chunk_case_count = sizeof(chunk_cases) / sizeof(chunk_cases[0]);
