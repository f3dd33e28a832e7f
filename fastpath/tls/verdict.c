// SPDX-License-Identifier: BSD-3-Clause
#include "tls/verdict.h"

static const struct {
	const char *text;
	uint8_t alert;
} verdicts[TLS_VERDICT_COUNT] = {
#define X(name, alert, text) {text, TLS_ALERT_##alert},
	TLS_VERDICTS(X)
#undef X
};

const char *tls_verdict_text(enum tls_verdict verdict)
{
	return (uint32_t)verdict < TLS_VERDICT_COUNT ? verdicts[verdict].text : "unknown";
}

enum tls_alert tls_verdict_alert(enum tls_verdict verdict)
{
	return (uint32_t)verdict < TLS_VERDICT_COUNT ? (enum tls_alert)verdicts[verdict].alert
						     : TLS_ALERT_INTERNAL_ERROR;
}
