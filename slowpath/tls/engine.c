// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/engine.h"

#include <string.h>

#include "slowpath/tls/handshake.h"
#include "slowpath/tls/profile_impl.h"

static int server_create(void *profile, const struct slow_open *open, void **out)
{
	struct tls_handshake *h;
	int status = tls_handshake_create(profile, &h);

	if (status == 0)
		*out = h;
	return status;
}

static int client_create(void *profile, const struct slow_open *open, void **out)
{
	struct tls_handshake *h;
	char target[SLOW_TARGET_BYTES];
	int status;

	snprintf(target, sizeof(target), "%.*s", SLOW_TARGET_BYTES - 1, open->target);
	status = tls_handshake_connect(profile, target, &h);
	if (status == 0)
		*out = h;
	return status;
}

static void destroy(void *handshake)
{
	tls_handshake_destroy(handshake);
}

static void input(void *handshake, enum slow_stream stream, const uint8_t *bytes, size_t length,
	int64_t now_ms)
{
	tls_handshake_input(handshake, bytes, length);
}

static void end(void *handshake, enum slow_stream stream)
{
	tls_handshake_end(handshake);
}

// Servers say nothing of clients that fail: there are too many.
static void reason_put(const struct tls_handshake *h, struct slow_message *out)
{
	size_t length = strlen(tls_handshake_reason(h));

	if (!tls_handshake_is_client(h))
		return;
	out->length = (uint16_t)(length < sizeof(out->data) ? length : sizeof(out->data));
	memcpy(out->data, tls_handshake_reason(h), out->length);
}

static enum handshake_step next(void *handshake, struct slow_message *out)
{
	out->length = (uint16_t)tls_handshake_output(handshake, out->data, sizeof(out->data));
	if (out->length > 0) {
		out->kind = SLOW_SEND;
		return HANDSHAKE_ACTS;
	}
	switch (tls_handshake_state(handshake)) {
	case TLS_HANDSHAKE_DONE:
		out->kind = SLOW_KEYS;
		tls_handshake_keys(handshake, &out->keys, &out->offset);
		return HANDSHAKE_DONE;
	case TLS_HANDSHAKE_FAILED:
		out->kind = SLOW_FAILED;
		out->failure = tls_handshake_is_untrusted(handshake) ? SLOW_FAILURE_UNTRUSTED
								     : SLOW_FAILURE_HANDSHAKE;
		reason_put(handshake, out);
		return HANDSHAKE_FAILED;
	default:
		return HANDSHAKE_WAITS;
	}
}

static void ticket(void *profile, const struct slow_ticket *ticket, size_t length, int64_t now_ms)
{
	tls_sessions_ticket(tls_client_profile_sessions(profile), ticket, length, now_ms / 1000);
}

static void profile_destroy(void *profile)
{
	tls_profile_destroy(profile);
}

static void client_profile_destroy(void *profile)
{
	tls_client_profile_destroy(profile);
}

const struct handshake_kind tls_server_kind = {
	.create = server_create,
	.destroy = destroy,
	.input = input,
	.end = end,
	.next = next,
	.profile_destroy = profile_destroy,
};

const struct handshake_kind tls_client_kind = {
	.create = client_create,
	.destroy = destroy,
	.input = input,
	.end = end,
	.next = next,
	.ticket = ticket,
	.profile_destroy = client_profile_destroy,
};
