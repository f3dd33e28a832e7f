// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What every call of the handshake engine answers, and the alert that a fatal answer owes the peer
// (RFC 8446 6.2).

#include "core/base.h"

// Alert descriptions (RFC 8446 B.2).
enum tls13_alert {
	TLS13_ALERT_CLOSE_NOTIFY = 0,
	TLS13_ALERT_UNEXPECTED_MESSAGE = 10,
	TLS13_ALERT_BAD_RECORD_MAC = 20,
	TLS13_ALERT_RECORD_OVERFLOW = 22,
	TLS13_ALERT_HANDSHAKE_FAILURE = 40,
	TLS13_ALERT_BAD_CERTIFICATE = 42,
	TLS13_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	TLS13_ALERT_CERTIFICATE_REVOKED = 44,
	TLS13_ALERT_CERTIFICATE_EXPIRED = 45,
	TLS13_ALERT_CERTIFICATE_UNKNOWN = 46,
	TLS13_ALERT_ILLEGAL_PARAMETER = 47,
	TLS13_ALERT_UNKNOWN_CA = 48,
	TLS13_ALERT_DECODE_ERROR = 50,
	TLS13_ALERT_DECRYPT_ERROR = 51,
	TLS13_ALERT_PROTOCOL_VERSION = 70,
	TLS13_ALERT_INTERNAL_ERROR = 80,
	TLS13_ALERT_USER_CANCELED = 90,
	TLS13_ALERT_MISSING_EXTENSION = 109,
	TLS13_ALERT_UNSUPPORTED_EXTENSION = 110,
	TLS13_ALERT_UNRECOGNIZED_NAME = 112,
	TLS13_ALERT_CERTIFICATE_REQUIRED = 116,
	TLS13_ALERT_NO_APPLICATION_PROTOCOL = 120,
	TLS13_ALERT_NONE = 255, // owe nothing
};

// Name, alert owed, text.
#define TLS13_VERDICTS(X)                                                                          \
	X(OK, NONE, "going on")                                                                    \
	X(PEER_ALERT, NONE, "the peer sent a fatal alert")                                         \
	X(PEER_CLOSED, NONE, "the peer closed inside the handshake")                               \
	X(NO_MEMORY, INTERNAL_ERROR, "memory ran out")                                             \
	X(LIBRARY, INTERNAL_ERROR, "libcrypto failed")                                             \
	X(MISUSE, INTERNAL_ERROR, "a call out of order")                                           \
	X(MESSAGE_TRUNCATED, DECODE_ERROR, "a field runs past its message")                        \
	X(MESSAGE_TRAILING, DECODE_ERROR, "bytes behind a message's last field")                   \
	X(MESSAGE_TOO_LONG, ILLEGAL_PARAMETER, "a handshake message is over its bound")            \
	X(FIELD_EMPTY, DECODE_ERROR, "a field or list is shorter than its least length")           \
	X(MESSAGE_UNEXPECTED, UNEXPECTED_MESSAGE, "a handshake message that has no place here")    \
	X(LEVEL_UNEXPECTED, UNEXPECTED_MESSAGE, "handshake bytes at another encryption level")     \
	X(MESSAGE_SPANS_KEYS, UNEXPECTED_MESSAGE, "handshake bytes across a change of keys")       \
	X(EXTENSION_TWICE, ILLEGAL_PARAMETER, "an extension came twice")                           \
	X(EXTENSION_UNASKED, UNSUPPORTED_EXTENSION, "an answer to an extension never sent")        \
	X(EXTENSION_MISPLACED, ILLEGAL_PARAMETER, "an extension in a message not its own")         \
	X(EXTENSION_MISSING, MISSING_EXTENSION, "an extension that is needed is missing")          \
	X(EXTENSION_CROWD, DECODE_ERROR, "more extensions in a message than are read")             \
	X(PSK_NOT_LAST, ILLEGAL_PARAMETER, "pre_shared_key is not the last extension")             \
	X(VERSION_NOT_1_3, PROTOCOL_VERSION, "the peer does not speak TLS 1.3")                    \
	X(VERSION_WRONG, ILLEGAL_PARAMETER, "the peer chose a version that was not offered")       \
	X(COMPRESSION, ILLEGAL_PARAMETER, "a compression method other than null")                  \
	X(SESSION_ID, ILLEGAL_PARAMETER, "the session id echoed is not the one sent")              \
	X(SUITE_UNOFFERED, ILLEGAL_PARAMETER, "the suite chosen was not offered")                  \
	X(SUITE_NONE, HANDSHAKE_FAILURE, "no suite in common")                                     \
	X(SUITE_CHANGED, ILLEGAL_PARAMETER, "another suite than in HelloRetryRequest")             \
	X(GROUP_NONE, HANDSHAKE_FAILURE, "no group in common")                                     \
	X(GROUP_WRONG, ILLEGAL_PARAMETER, "a group or key share that was not asked for")           \
	X(SHARE_BAD, ILLEGAL_PARAMETER, "a key share that is no valid key")                        \
	X(RETRY_USELESS, ILLEGAL_PARAMETER, "HelloRetryRequest changes nothing")                   \
	X(RETRY_TWICE, UNEXPECTED_MESSAGE, "a second HelloRetryRequest")                           \
	X(RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER, "the second hello is not the first one's")       \
	X(ALPN_NONE, NO_APPLICATION_PROTOCOL, "no application protocol in common")                 \
	X(ALPN_WRONG, ILLEGAL_PARAMETER, "an application protocol that was not offered")           \
	X(NAME_BAD, ILLEGAL_PARAMETER, "a server name that is no host name")                       \
	X(NAME_UNKNOWN, UNRECOGNIZED_NAME, "no certificate for this server name")                  \
	X(SCHEME_NONE, HANDSHAKE_FAILURE, "no signature scheme in common")                         \
	X(SCHEME_WRONG, ILLEGAL_PARAMETER, "a signature scheme not offered or not the key's")      \
	X(SIGNATURE_BAD, DECRYPT_ERROR, "CertificateVerify does not verify")                       \
	X(FINISHED_BAD, DECRYPT_ERROR, "Finished does not verify")                                 \
	X(BINDER_BAD, DECRYPT_ERROR, "a pre-shared key's binder does not verify")                  \
	X(PSK_WRONG, ILLEGAL_PARAMETER, "a pre-shared key that was not offered")                   \
	X(CERTIFICATE_EMPTY, DECODE_ERROR, "the server sent no certificate")                       \
	X(CERTIFICATE_NEEDED, CERTIFICATE_REQUIRED, "the client sent no certificate")              \
	X(CERTIFICATE_BAD, BAD_CERTIFICATE, "a certificate that cannot be read or trusted")        \
	X(CERTIFICATE_KEY, UNSUPPORTED_CERTIFICATE, "a certificate's key is of no use here")       \
	X(CERTIFICATE_TIME, CERTIFICATE_EXPIRED, "a certificate is out of its time")               \
	X(CERTIFICATE_REVOKED, CERTIFICATE_REVOKED, "a certificate was revoked")                   \
	X(CERTIFICATE_ISSUER, UNKNOWN_CA, "no trusted authority signed the certificate")           \
	X(CERTIFICATE_NAME, BAD_CERTIFICATE, "the certificate is for another name")                \
	X(CERTIFICATE_CONTEXT, ILLEGAL_PARAMETER, "a certificate's request context is wrong")      \
	X(CERTIFICATE_PACKED, BAD_CERTIFICATE, "a compressed certificate that does not unpack")    \
	X(PACKING_UNASKED, ILLEGAL_PARAMETER, "a certificate compression that was not offered")    \
	X(PARAMETER_BAD, ILLEGAL_PARAMETER, "a field has a value that it may not have")            \
	X(RECORD_BAD, BAD_RECORD_MAC, "a record's tag is wrong")                                   \
	X(RECORD_TOO_LONG, RECORD_OVERFLOW, "a record is longer than the limit")                   \
	X(RECORD_VERSION, PROTOCOL_VERSION, "a record names a version that is none")               \
	X(RECORD_TYPE, UNEXPECTED_MESSAGE, "a record of a type that has no place here")            \
	X(RECORD_EMPTY, UNEXPECTED_MESSAGE, "an empty record")                                     \
	X(RECORD_INTERLEAVED, UNEXPECTED_MESSAGE, "another type inside a handshake message")       \
	X(RECORD_FLOOD, UNEXPECTED_MESSAGE, "too many records that carry nothing")                 \
	X(ALERT_BAD, DECODE_ERROR, "an alert of another length than 2")

enum tls13_verdict {
#define X(name, alert, text) TLS13_##name,
	TLS13_VERDICTS(X)
#undef X
	TLS13_VERDICT_COUNT,
};

// A sentence, for events.
const char *tls13_verdict_text(enum tls13_verdict verdict);
// The description to send, TLS13_ALERT_NONE when nothing is owed.
enum tls13_alert tls13_verdict_alert(enum tls13_verdict verdict);
