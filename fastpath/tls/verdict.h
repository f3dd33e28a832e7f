// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What every call of the record layer answers, and the alert that a fatal answer owes the peer
// (RFC 8446 6).

#include "core/base.h"

// Alert descriptions used here (RFC 8446 B.2, RFC 5246 7.2).
enum tls_alert {
	TLS_ALERT_CLOSE_NOTIFY = 0,
	TLS_ALERT_UNEXPECTED_MESSAGE = 10,
	TLS_ALERT_BAD_RECORD_MAC = 20,
	TLS_ALERT_RECORD_OVERFLOW = 22,
	TLS_ALERT_ILLEGAL_PARAMETER = 47,
	TLS_ALERT_DECODE_ERROR = 50,
	TLS_ALERT_PROTOCOL_VERSION = 70,
	TLS_ALERT_INTERNAL_ERROR = 80,
	TLS_ALERT_USER_CANCELED = 90,
	TLS_ALERT_NO_RENEGOTIATION = 100,
	TLS_ALERT_NONE = 255, // owe nothing
};

// Name, alert owed, text. Those from TLS_FIRST_FATAL on end the connection and stay.
#define TLS_VERDICTS(X)                                                                            \
	X(WANT_MORE, NONE, "needs more bytes")                                                     \
	X(DATA, NONE, "application data")                                                          \
	X(MESSAGE, NONE, "post-handshake messages for the handshake's owner")                      \
	X(SEALED, NONE, "sealed")                                                                  \
	X(NO_BUFFER, NONE, "buffers ran out; try again")                                           \
	X(CLOSED, NONE, "the peer sent close_notify")                                              \
	X(WRITE_CLOSED, NONE, "close_notify or a fatal alert was sent")                            \
	X(TRUNCATED, NONE, "the stream ended without close_notify")                                \
	X(PEER_ALERT, NONE, "the peer sent a fatal alert")                                         \
	X(BAD_RECORD, BAD_RECORD_MAC, "a record's tag is wrong")                                   \
	X(RECORD_TOO_SHORT, BAD_RECORD_MAC, "a record is shorter than its tag")                    \
	X(RECORD_TOO_LONG, RECORD_OVERFLOW, "a record is longer than the limit")                   \
	X(PLAINTEXT_TOO_LONG, RECORD_OVERFLOW, "a record's content is longer than 16384")          \
	X(BAD_VERSION, PROTOCOL_VERSION, "a record names another version")                         \
	X(UNEXPECTED_TYPE, UNEXPECTED_MESSAGE, "a record of a type that has no place here")        \
	X(NO_CONTENT_TYPE, UNEXPECTED_MESSAGE, "a record of zeros only")                           \
	X(EMPTY_FRAGMENT, UNEXPECTED_MESSAGE, "an empty handshake or alert record")                \
	X(MESSAGE_INTERLEAVED, UNEXPECTED_MESSAGE, "another type inside a handshake message")      \
	X(MESSAGE_UNEXPECTED, UNEXPECTED_MESSAGE, "a handshake message that has no place here")    \
	X(MESSAGE_TOO_LONG, DECODE_ERROR, "a handshake message is longer than 65535")              \
	X(BAD_ALERT, DECODE_ERROR, "an alert of another length than 2")                            \
	X(BAD_KEY_UPDATE, DECODE_ERROR, "a KeyUpdate of another length than 1")                    \
	X(BAD_UPDATE_REQUEST, ILLEGAL_PARAMETER, "a KeyUpdate that asks neither yes nor no")       \
	X(UPDATE_NOT_LAST, UNEXPECTED_MESSAGE, "data behind a KeyUpdate in its record")            \
	X(RENEGOTIATION, NO_RENEGOTIATION, "the peer wants to renegotiate")                        \
	X(NO_PROGRESS, UNEXPECTED_MESSAGE, "too many records in a row without data")               \
	X(KEY_SPENT, INTERNAL_ERROR, "the key's limit of use is reached")

enum tls_verdict {
#define X(name, alert, text) TLS_##name,
	TLS_VERDICTS(X)
#undef X
	TLS_VERDICT_COUNT,
	TLS_FIRST_FATAL = TLS_TRUNCATED,
};

// A sentence, for events.
const char *tls_verdict_text(enum tls_verdict verdict);
// The description to send, TLS_ALERT_NONE when nothing is owed.
enum tls_alert tls_verdict_alert(enum tls_verdict verdict);

static inline bool tls_verdict_is_fatal(enum tls_verdict verdict)
{
	return verdict >= TLS_FIRST_FATAL;
}
