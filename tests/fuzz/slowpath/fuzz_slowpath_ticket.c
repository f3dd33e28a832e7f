// SPDX-License-Identifier: BSD-3-Clause
// A target that sends anything to be come back to with: what is kept is a session of TLS 1.3 that
// OpenSSL takes, and no more than is promised.
#include <string.h>

#include "slowpath/tls/sessions.h"
#include "tests/fuzz/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	NOW = 1000000,
};

// The first byte chooses the suite's hash.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slow_ticket ticket = {.target = "target:443"};
	struct tls_sessions *sessions;
	SSL_SESSION *session;
	size_t length = size > 0 ? size - 1 : 0, ticket_bytes;
	const uint8_t *bytes;
	int kept = 0;

	if (length > SLOW_TICKET_BYTES)
		return 0;
	ticket.suite = size > 0 && data[0] & 1 ? 0x1302 : 0x1301;
	ticket.secret_length = ticket.suite == 0x1302 ? 48 : 32;
	if (length > 0)
		memcpy(ticket.messages, data + 1, length);
	MUST(tls_sessions_create(&sessions) == 0);
	tls_sessions_ticket(sessions, &ticket, length, NOW);
	MUST(tls_sessions_take(sessions, "other:443", NOW) == NULL);
	while ((session = tls_sessions_take(sessions, ticket.target, NOW)) != NULL) {
		SSL_SESSION_get0_ticket(session, &bytes, &ticket_bytes);
		MUST(ticket_bytes > 0 && ticket_bytes < length);
		MUST(memmem(data + 1, length, bytes, ticket_bytes) != NULL);
		MUST(SSL_SESSION_is_resumable(session));
		MUST(SSL_SESSION_get_protocol_version(session) == TLS1_3_VERSION);
		SSL_SESSION_free(session);
		kept++;
	}
	MUST(kept <= TLS_SESSIONS_OF_TARGET);
	tls_sessions_destroy(sessions);
	return 0;
}
