// SPDX-License-Identifier: BSD-3-Clause
#include "codec.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
	BUFFER_DEFAULT = 64 * 1024,
	RECORD_OVERHEAD = 512, // of everything that OpenSSL writes around one record, and alerts
};

// Whom the certificate must name (RFC 9525), and SNI, which carries names only (RFC 6066 3).
static bool host_set(struct nx_tls *tls, const char *host)
{
	X509_VERIFY_PARAM *check = SSL_get0_param(tls->ssl);
	uint8_t address[16];
	bool is_address =
		inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;

	if (!is_address && !SSL_ctrl(tls->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
				   TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host))
		return false;
	if (!tls->context->verifies)
		return true;
	X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return is_address ? X509_VERIFY_PARAM_set1_ip_asc(check, host)
			  : X509_VERIFY_PARAM_set1_host(check, host, 0);
}

static bool transport_set(struct nx_tls *tls)
{
	BIO *bio = BIO_new(tls->context->bytes);

	if (bio == NULL)
		return false;
	BIO_set_data(bio, tls);
	SSL_set_bio(tls->ssl, bio, bio);
	return true;
}

struct nx_tls *nx_tls_create(struct nx_tls_context *context, const char *host, size_t buffer_bytes)
{
	struct nx_tls *tls = aligned_alloc(alignof(struct nx_tls), sizeof(*tls));

	if (tls == NULL)
		return NULL;
	memset(tls, 0, sizeof(*tls));
	tls->context = context;
	if (buffer_bytes == 0)
		buffer_bytes = BUFFER_DEFAULT;
	if (buffer_bytes < NX_TLS_BUFFER_MIN)
		buffer_bytes = NX_TLS_BUFFER_MIN;
	tls->ssl = SSL_new(context->ssl);
	if (tls->ssl == NULL || !SSL_set_app_data(tls->ssl, tls) || !transport_set(tls) ||
		nx_read_buffer_create(&tls->in, buffer_bytes, NULL) != NX_BUFFER_OK ||
		nx_write_buffer_create(&tls->out, buffer_bytes, 0, NULL) != NX_BUFFER_OK ||
		(!context->is_server && !host_set(tls, host))) {
		nx_tls_destroy(tls);
		return NULL;
	}
	if (context->is_server)
		SSL_set_accept_state(tls->ssl);
	else
		SSL_set_connect_state(tls->ssl);
	return tls;
}

void nx_tls_destroy(struct nx_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	nx_read_buffer_fini(&tls->in);
	nx_write_buffer_fini(&tls->out);
	OPENSSL_cleanse(tls, sizeof(*tls));
	free(tls);
}

struct nx_read_buffer *nx_tls_input(struct nx_tls *tls)
{
	return &tls->in;
}

struct nx_write_buffer *nx_tls_output(struct nx_tls *tls)
{
	return &tls->out;
}

void nx_tls_end_of_input(struct nx_tls *tls)
{
	tls->ended = true;
}

static enum nx_tls_verdict fault_of(struct nx_tls *tls)
{
	long verified = SSL_get_verify_result(tls->ssl);
	unsigned long error = ERR_peek_error();
	const char *reason = error ? ERR_reason_error_string(error) : NULL;
	enum nx_tls_verdict verdict = NX_TLS_FAILED;

	if (tls->context->verifies && verified != X509_V_OK) {
		verdict = NX_TLS_UNVERIFIED;
		reason = X509_verify_cert_error_string(verified);
	} else if (ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
		   (error == 0 && tls->ended)) {
		verdict = NX_TLS_TRUNCATED;
	}
	strncpy(tls->why, reason ? reason : "", sizeof(tls->why) - 1);
	ERR_clear_error();
	return verdict;
}

static enum nx_tls_verdict verdict_of(struct nx_tls *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_NONE:
		return NX_TLS_DONE;
	case SSL_ERROR_WANT_READ:
		return NX_TLS_MORE;
	case SSL_ERROR_WANT_WRITE:
		return NX_TLS_NO_ROOM;
	case SSL_ERROR_ZERO_RETURN:
		return NX_TLS_CLOSED;
	default:
		return fault_of(tls);
	}
}

// A fault of the peer's is for good. Asked again, OpenSSL would say that the peer has closed.
static enum nx_tls_verdict kept(struct nx_tls *tls, enum nx_tls_verdict verdict)
{
	if (verdict > NX_TLS_CLOSED)
		tls->over = verdict;
	return verdict;
}

static int digit_of(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

// "CLIENT_TRAFFIC_SECRET_0 <random> <secret>", in lower-case hexadecimal digits.
void nx_tls_secret_take(const SSL *ssl, const char *line)
{
	struct nx_tls *tls = SSL_get_app_data(ssl);
	const char *digits = strrchr(line, ' ') + 1;
	bool of_server = strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0;
	bool is_in = of_server != tls->context->is_server;
	struct record_half *half = is_in ? &tls->records.in : &tls->records.out;
	size_t n = strlen(digits) / 2;

	if ((!of_server && strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) != 0) || n > SECRET_MOST)
		return;
	for (size_t i = 0; i < n; i++)
		half->secret[i] =
			(uint8_t)(digit_of(digits[2 * i]) << 4 | digit_of(digits[2 * i + 1]));
	tls->records.secret_length = n;
	tls->has_secret[is_in ? 0 : 1] = true;
}

// From here on records are ours, where the suite is.
static bool records_take_over(struct nx_tls *tls)
{
	uint16_t suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(tls->ssl));

	if (SSL_version(tls->ssl) != TLS1_3_VERSION || (suite != 0x1301 && suite != 0x1302) ||
		!tls->has_secret[0] || !tls->has_secret[1] || SSL_has_pending(tls->ssl))
		return true;
	tls->has_records = nx_records_begin(&tls->records, tls->context->vectors);
	return tls->has_records;
}

// What records say, with the reason kept.
static enum nx_tls_verdict of_records(struct nx_tls *tls, enum nx_tls_verdict verdict)
{
	if (verdict == NX_TLS_FAILED)
		strncpy(tls->why, tls->records.why, sizeof(tls->why) - 1);
	return verdict;
}

enum nx_tls_verdict nx_tls_handshake(struct nx_tls *tls)
{
	enum nx_tls_verdict verdict;

	if (tls->over != NX_TLS_DONE)
		return tls->over;
	if (tls->has_shaken)
		return NX_TLS_DONE;
	ERR_clear_error();
	verdict = kept(tls, verdict_of(tls, SSL_do_handshake(tls->ssl)));
	if (verdict != NX_TLS_DONE)
		return verdict;
	if (tls->context->alpn_required && nx_tls_alpn(tls) == NULL)
		return NX_TLS_ALPN_REFUSED;
	if (!records_take_over(tls))
		return NX_TLS_FAILED;
	tls->has_shaken = true;
	return NX_TLS_DONE;
}

enum nx_tls_verdict nx_tls_read(struct nx_tls *tls, void *data, size_t room, size_t *n)
{
	enum nx_tls_verdict verdict;
	size_t total = 0, got;
	int result;

	if (!tls->has_records) {
		verdict = nx_tls_handshake(tls);
		if (verdict != NX_TLS_DONE)
			return verdict;
	}
	if (tls->has_records)
		return of_records(tls, nx_records_read(&tls->records, &tls->in, &tls->out,
					       tls->ended, data, room, n));
	ERR_clear_error();
	verdict = NX_TLS_MORE;
	while (total < room) {
		result = SSL_read_ex(tls->ssl, (char *)data + total, room - total, &got);
		if (result != 1) {
			verdict = kept(tls, verdict_of(tls, result));
			break;
		}
		total += got;
		// Asking on without a byte left would only make OpenSSL look for nothing.
		if (nx_read_buffer_length(&tls->in) == 0 && !SSL_has_pending(tls->ssl))
			break;
	}
	if (total == 0)
		return verdict;
	*n = total;
	return NX_TLS_DONE;
}

enum nx_tls_verdict nx_tls_write(struct nx_tls *tls, const void *data, size_t length, size_t *taken)
{
	enum nx_tls_verdict verdict;
	size_t done = 0, part, written;
	int result;

	if (!tls->has_records) {
		verdict = nx_tls_handshake(tls);
		if (verdict != NX_TLS_DONE)
			return verdict;
	}
	if (tls->has_records)
		return of_records(
			tls, nx_records_write(&tls->records, &tls->out, data, length, taken));
	ERR_clear_error();
	while (done < length) {
		// A record is begun only when it fits whole: OpenSSL then keeps nothing back.
		size_t room = nx_write_buffer_room(&tls->out);

		if (room <= RECORD_OVERHEAD) {
			nx_write_buffer_compact(&tls->out);
			room = nx_write_buffer_room(&tls->out);
		}
		if (room <= RECORD_OVERHEAD) {
			verdict = NX_TLS_NO_ROOM;
			break;
		}
		part = length - done < room - RECORD_OVERHEAD ? length - done
							      : room - RECORD_OVERHEAD;
		if (part > RECORD_CONTENT)
			part = RECORD_CONTENT;
		result = SSL_write_ex(tls->ssl, (const char *)data + done, part, &written);
		if (result != 1) {
			verdict = verdict_of(tls, result);
			break;
		}
		done += written;
	}
	if (done == 0 && verdict != NX_TLS_DONE)
		return verdict;
	*taken = done;
	return NX_TLS_DONE;
}

enum nx_tls_verdict nx_tls_close(struct nx_tls *tls)
{
	int result;

	if (tls->has_records)
		return nx_records_close(&tls->records, &tls->out);
	ERR_clear_error();
	result = SSL_shutdown(tls->ssl);
	return result >= 0 ? NX_TLS_DONE : verdict_of(tls, result);
}

const char *nx_tls_version(const struct nx_tls *tls)
{
	return SSL_get_version(tls->ssl);
}

const char *nx_tls_alpn(struct nx_tls *tls)
{
	const unsigned char *chosen;
	unsigned int length;

	SSL_get0_alpn_selected(tls->ssl, &chosen, &length);
	if (length == 0)
		return NULL;
	memcpy(tls->alpn, chosen, length);
	tls->alpn[length] = 0;
	return tls->alpn;
}

const char *nx_tls_why(const struct nx_tls *tls)
{
	return tls->why;
}

const char *nx_tls_verdict_text(enum nx_tls_verdict verdict)
{
	static const char *const texts[NX_TLS_VERDICTS] = {
		[NX_TLS_DONE] = "done",
		[NX_TLS_MORE] = "more encrypted bytes are needed",
		[NX_TLS_NO_ROOM] = "the output is full; send it first",
		[NX_TLS_CLOSED] = "the peer closed the TLS connection",
		[NX_TLS_TRUNCATED] = "the transport ended without close_notify",
		[NX_TLS_UNVERIFIED] =
			"the certificate is not the host's or no trusted root vouches for it",
		[NX_TLS_ALPN_REFUSED] = "the server chose none of the protocols offered by ALPN",
		[NX_TLS_FAILED] = "the peer does not speak TLS as asked for",
	};

	return verdict < NX_TLS_VERDICTS ? texts[verdict] : "no such verdict";
}
