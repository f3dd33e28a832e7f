// SPDX-License-Identifier: BSD-3-Clause
// What alert and handshake records say once the handshake is over.
#include "core/chain.h"
#include "tls/record_impl.h"

// Handshake messages (RFC 8446 4).
enum {
	MESSAGE_HELLO_REQUEST = 0, // RFC 5246 7.4.1.1
	MESSAGE_NEW_SESSION_TICKET = 4,
	MESSAGE_KEY_UPDATE = 24,
	MESSAGE_BYTES_MAX = 65535,
};

enum {
	ALERT_WARNING = 1,
	ALERT_BYTES = 2,
};

// RFC 8446 6: levels mean nothing in TLS 1.3, all but two alerts are fatal. TLS 1.2 has warnings.
enum tls_verdict tls_alert_take(struct tls_records *t, const struct buffer *content)
{
	uint8_t alert[ALERT_BYTES + 1];

	if (chain_copy(content, 0, sizeof(alert), alert) != ALERT_BYTES)
		return TLS_BAD_ALERT;
	if (alert[1] == TLS_ALERT_CLOSE_NOTIFY)
		return TLS_CLOSED;
	if (alert[1] == TLS_ALERT_USER_CANCELED ||
		(!t->in.key.is_tls13 && alert[0] == ALERT_WARNING))
		return TLS_WANT_MORE;
	t->in.alert = alert[1];
	return TLS_PEER_ALERT;
}

static uint32_t message_length(const struct tls_input *in)
{
	return (uint32_t)in->message[1] << 16 | (uint32_t)in->message[2] << 8 | in->message[3];
}

// A whole header: may such a message come?
static enum tls_verdict message_begin(const struct tls_records *t)
{
	uint8_t type = t->in.message[0];
	uint32_t length = message_length(&t->in);

	if (!t->in.key.is_tls13)
		return t->is_client && type == MESSAGE_HELLO_REQUEST && length == 0
			       ? TLS_WANT_MORE
			       : TLS_RENEGOTIATION;
	if (type == MESSAGE_KEY_UPDATE)
		return length == 1 ? TLS_WANT_MORE : TLS_BAD_KEY_UPDATE;
	if (type != MESSAGE_NEW_SESSION_TICKET || !t->is_client)
		return TLS_MESSAGE_UNEXPECTED;
	return length <= MESSAGE_BYTES_MAX ? TLS_MESSAGE : TLS_MESSAGE_TOO_LONG;
}

// RFC 8446 4.6.3. The peer's next record has its next key, so nothing follows in this one (5.1).
static enum tls_verdict key_update(
	struct tls_context *context, struct tls_records *t, uint8_t request, bool is_last)
{
	if (request > 1)
		return TLS_BAD_UPDATE_REQUEST;
	if (!is_last)
		return TLS_UPDATE_NOT_LAST;
	tls_key_update(context, &t->in.key);
	t->in.update_asked = false;
	if (request == 1)
		t->out.update_due = true;
	return TLS_WANT_MORE;
}

// Messages may be cut over records and share one. Only the header and KeyUpdate's one byte are
// looked at; what else may come is the caller's, record by record.
enum tls_verdict tls_handshake_take(struct tls_context *context, struct tls_records *t,
	const struct buffer *content, uint32_t length)
{
	struct tls_input *in = &t->in;
	enum tls_verdict answer = in->message_left > 0 && in->message[0] != MESSAGE_KEY_UPDATE
					  ? TLS_MESSAGE
					  : TLS_WANT_MORE;
	uint32_t at = 0;

	while (at < length) {
		enum tls_verdict v;
		uint8_t byte;

		if (in->message_left > 0 && in->message[0] != MESSAGE_KEY_UPDATE) {
			uint32_t n = u32_min(in->message_left, length - at);

			at += n;
			in->message_left -= n;
			continue;
		}
		chain_copy(content, at++, 1, &byte);
		if (in->message_left > 0) {
			in->message_left = 0;
			v = key_update(context, t, byte, at == length);
			if (v != TLS_WANT_MORE)
				return v;
			continue;
		}
		in->message[in->message_have++] = byte;
		if (in->message_have < sizeof(in->message))
			continue;
		v = message_begin(t);
		if (tls_verdict_is_fatal(v))
			return v;
		if (v == TLS_MESSAGE)
			answer = v;
		in->message_have = 0;
		in->message_left = message_length(in);
	}
	return answer;
}
