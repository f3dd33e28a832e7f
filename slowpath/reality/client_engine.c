// SPDX-License-Identifier: BSD-3-Clause
#include "reality/client_engine.h"

#include <openssl/crypto.h>
#include <string.h>

#include "slowpath/key_log.h"

struct reality_client_profile {
	struct tls13_library *library;
	char *name;
	struct reality_client_config config;
};

struct handshake {
	struct reality_client *client;
	const struct tls13_library *library;
	enum reality_client_result result;
	bool ended;
	bool is_closed;    // what a browser says at the end is in `closing`
	uint64_t consumed; // bytes of the server's stream
	struct writer closing;
	size_t closing_sent;
};

static int roots_load(const struct reality_client_settings *s, X509_STORE **out)
{
	X509_STORE *store = X509_STORE_new();

	if (!store)
		return -ENOMEM;
	if ((s->roots ? X509_STORE_load_file(store, s->roots)
		      : X509_STORE_set_default_paths(store)) != 1) {
		X509_STORE_free(store);
		return -EINVAL;
	}
	*out = store;
	return 0;
}

// What is wrong with settings, as far as their use shows it; the rest a first handshake would.
static int settings_try(const struct reality_client_profile *p)
{
	struct reality_client *client;
	int status = reality_client_create(&p->config, &client);

	if (status == 0)
		reality_client_destroy(client);
	return status;
}

static int config_fill(struct reality_client_profile *p, const struct reality_client_settings *s,
	const char **what)
{
	int status = tls13_library_create(&p->library);

	*what = "libcrypto lacks an algorithm of TLS 1.3";
	if (status)
		return status;
	p->config = (struct reality_client_config){.library = p->library,
		.browser = tls13_browser_find(s->browser),
		.key_log = key_log_is_on() ? key_log_secret : NULL,
		.name = p->name = strdup(s->server_name)};
	memcpy(p->config.public_key, s->public_key, sizeof(p->config.public_key));
	memcpy(p->config.short_id, s->short_id, sizeof(p->config.short_id));
	if (!p->name)
		return -ENOMEM;
	*what = "mldsa65_verify is no key, or needs OpenSSL 3.5";
	if (s->mldsa65_verify) {
		p->config.mldsa_key =
			reality_mldsa_from_public(s->mldsa65_verify, REALITY_MLDSA_PUBLIC_BYTES);
		if (!p->config.mldsa_key)
			return -ENOTSUP;
	}
	*what = "roots cannot be read as certificates in PEM";
	status = roots_load(s, &p->config.roots);
	if (status)
		return status;
	*what = "the public key is none, or the fingerprint's hello carries no X25519 key";
	return settings_try(p);
}

int reality_client_profile_create(const struct reality_client_settings *settings,
	struct reality_client_profile **out, char *error, size_t error_size)
{
	struct reality_client_profile *p = calloc(1, sizeof(*p));
	const char *what = "";
	int status = p ? config_fill(p, settings, &what) : -ENOMEM;

	if (status == 0) {
		*out = p;
		return 0;
	}
	snprintf(error, error_size, "credential \"%s\": %s", settings->credential,
		status == -ENOMEM ? "out of memory" : what);
	reality_client_profile_destroy(p);
	return status;
}

void reality_client_profile_destroy(struct reality_client_profile *profile)
{
	if (!profile)
		return;
	X509_STORE_free(profile->config.roots);
	EVP_PKEY_free(profile->config.mldsa_key);
	tls13_library_destroy(profile->library);
	free(profile->name);
	OPENSSL_clear_free(profile, sizeof(*profile));
}

static int create(void *profile, const struct slow_open *open, void **out)
{
	const struct reality_client_profile *p = profile;
	struct handshake *h = calloc(1, sizeof(*h));
	int status = h ? reality_client_create(&p->config, &h->client) : -ENOMEM;

	if (status) {
		free(h);
		return status;
	}
	h->library = p->library;
	h->closing = writer_with(RECORD_HEADER_BYTES + RECORD_CIPHER_MAX);
	*out = h;
	return 0;
}

static void destroy(void *handshake)
{
	struct handshake *h = handshake;

	reality_client_destroy(h->client);
	writer_clear(&h->closing);
	OPENSSL_clear_free(h, sizeof(*h));
}

static void begin(void *handshake, int64_t now_ms)
{
	struct handshake *h = handshake;

	h->result = reality_client_begin(h->client, now_ms);
}

static void input(void *handshake, enum slow_stream stream, const uint8_t *bytes, size_t length,
	int64_t now_ms)
{
	struct handshake *h = handshake;
	size_t taken = 0;

	if (h->result != REALITY_CLIENT_TALKING)
		return;
	h->result = reality_client_input(h->client, bytes, length, now_ms, &taken);
	h->consumed += taken;
}

static void end(void *handshake, enum slow_stream stream)
{
	struct handshake *h = handshake;

	h->ended = true;
}

// close_notify under the keys that the target has now, as a browser that wants nothing of it sends.
static void close_write(struct handshake *h)
{
	static const uint8_t close_notify[] = {1, TLS13_ALERT_CLOSE_NOTIFY};
	struct record_key key = {0};
	struct tls13_stream_key in, out;

	h->is_closed = true;
	tls13_stream_keys(reality_client_stream(h->client), &in, &out);
	if (record_key_set(h->library, true, &out.secret, &key)) {
		key.sequence = out.sequence;
		if (!record_seal(
			    &key, &h->closing, RECORD_ALERT, close_notify, sizeof(close_notify), 0))
			h->closing.used = 0;
	}
	record_key_clear(&key);
	crypto_wipe(&in, sizeof(in));
	crypto_wipe(&out, sizeof(out));
}

// The next bytes for the server; how many.
static uint16_t output(struct handshake *h, uint8_t *out, size_t size)
{
	struct tls13_stream *stream = reality_client_stream(h->client);
	const uint8_t *bytes;
	size_t n = tls13_stream_output(stream, &bytes);

	if (n > 0) {
		n = n < size ? n : size;
		memcpy(out, bytes, n);
		tls13_stream_sent(stream, n);
		return (uint16_t)n;
	}
	if (h->result == REALITY_CLIENT_REAL_CERTIFICATE && !h->is_closed)
		close_write(h);
	n = h->closing.used - h->closing_sent;
	n = n < size ? n : size;
	if (n > 0)
		memcpy(out, h->closing.base + h->closing_sent, n);
	h->closing_sent += n;
	return (uint16_t)n;
}

static void secret_fill(const struct tls13_stream_key *from, struct slow_secret *to)
{
	*to = (struct slow_secret){.sequence = from->sequence};
	memcpy(to->secret, from->secret.bytes, from->secret.length);
}

static void names_fill(const struct tls13 *engine, struct session_names *out)
{
	struct tls13_summary summary;

	static_assert((int)SESSION_NAME_BYTES > (int)TLS13_NAME_MAX &&
			      (int)SESSION_NAME_BYTES > (int)TLS13_ALPN_MAX,
		"a name is shown whole");
	tls13_summary(engine, &summary);
	*out = (struct session_names){0};
	memcpy(out->server_name, summary.name, strlen(summary.name));
	memcpy(out->protocol, summary.alpn, strlen(summary.alpn));
}

static void keys_fill(const struct handshake *h, struct slow_message *out)
{
	struct tls13_stream_key in, sent;

	tls13_stream_keys(reality_client_stream(h->client), &in, &sent);
	out->kind = SLOW_KEYS;
	out->offset = h->consumed;
	out->keys.version = VERSION_1_3;
	out->keys.suite = in.secret.suite;
	out->keys.is_client = true;
	secret_fill(&in, &out->keys.in);
	secret_fill(&sent, &out->keys.out);
	names_fill(tls13_stream_engine(reality_client_stream(h->client)), &out->keys.names);
	crypto_wipe(&in, sizeof(in));
	crypto_wipe(&sent, sizeof(sent));
}

static void failure_fill(const struct handshake *h, struct slow_message *out)
{
	const char *reason = reality_client_result_text(h->result);

	out->kind = SLOW_FAILED;
	switch (h->result) {
	case REALITY_CLIENT_REAL_CERTIFICATE:
		out->failure = SLOW_FAILURE_REAL;
		break;
	case REALITY_CLIENT_FOREIGN_CERTIFICATE:
		out->failure = SLOW_FAILURE_FOREIGN;
		break;
	default:
		out->failure = SLOW_FAILURE_HANDSHAKE;
		reason = h->result == REALITY_CLIENT_FAILED
				 ? tls13_verdict_text(reality_client_verdict(h->client))
				 : "the peer's stream ended early";
		break;
	}
	out->length = (uint16_t)strlen(reason);
	memcpy(out->data, reason, out->length);
}

static enum handshake_step next(void *handshake, struct slow_message *out)
{
	struct handshake *h = handshake;

	out->length = output(h, out->data, sizeof(out->data));
	if (out->length > 0) {
		out->kind = SLOW_SEND;
		return HANDSHAKE_ACTS;
	}
	if (h->result == REALITY_CLIENT_OPEN) {
		keys_fill(h, out);
		return HANDSHAKE_DONE;
	}
	if (h->result == REALITY_CLIENT_TALKING && !h->ended)
		return HANDSHAKE_WAITS;
	failure_fill(h, out);
	return HANDSHAKE_FAILED;
}

static void profile_destroy(void *profile)
{
	reality_client_profile_destroy(profile);
}

const struct handshake_kind reality_client_kind = {
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.input = input,
	.end = end,
	.next = next,
	.profile_destroy = profile_destroy,
};
