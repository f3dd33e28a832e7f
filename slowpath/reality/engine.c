// SPDX-License-Identifier: BSD-3-Clause
#include "reality/engine.h"

#include <openssl/crypto.h>
#include <string.h>

#include "slowpath/key_log.h"

enum {
	REPLAY_ENTRIES = 65536,
	// A hello may come as early as its time allows and again as late.
	REPLAY_SLACK_S = 30,
	REPLAY_KEEP_UNTIMED_S = 3600, // where the clock does not count
};

struct handshake {
	struct reality_server *session;
	struct reality_action action; // under way: `bytes` are left to send
	uint64_t target;              // what the target's stream is done with up to
};

int reality_profile_create(const struct reality_settings *settings, struct reality_profile **out,
	char *error, size_t error_size)
{
	struct reality_profile *p = calloc(1, sizeof(*p));
	uint32_t keep_s = settings->max_time_diff_s ? 2 * settings->max_time_diff_s + REPLAY_SLACK_S
						    : REPLAY_KEEP_UNTIMED_S;
	int status = p ? tls13_library_create(&p->library) : -ENOMEM;

	if (status == 0)
		status = reality_credential_create(
			p->library, &p->config.random, settings, &p->credential);
	if (status == 0)
		status = reality_replay_create(
			p->library, &p->config.random, REPLAY_ENTRIES, keep_s, &p->replay);
	if (status == 0)
		status = reality_shapes_create(p->credential, &p->shapes);
	if (status == 0) {
		shared_word_store(&p->holders, 1);
		p->config.credential = p->credential;
		p->config.replay = p->replay;
		p->config.shapes = p->shapes;
		p->config.key_log = key_log_is_on() ? key_log_secret : NULL;
		*out = p;
		return 0;
	}
	snprintf(error, error_size, "%s",
		status == -ENOTSUP ? "mldsa65_seed needs OpenSSL 3.5 or later; remove the key"
		: status == -EINVAL
			? "the private key is no X25519 key, or there is no server name or short id"
			: "out of memory");
	reality_profile_destroy(p);
	return status;
}

// One holder more, or less; how many there are then.
static uint64_t holders_change(struct reality_profile *p, uint64_t by)
{
	uint64_t before;

	do
		before = shared_word_load(&p->holders);
	while (!shared_word_claim(&p->holders, before, before + by));
	return before + by;
}

struct reality_profile *reality_profile_share(struct reality_profile *profile)
{
	holders_change(profile, 1);
	return profile;
}

void reality_profile_destroy(struct reality_profile *profile)
{
	// One that did not come about has none.
	if (!profile || (shared_word_load(&profile->holders) > 0 &&
				holders_change(profile, UINT64_MAX) > 0))
		return;
	reality_shapes_destroy(profile->shapes);
	reality_replay_destroy(profile->replay);
	reality_credential_destroy(profile->credential);
	tls13_library_destroy(profile->library);
	free(profile);
}

static int create(void *profile, const struct slow_open *open, void **out)
{
	struct reality_profile *p = profile;
	struct handshake *h = calloc(1, sizeof(*h));
	int status = h ? reality_server_create(&p->config, &h->session) : -ENOMEM;

	if (status == 0)
		*out = h;
	else
		free(h);
	return status;
}

static void destroy(void *handshake)
{
	struct handshake *h = handshake;

	reality_server_destroy(h->session);
	OPENSSL_clear_free(h, sizeof(*h));
}

static void input(void *handshake, enum slow_stream stream, const uint8_t *bytes, size_t length,
	int64_t now_ms)
{
	struct handshake *h = handshake;

	reality_server_input(h->session, stream == SLOW_CLIENT ? REALITY_CLIENT : REALITY_TARGET,
		bytes, length, now_ms);
}

static void end(void *handshake, enum slow_stream stream)
{
	struct handshake *h = handshake;

	if (stream == SLOW_CLIENT)
		reality_server_client_end(h->session);
	else
		reality_server_end(h->session);
}

// A piece of what goes to the client. Its bytes answer to as many of the target's, as far as there
// are such: where the session ends in the middle, the target's go on behind them.
static void fill_send(struct handshake *h, struct slow_message *out)
{
	struct cursor *bytes = &h->action.bytes;
	size_t n = cursor_left(bytes);

	n = n < sizeof(out->data) ? n : sizeof(out->data);
	out->kind = SLOW_SEND;
	out->length = (uint16_t)n;
	memcpy(out->data, bytes->p, n);
	bytes->p += n;
	out->is_part = cursor_left(bytes) > 0;
	h->target = u64_min(h->target + n, h->action.target);
	out->offset = h->target;
}

static void fill_secret(const struct reality_traffic *from, struct slow_secret *to)
{
	*to = (struct slow_secret){.sequence = from->sequence};
	memcpy(to->secret, from->secret.bytes, from->secret.length);
}

static void fill_keys(struct handshake *h, struct slow_message *out)
{
	struct reality_summary summary;

	out->kind = SLOW_KEYS;
	out->offset = h->action.client;
	out->keys.version = VERSION_1_3;
	out->keys.suite = h->action.in.secret.suite;
	out->keys.is_client = false;
	fill_secret(&h->action.in, &out->keys.in);
	fill_secret(&h->action.out, &out->keys.out);
	reality_server_summary(h->session, &summary);
	out->keys.names = (struct session_names){0};
	snprintf(out->keys.names.server_name, sizeof(out->keys.names.server_name), "%s",
		summary.name);
	OPENSSL_cleanse(&h->action, sizeof(h->action));
}

static enum handshake_step next(void *handshake, struct slow_message *out)
{
	struct handshake *h = handshake;
	struct reality_action *a = &h->action;

	if (cursor_left(&a->bytes) == 0 && !reality_server_next(h->session, a))
		return HANDSHAKE_WAITS;
	switch (a->kind) {
	case REALITY_FORWARD:
		out->kind = SLOW_FORWARD;
		out->offset = a->client;
		return HANDSHAKE_ACTS;
	case REALITY_LEAVE:
		out->kind = SLOW_LEAVE;
		out->offset = a->client;
		return HANDSHAKE_ACTS;
	case REALITY_SEND:
		fill_send(h, out);
		return HANDSHAKE_ACTS;
	case REALITY_OPEN:
		fill_keys(h, out);
		return HANDSHAKE_DONE;
	default:
		out->kind = SLOW_SPLICE;
		out->offset = a->client;
		out->splice.target = a->target;
		return HANDSHAKE_SPLICED;
	}
}

static uint8_t outcome(const void *handshake)
{
	const struct handshake *h = handshake;

	return (uint8_t)reality_server_result(h->session);
}

static void profile_destroy(void *profile)
{
	reality_profile_destroy(profile);
}

const struct handshake_kind reality_server_kind = {
	.create = create,
	.destroy = destroy,
	.input = input,
	.end = end,
	.next = next,
	.outcome = outcome,
	.profile_destroy = profile_destroy,
};
