// SPDX-License-Identifier: BSD-3-Clause
#include "reality/result.h"

static const char *const labels[] = {
#define X(name, label, text) [REALITY_##name] = label,
	REALITY_RESULTS(X)
#undef X
};

static const char *const texts[] = {
#define X(name, label, text) [REALITY_##name] = text,
	REALITY_RESULTS(X)
#undef X
};

const char *reality_result_label(enum reality_result result)
{
	return result < REALITY_RESULT_COUNT ? labels[result] : "unknown";
}

const char *reality_result_text(enum reality_result result)
{
	return result < REALITY_RESULT_COUNT ? texts[result] : "unknown";
}
