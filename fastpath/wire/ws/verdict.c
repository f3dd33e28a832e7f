// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/ws.h"

static const char *const read_texts[NX_WS_VERDICT_COUNT] = {
	[NX_WS_MESSAGE] = "a message is there",
	[NX_WS_NEED_MORE] = "more bytes are needed",
	[NX_WS_CLOSED] = "the peer has closed the connection",
	[NX_WS_OPCODE_RESERVED] = "the frame's opcode is reserved",
	[NX_WS_RESERVED_BIT_SET] = "a reserved bit is set that no agreed extension uses",
	[NX_WS_MASK_MISSING] = "a client's frame is not masked",
	[NX_WS_MASK_UNEXPECTED] = "a server's frame is masked",
	[NX_WS_CONTROL_FRAGMENTED] = "a control frame is fragmented",
	[NX_WS_CONTROL_TOO_LONG] = "a control frame has more than 125 bytes",
	[NX_WS_NOTHING_TO_CONTINUE] = "a continuation came without a message to continue",
	[NX_WS_MESSAGE_INTERRUPTED] = "a new message began before the last one ended",
	[NX_WS_LENGTH_NOT_MINIMAL] = "a length is written with more bytes than it needs",
	[NX_WS_LENGTH_OUT_OF_RANGE] = "a length has its highest bit set",
	[NX_WS_FRAME_TOO_LARGE] = "a frame is larger than the limit",
	[NX_WS_MESSAGE_TOO_LARGE] = "a message is larger than the limit",
	[NX_WS_TEXT_NOT_UTF8] = "a text message is not UTF-8",
	[NX_WS_CLOSE_TRUNCATED] = "a close frame ends within its code",
	[NX_WS_CLOSE_CODE_INVALID] = "a close frame has a code that may not be sent",
	[NX_WS_CLOSE_REASON_NOT_UTF8] = "a close frame's reason is not UTF-8",
	[NX_WS_NO_MEMORY] = "there is no memory to put the message together",
	[NX_WS_DEFLATE_MALFORMED] = "a compressed message does not inflate",
	[NX_WS_INFLATED_TOO_LARGE] = "a compressed message inflates to more than the limit",
};

const char *nx_ws_verdict_text(enum nx_ws_verdict verdict)
{
	return verdict < NX_WS_VERDICT_COUNT ? read_texts[verdict] : "not a verdict of the reader";
}

uint16_t nx_ws_close_code_for(enum nx_ws_verdict verdict)
{
	switch (verdict) {
	case NX_WS_MESSAGE:
	case NX_WS_NEED_MORE:
	case NX_WS_CLOSED:
		return NX_WS_CLOSE_NORMAL;
	case NX_WS_TEXT_NOT_UTF8:
	case NX_WS_CLOSE_REASON_NOT_UTF8:
	case NX_WS_DEFLATE_MALFORMED:
		return NX_WS_CLOSE_NOT_CONSISTENT;
	case NX_WS_FRAME_TOO_LARGE:
	case NX_WS_MESSAGE_TOO_LARGE:
	case NX_WS_INFLATED_TOO_LARGE:
		return NX_WS_CLOSE_TOO_LARGE;
	case NX_WS_NO_MEMORY:
		return NX_WS_CLOSE_INTERNAL;
	default:
		return NX_WS_CLOSE_PROTOCOL_ERROR;
	}
}

bool nx_ws_close_code_is_valid(uint16_t code)
{
	if (code >= 3000 && code <= 4999)
		return true;
	return code >= NX_WS_CLOSE_NORMAL && code <= NX_WS_CLOSE_BAD_GATEWAY &&
	       (code <= NX_WS_CLOSE_UNACCEPTABLE || code >= NX_WS_CLOSE_NOT_CONSISTENT);
}

static const char *const write_texts[NX_WS_WRITE_VERDICT_COUNT] = {
	[NX_WS_WRITTEN] = "the frame is in the buffer",
	[NX_WS_WRITE_NO_ROOM] = "the frame does not fit; send first, or use a larger buffer",
	[NX_WS_WRITE_CONTROL_TOO_LONG] = "a control frame carries at most 125 bytes",
	[NX_WS_WRITE_CONTROL_FRAGMENTED] = "a control frame cannot be a fragment",
	[NX_WS_WRITE_OPCODE_INVALID] = "this function does not write frames of that opcode",
	[NX_WS_WRITE_CLOSE_CODE_INVALID] = "that close code may not be sent",
	[NX_WS_WRITE_REASON_NOT_UTF8] = "the reason of a close must be UTF-8",
	[NX_WS_WRITE_AFTER_CLOSE] = "nothing may follow the close frame",
	[NX_WS_WRITE_MESSAGE_OPEN] = "the last message still lacks its last fragment",
	[NX_WS_WRITE_NOTHING_TO_CONTINUE] = "there is no message to continue",
	[NX_WS_WRITE_NOT_RESERVED] = "nx_ws_write_begin did not make room for that much",
	[NX_WS_WRITE_RANDOM_FAILED] = "the random source gave no masking keys",
};

const char *nx_ws_write_verdict_text(enum nx_ws_write_verdict verdict)
{
	return verdict < NX_WS_WRITE_VERDICT_COUNT ? write_texts[verdict]
						   : "not a verdict of the writer";
}
