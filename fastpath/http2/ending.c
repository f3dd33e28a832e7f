// SPDX-License-Identifier: BSD-3-Clause
#include "http2/ending.h"

#include <nghttp2/nghttp2.h>

static const struct {
	const char *name;
	unsigned int code;
} endings[] = {
#define X(id, word, number) {.name = word, .code = number},
	H2_ENDINGS(X)
#undef X
};

const char *h2_ending_name(enum h2_ending ending)
{
	return ending < H2_ENDING_COUNT ? endings[ending].name : "unknown";
}

unsigned int h2_ending_code(enum h2_ending ending)
{
	return ending < H2_ENDING_COUNT ? endings[ending].code : NGHTTP2_INTERNAL_ERROR;
}
