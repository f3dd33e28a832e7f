// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/engine.h"

#include "slowpath/tls/handshake.h"

static int server_create(void *profile, void **out)
{
	struct tls_handshake *h;
	int status = tls_handshake_create(profile, &h);

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
		out->failure = SLOW_FAILURE_HANDSHAKE;
		return HANDSHAKE_FAILED;
	default:
		return HANDSHAKE_WAITS;
	}
}

static void profile_destroy(void *profile)
{
	tls_profile_destroy(profile);
}

const struct handshake_kind tls_server_kind = {
	.create = server_create,
	.destroy = destroy,
	.input = input,
	.end = end,
	.next = next,
	.profile_destroy = profile_destroy,
};
