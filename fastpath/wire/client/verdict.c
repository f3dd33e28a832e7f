// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/stream.h"

static const char *const texts[NX_CLIENT_VERDICTS] = {
	[NX_CLIENT_DONE] = "done",
	[NX_CLIENT_AGAIN] = "not done yet; wait for what the stream wants and call again",
	[NX_CLIENT_TIMED_OUT] = "the peer did not answer in time",
	[NX_CLIENT_URL_INVALID] = "the URL is none that the client can connect to",
	[NX_CLIENT_TLS_CONTEXT_MISSING] = "the URL asks for TLS; give the stream a TLS context",
	[NX_CLIENT_NAME_NOT_FOUND] = "the host's name has no address",
	[NX_CLIENT_CONNECT_FAILED] = "the host does not accept the connection",
	[NX_CLIENT_TLS_FAILED] = "the TLS handshake or a record of it failed",
	[NX_CLIENT_IO_FAILED] = "the socket failed",
	[NX_CLIENT_CLOSED] = "the peer closed the connection",
	[NX_CLIENT_STALE] = "the peer closed the connection before it answered; connect anew",
	[NX_CLIENT_RESPONSE_INVALID] = "the response is not HTTP/1.1",
	[NX_CLIENT_BODY_TOO_LARGE] = "the response is larger than the limit",
	[NX_CLIENT_BODY_FAILED] = "the caller gave up on the body; connect anew",
	[NX_CLIENT_HANDSHAKE_REFUSED] = "the server did not agree to speak WebSocket",
	[NX_CLIENT_MESSAGE_INVALID] = "the peer broke the WebSocket protocol",
	[NX_CLIENT_POISONED] = "the connection is over; connect anew",
	[NX_CLIENT_NO_MEMORY] = "there is no memory left",
	[NX_CLIENT_REQUEST_INVALID] = "the request cannot be written as asked for",
	[NX_CLIENT_MESSAGE_REFUSED] = "the message cannot be written as asked for",
	[NX_CLIENT_BUSY] = "every connection of the pool is out, or pauses after a failure",
};

const char *nx_client_verdict_text(enum nx_client_verdict verdict)
{
	return verdict < NX_CLIENT_VERDICTS ? texts[verdict] : "no such verdict";
}
