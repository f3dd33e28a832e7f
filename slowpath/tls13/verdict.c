// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/verdict.h"

static const char *const texts[] = {
#define X(name, alert, text) [TLS13_##name] = text,
	TLS13_VERDICTS(X)
#undef X
};

static const uint8_t alerts[] = {
#define X(name, alert, text) [TLS13_##name] = TLS13_ALERT_##alert,
	TLS13_VERDICTS(X)
#undef X
};

const char *tls13_verdict_text(enum tls13_verdict verdict)
{
	return verdict < TLS13_VERDICT_COUNT ? texts[verdict] : "unknown";
}

enum tls13_alert tls13_verdict_alert(enum tls13_verdict verdict)
{
	return verdict < TLS13_VERDICT_COUNT ? (enum tls13_alert)alerts[verdict]
					     : TLS13_ALERT_INTERNAL_ERROR;
}
