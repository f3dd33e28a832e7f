// SPDX-License-Identifier: BSD-3-Clause
#include <openssl/crypto.h>
#include <string.h>

#include "records.h"

enum {
	NEW_SESSION_TICKET = 4,
	KEY_UPDATE = 24,
	CLOSE_NOTIFY = 0,
	USER_CANCELED = 90,
	MESSAGE_MOST = 1 << 16
};

static enum nx_tls_verdict over(
	struct records *records, enum nx_tls_verdict verdict, const char *why)
{
	records->over = (uint8_t)verdict;
	records->why = why;
	return verdict;
}

static enum nx_tls_verdict alert_take(
	struct records *records, const uint8_t *content, size_t length)
{
	if (length != 2)
		return over(records, NX_TLS_FAILED, "an alert that is none");
	if (content[1] == CLOSE_NOTIFY)
		return over(records, NX_TLS_CLOSED, "");
	if (content[1] == USER_CANCELED)
		return NX_TLS_MORE;
	return over(records, NX_TLS_FAILED, "the peer's fatal alert");
}

static enum nx_tls_verdict update_take(struct records *records, uint8_t request, bool is_last)
{
	// Nothing may follow under the old key (RFC 8446 5.1).
	if (request > 1 || !is_last)
		return over(records, NX_TLS_FAILED, "a KeyUpdate that is none");
	records->update_due |= request == 1;
	if (!nx_record_half_update(records, &records->in))
		return over(records, NX_TLS_FAILED, "no key could be derived");
	return NX_TLS_MORE;
}

// Messages behind the handshake: tickets, which are not used, and key updates. They may be cut by
// records anywhere.
static enum nx_tls_verdict handshake_take(
	struct records *records, const uint8_t *content, size_t length)
{
	enum nx_tls_verdict verdict = NX_TLS_MORE;

	if (length == 0)
		return over(records, NX_TLS_FAILED, "an empty handshake record");
	for (size_t at = 0; at < length && verdict == NX_TLS_MORE;) {
		if (records->message_have < sizeof(records->message)) {
			const uint8_t *m = records->message;

			records->message[records->message_have++] = content[at++];
			if (records->message_have < sizeof(records->message))
				continue;
			records->message_left = (size_t)m[1] << 16 | (size_t)m[2] << 8 | m[3];
			if (records->message_left == 0 || records->message_left > MESSAGE_MOST ||
				(m[0] != NEW_SESSION_TICKET &&
					(m[0] != KEY_UPDATE || records->message_left != 1)))
				return over(records, NX_TLS_FAILED, "an unexpected message");
		} else if (records->message[0] == KEY_UPDATE) {
			records->message_have = 0;
			verdict = update_take(records, content[at], at + 1 == length);
			at++;
		} else {
			size_t part = length - at < records->message_left ? length - at
									  : records->message_left;

			at += part;
			records->message_left -= part;
			if (records->message_left == 0)
				records->message_have = 0;
		}
	}
	return verdict;
}

// Decrypts the record of `length` bytes behind its header to `to`; *plain is its content's length
// and *type its type.
static bool record_open(struct records *records, const uint8_t *header, size_t length, uint8_t *to,
	size_t *plain, uint8_t *type)
{
	struct record_half *half = &records->in;
	const uint8_t *sealed = header + RECORD_HEADER;
	size_t n = length - RECORD_TAG;
	alignas(64) struct gcm_context_data context;
	uint8_t nonce[NONCE], tag[RECORD_TAG];

	nx_record_nonce(half, nonce);
	if (records->secret_length == 32)
		IMB_AES128_GCM_DEC(records->vectors, &half->key, &context, to, sealed, n, nonce,
			header, RECORD_HEADER, tag, RECORD_TAG);
	else
		IMB_AES256_GCM_DEC(records->vectors, &half->key, &context, to, sealed, n, nonce,
			header, RECORD_HEADER, tag, RECORD_TAG);
	if (CRYPTO_memcmp(tag, sealed + n, RECORD_TAG) != 0) {
		OPENSSL_cleanse(to, n);
		return false;
	}
	half->sequence++;
	// Padding is zeros behind the type (RFC 8446 5.4).
	while (n > 0 && to[n - 1] == 0)
		n--;
	if (n == 0 || n > RECORD_CONTENT + 1)
		return false;
	*type = to[n - 1];
	*plain = n - 1;
	return true;
}

// The length of the next record behind its header, 0 when it is not whole.
static enum nx_tls_verdict record_find(
	struct records *records, const struct nx_read_buffer *in, size_t *length)
{
	const uint8_t *p = nx_read_buffer_data(in);
	size_t have = nx_read_buffer_length(in);

	*length = 0;
	if (have < RECORD_HEADER)
		return NX_TLS_MORE;
	*length = (size_t)p[3] << 8 | p[4];
	if (p[0] != RECORD_DATA || *length <= RECORD_TAG || *length > RECORD_MOST)
		return over(records, NX_TLS_FAILED, "bytes that are no TLS 1.3 record");
	return have - RECORD_HEADER < *length ? NX_TLS_MORE : NX_TLS_DONE;
}

static enum nx_tls_verdict content_take(
	struct records *records, uint8_t type, const uint8_t *content, size_t length)
{
	if (type == RECORD_ALERT)
		return alert_take(records, content, length);
	if (type == RECORD_HANDSHAKE)
		return handshake_take(records, content, length);
	return over(records, NX_TLS_FAILED, "a record of an unknown type");
}

// What a larger record left behind.
static size_t plain_take(
	struct records *records, struct nx_read_buffer *in, void *data, size_t room)
{
	size_t n = records->plain_length < room ? records->plain_length : room;

	// The input may have been moved since, and its first byte with it.
	memcpy(data, nx_read_buffer_data(in) + records->plain_at, n);
	records->plain_at += n;
	records->plain_length -= n;
	if (records->plain_length == 0) {
		in->head += records->plain_record;
		records->plain_record = 0;
	}
	return n;
}

// Opens the next record into `data`, or where it lies if that is too small; *n bytes came.
static enum nx_tls_verdict next(
	struct records *records, struct nx_read_buffer *in, uint8_t *data, size_t room, size_t *n)
{
	uint8_t *header = nx_read_buffer_data(in), *to, type;
	size_t length, plain;
	enum nx_tls_verdict verdict = record_find(records, in, &length);

	*n = 0;
	if (verdict != NX_TLS_DONE)
		return verdict;
	to = room >= length - RECORD_TAG ? data : header + RECORD_HEADER;
	if (!record_open(records, header, length, to, &plain, &type))
		return over(records, NX_TLS_FAILED, "a record that nobody sealed for us");
	if (type == RECORD_DATA && records->message_have != 0)
		return over(records, NX_TLS_FAILED, "data inside of a handshake message");
	if (type == RECORD_DATA && to != data) {
		records->plain_at = RECORD_HEADER;
		records->plain_length = plain;
		records->plain_record = RECORD_HEADER + length;
		*n = plain_take(records, in, data, room);
		return NX_TLS_DONE;
	}
	in->head += RECORD_HEADER + length;
	if (type != RECORD_DATA) {
		verdict = content_take(records, type, to, plain);
		return verdict == NX_TLS_MORE ? NX_TLS_DONE : verdict;
	}
	*n = plain;
	return NX_TLS_DONE;
}

enum nx_tls_verdict nx_records_read(struct records *records, struct nx_read_buffer *in,
	struct nx_write_buffer *out, bool ended, void *data, size_t room, size_t *n)
{
	enum nx_tls_verdict verdict = (enum nx_tls_verdict)records->over;
	size_t total = 0, got;

	if (records->plain_length > 0)
		total = plain_take(records, in, data, room);
	while (verdict == NX_TLS_DONE && total < room && records->plain_length == 0) {
		verdict = next(records, in, (uint8_t *)data + total, room - total, &got);
		if (verdict == NX_TLS_DONE)
			total += got;
	}
	// An answer to a KeyUpdate, which need not wait for data of ours.
	if (records->update_due && !records->closed)
		(void)!nx_record_update_send(records, out);
	if (total > 0) {
		*n = total;
		return NX_TLS_DONE;
	}
	if (verdict == NX_TLS_MORE && ended)
		return over(records, NX_TLS_TRUNCATED, "");
	return verdict == NX_TLS_DONE ? NX_TLS_MORE : verdict;
}
