// SPDX-License-Identifier: BSD-3-Clause
#include "slowpath/tls/handshake.h"

#include <openssl/err.h>
#include <string.h>
#include <time.h>

#include "slowpath/key_log.h"
#include "slowpath/tls/profile_impl.h"

enum {
	RECORD_HEADER = 5,
	RECORD_MAX = 16384 + 256, // of any version (RFC 8446 5.2), the least that is too long
	TYPE_FIRST = 20,          // change_cipher_spec
	TYPE_LAST = 23,           // application_data
	TYPE_APPLICATION = 23,
};

struct tls_handshake {
	SSL *ssl;
	BIO *in;
	BIO *out;
	enum tls_handshake_state state;
	const char *reason;
	uint64_t consumed; // bytes of whole records that OpenSSL has
	uint32_t have;     // bytes of the record under way
	struct slow_keys keys;
	struct tls_secrets secrets;
	bool is_untrusted;             // the server's certificate made it fail
	struct tls_sessions *sessions; // of a client
	bool has_offered;              // one of them
	char target[SLOW_TARGET_BYTES];
	uint8_t record[RECORD_HEADER + RECORD_MAX];
};

static struct slow_secret *client_keys(struct tls_handshake *h)
{
	return h->keys.is_client ? &h->keys.out : &h->keys.in;
}

static struct slow_secret *server_keys(struct tls_handshake *h)
{
	return h->keys.is_client ? &h->keys.in : &h->keys.out;
}

static void key_log_callback(const SSL *ssl, const char *line)
{
	key_log_line(line);
}

void tls_key_log_use(SSL_CTX *context)
{
	// The callback costs where nothing is written as well.
	if (key_log_is_on())
		SSL_CTX_set_keylog_callback(context, key_log_callback);
}

static int make(SSL_CTX *context, struct tls_handshake **out)
{
	struct tls_handshake *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->ssl = SSL_new(context);
	h->in = BIO_new(BIO_s_mem());
	h->out = BIO_new(BIO_s_mem());
	if (!h->ssl || !h->in || !h->out) {
		BIO_free(h->in);
		BIO_free(h->out);
		SSL_free(h->ssl);
		free(h);
		return -ENOMEM;
	}
	SSL_set_bio(h->ssl, h->in, h->out);
	*out = h;
	return 0;
}

int tls_handshake_create(const struct tls_profile *profile, struct tls_handshake **out)
{
	int status = make(profile->entries[0].context, out);

	if (status == 0)
		SSL_set_accept_state((*out)->ssl);
	return status;
}

// The host of "host:port", "1.2.3.4:port" or "[fd00::1]:port".
static const char *host_of(char target[SLOW_TARGET_BYTES])
{
	char *host = target[0] == '[' ? target + 1 : target;
	char *end = target[0] == '[' ? strchr(host, ']') : strrchr(host, ':');

	if (end)
		*end = '\0';
	return host;
}

// Whether it is resumed is the server's to say.
static void session_offer(struct tls_handshake *h)
{
	SSL_SESSION *session = tls_sessions_take(h->sessions, h->target, time(NULL));

	h->has_offered = session && SSL_set_session(h->ssl, session) == 1;
	SSL_SESSION_free(session);
}

int tls_handshake_connect(
	const struct tls_client_profile *profile, const char *target, struct tls_handshake **out)
{
	struct tls_handshake *h;
	char host[SLOW_TARGET_BYTES];
	int status = make(tls_client_profile_context(profile), &h);

	if (status)
		return status;
	h->keys.is_client = true;
	h->sessions = tls_client_profile_sessions(profile);
	snprintf(h->target, sizeof(h->target), "%s", target);
	snprintf(host, sizeof(host), "%s", target);
	SSL_set_connect_state(h->ssl);
	status = tls_client_profile_name(profile, host_of(host), h->ssl);
	if (status == 0)
		session_offer(h);
	ERR_clear_error();
	// The hello: nothing else can be had before the server has answered.
	if (status == 0 && (tls_handshake_step(h->ssl, &h->secrets) == 1 ||
				   SSL_get_error(h->ssl, -1) != SSL_ERROR_WANT_READ))
		status = -ENOMEM;
	if (status)
		tls_handshake_destroy(h);
	else
		*out = h;
	return status;
}

void tls_handshake_destroy(struct tls_handshake *h)
{
	if (!h)
		return;
	SSL_free(h->ssl);
	// What else is in it went over the wire.
	OPENSSL_cleanse(&h->keys, sizeof(h->keys));
	OPENSSL_cleanse(&h->secrets, sizeof(h->secrets));
	free(h);
}

static enum tls_handshake_state fail(struct tls_handshake *h, const char *reason)
{
	h->state = TLS_HANDSHAKE_FAILED;
	h->reason = reason;
	return h->state;
}

// What OpenSSL says; of a certificate, why it cannot be trusted.
static enum tls_handshake_state fail_by_library(struct tls_handshake *h)
{
	unsigned long code = ERR_peek_last_error();

	// Or it would fail again with the next one, as long as they are good.
	if (h->has_offered)
		tls_sessions_forget(h->sessions, h->target);
	h->is_untrusted = h->keys.is_client && ERR_GET_LIB(code) == ERR_LIB_SSL &&
			  ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	if (h->is_untrusted)
		return fail(h, X509_verify_cert_error_string(SSL_get_verify_result(h->ssl)));
	return fail(h, ERR_reason_error_string(code));
}

// The records of application data in what OpenSSL wrote: a server's tickets, protected with the
// keys that the worker goes on with.
static uint64_t records_written(const uint8_t *bytes, size_t length)
{
	uint64_t count = 0;

	while (length >= RECORD_HEADER) {
		size_t record = RECORD_HEADER + ((size_t)bytes[3] << 8 | bytes[4]);

		count += bytes[0] == TYPE_APPLICATION;
		record = record < length ? record : length;
		bytes += record;
		length -= record;
	}
	return count;
}

static bool keys_make_1_3(struct tls_handshake *h, uint64_t records)
{
	if (!h->secrets.has_client || !h->secrets.has_server)
		return false;
	memcpy(client_keys(h)->secret, h->secrets.client, sizeof(h->secrets.client));
	memcpy(server_keys(h)->secret, h->secrets.server, sizeof(h->secrets.server));
	h->keys.in.sequence = 0;
	// A client's last words are still under the handshake's keys.
	h->keys.out.sequence = h->keys.is_client ? 0 : records;
	return true;
}

// The key block of RFC 5246 6.3, of which AEAD suites have keys and (part of) nonces: the client's
// key, the server's, the client's nonce, the server's.
static bool keys_make_1_2(struct tls_handshake *h)
{
	const SSL_CIPHER *cipher = SSL_get_current_cipher(h->ssl);
	int nid = SSL_CIPHER_get_cipher_nid(cipher);
	size_t key = nid == NID_aes_128_gcm ? 16 : 32;
	size_t iv = nid == NID_chacha20_poly1305 ? 12 : 4;
	const uint8_t *at = h->secrets.block;

	if (!h->secrets.has_block)
		return false;
	memcpy(client_keys(h)->secret, at, key);
	memcpy(server_keys(h)->secret, at + key, key);
	memcpy(client_keys(h)->iv, at + 2 * key, iv);
	memcpy(server_keys(h)->iv, at + 2 * key + iv, iv);
	// Each side's Finished was its record 0.
	h->keys.in.sequence = h->keys.out.sequence = 1;
	return true;
}

// What the client asked for, by a name that was not refused, and what was agreed on.
static void names_fill(const SSL *ssl, struct session_names *out)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	const uint8_t *protocol;
	unsigned int length;

	if (name)
		snprintf(out->server_name, sizeof(out->server_name), "%s", name);
	SSL_get0_alpn_selected(ssl, &protocol, &length);
	if (length > 0 && length < sizeof(out->protocol))
		memcpy(out->protocol, protocol, length);
}

// Of TLS 1.3 a session is made of what comes later, and of a secret.
static void session_keep(struct tls_handshake *h)
{
	SSL_SESSION *session;

	if (h->keys.version == TLS1_3_VERSION) {
		h->keys.resumption_length = h->secrets.resumption_length;
		memcpy(h->keys.resumption, h->secrets.resumption, sizeof(h->keys.resumption));
		return;
	}
	session = SSL_get1_session(h->ssl);
	if (session)
		tls_sessions_keep(h->sessions, h->target, session, time(NULL));
	SSL_SESSION_free(session);
}

static enum tls_handshake_state finish(struct tls_handshake *h, uint64_t records)
{
	bool made;

	h->keys.version = (uint16_t)SSL_version(h->ssl);
	h->keys.suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(h->ssl));
	made = h->keys.version == TLS1_3_VERSION ? keys_make_1_3(h, records) : keys_make_1_2(h);
	if (!made)
		return fail(h, "no keys");
	h->keys.is_itself = true;
	if (h->keys.is_client)
		session_keep(h);
	names_fill(h->ssl, &h->keys.names);
	h->state = TLS_HANDSHAKE_DONE;
	return h->state;
}

// One whole record goes to OpenSSL.
static enum tls_handshake_state record_take(struct tls_handshake *h)
{
	const uint8_t *bytes;
	size_t before = BIO_ctrl_pending(h->out);
	long length;
	int rc;

	if (BIO_write(h->in, h->record, (int)h->have) != (int)h->have)
		return fail(h, "out of memory");
	h->consumed += h->have;
	h->have = 0;
	ERR_clear_error();
	rc = tls_handshake_step(h->ssl, &h->secrets);
	if (rc == 1) {
		length = BIO_get_mem_data(h->out, (char **)(uintptr_t)&bytes);
		return finish(h, records_written(bytes + before, (size_t)length - before));
	}
	if (SSL_get_error(h->ssl, rc) == SSL_ERROR_WANT_READ)
		return TLS_HANDSHAKE_GOES_ON;
	return fail_by_library(h);
}

// How many bytes the record under way still lacks, as far as that is known. 0: it is no record.
static uint32_t record_lacks(const struct tls_handshake *h)
{
	uint32_t length;

	if (h->have < RECORD_HEADER)
		return RECORD_HEADER - h->have;
	length = (uint32_t)h->record[3] << 8 | h->record[4];
	if (h->record[0] < TYPE_FIRST || h->record[0] > TYPE_LAST || h->record[1] != 3 ||
		length == 0 || length > RECORD_MAX)
		return 0;
	return RECORD_HEADER + length - h->have;
}

enum tls_handshake_state tls_handshake_input(
	struct tls_handshake *h, const uint8_t *bytes, size_t length)
{
	while (h->state == TLS_HANDSHAKE_GOES_ON && length > 0) {
		uint32_t take = record_lacks(h);

		take = take < length ? take : (uint32_t)length;
		memcpy(h->record + h->have, bytes, take);
		h->have += take;
		bytes += take;
		length -= take;
		if (h->have < RECORD_HEADER)
			continue;
		take = record_lacks(h);
		if (h->have == RECORD_HEADER && take == 0)
			return fail(h, "not a TLS record");
		if (take == 0)
			record_take(h);
		if (h->consumed + h->have > SLOW_STREAM_BYTES)
			return fail(h, "the handshake is too long");
	}
	return h->state;
}

void tls_handshake_end(struct tls_handshake *h)
{
	if (h->state == TLS_HANDSHAKE_GOES_ON)
		fail(h, "the peer's stream ended early");
}

enum tls_handshake_state tls_handshake_state(const struct tls_handshake *h)
{
	return h->state;
}

size_t tls_handshake_output(struct tls_handshake *h, uint8_t *out, size_t size)
{
	int n = BIO_read(h->out, out, (int)size);

	return n > 0 ? (size_t)n : 0;
}

void tls_handshake_keys(const struct tls_handshake *h, struct slow_keys *keys, uint64_t *offset)
{
	nx_bug_on(h->state != TLS_HANDSHAKE_DONE);
	*keys = h->keys;
	*offset = h->consumed;
}

const char *tls_handshake_reason(const struct tls_handshake *h)
{
	return h->reason ? h->reason : "";
}

bool tls_handshake_is_client(const struct tls_handshake *h)
{
	return h->keys.is_client;
}

bool tls_handshake_is_untrusted(const struct tls_handshake *h)
{
	return h->is_untrusted;
}
