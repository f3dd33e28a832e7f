// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/ws_handshake.h"

static const char *const texts[NX_WS_HANDSHAKE_VERDICT_COUNT] = {
	[NX_WS_HANDSHAKE_DONE] = "the connection speaks WebSocket",
	[NX_WS_HANDSHAKE_NEED_MORE] = "more bytes are needed",
	[NX_WS_HANDSHAKE_HEAD_INVALID] = "the head is not HTTP/1.1 as it should be",
	[NX_WS_HANDSHAKE_METHOD_NOT_GET] = "the method of a WebSocket request is GET",
	[NX_WS_HANDSHAKE_HTTP_TOO_OLD] = "a WebSocket request needs HTTP/1.1",
	[NX_WS_HANDSHAKE_BODY_PRESENT] = "a WebSocket request has no body",
	[NX_WS_HANDSHAKE_VERSION_MISSING] = "Sec-WebSocket-Version is missing",
	[NX_WS_HANDSHAKE_VERSION_UNSUPPORTED] = "the version of WebSocket spoken here is 13",
	[NX_WS_HANDSHAKE_KEY_MISSING] = "Sec-WebSocket-Key is missing",
	[NX_WS_HANDSHAKE_KEY_INVALID] = "Sec-WebSocket-Key is not one value of 16 bytes in base64",
	[NX_WS_HANDSHAKE_ORIGIN_REPEATED] = "Origin comes more than once",
	[NX_WS_HANDSHAKE_UPGRADE_MISSING] = "Upgrade does not name websocket",
	[NX_WS_HANDSHAKE_CONNECTION_MISSING] = "Connection does not name upgrade",
	[NX_WS_HANDSHAKE_PROTOCOL_INVALID] = "Sec-WebSocket-Protocol is not a list of tokens",
	[NX_WS_HANDSHAKE_EXTENSION_INVALID] = "Sec-WebSocket-Extensions has a fault",
	[NX_WS_HANDSHAKE_STATUS_NOT_101] = "the server answers with another status than 101",
	[NX_WS_HANDSHAKE_ACCEPT_MISSING] = "Sec-WebSocket-Accept is missing",
	[NX_WS_HANDSHAKE_ACCEPT_WRONG] = "Sec-WebSocket-Accept does not answer the key",
	[NX_WS_HANDSHAKE_PROTOCOL_NOT_OFFERED] =
		"the server chose a subprotocol that was not offered",
	[NX_WS_HANDSHAKE_EXTENSION_NOT_OFFERED] =
		"the server uses an extension that was not offered",
	[NX_WS_HANDSHAKE_NO_ROOM] = "the head does not fit the buffer; use a larger one",
	[NX_WS_HANDSHAKE_ARGUMENT_INVALID] =
		"an argument has bytes that may not stand where it goes",
	[NX_WS_HANDSHAKE_RANDOM_FAILED] = "the random source gave no key",
};

const char *nx_ws_handshake_verdict_text(enum nx_ws_handshake_verdict verdict)
{
	return verdict < NX_WS_HANDSHAKE_VERDICT_COUNT ? texts[verdict]
						       : "not a verdict of the handshake";
}
