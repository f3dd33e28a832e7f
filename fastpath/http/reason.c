// SPDX-License-Identifier: BSD-3-Clause
#include "http/reason.h"

#include "core/base.h"

struct reason {
	const char *name;
	const char *sentence;
	uint16_t status;
};

static const struct reason reasons[] = {
#define X(id, code, word, text) {.name = word, .sentence = text, .status = code},
	HTTP_REASONS(X)
#undef X
};

const char *http_reason_name(enum http_reason reason)
{
	return reason < HTTP_REASON_COUNT ? reasons[reason].name : "unknown";
}

const char *http_reason_sentence(enum http_reason reason)
{
	return reason < HTTP_REASON_COUNT ? reasons[reason].sentence : "";
}

unsigned int http_reason_status(enum http_reason reason)
{
	return reason < HTTP_REASON_COUNT ? reasons[reason].status : 0;
}
