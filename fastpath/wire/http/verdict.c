// SPDX-License-Identifier: BSD-3-Clause
#include "nexwire/http_verdict.h"

// Text, and the status of a server's answer; 0 where there is nobody to answer.
struct meaning {
	const char *text;
	int status;
};

// clang-format off
static const struct meaning meanings[NX_HTTP_VERDICTS] = {
	[NX_HTTP_OK] = {"done", 0},
	[NX_HTTP_MORE] = {"more bytes are needed", 0},
	[NX_HTTP_METHOD_INVALID] = {"the method is no token followed by one space", 400},
	[NX_HTTP_METHOD_TOO_LONG] = {"the method is longer than 32 bytes", 501},
	[NX_HTTP_TARGET_EMPTY] = {"two spaces follow the method, or there is no target", 400},
	[NX_HTTP_TARGET_BYTE_INVALID] = {"the target holds a byte that no URI may hold", 400},
	[NX_HTTP_TARGET_TOO_LONG] = {"the target exceeds the limit for a head", 414},
	[NX_HTTP_TARGET_FORM_INVALID] = {"the target's form does not fit the method", 400},
	[NX_HTTP_TARGET_SCHEME_UNSUPPORTED] = {"the target's scheme is neither http, https, ws nor wss", 400},
	[NX_HTTP_TARGET_AUTHORITY_INVALID] = {"the target's authority is no host with an optional port", 400},
	[NX_HTTP_VERSION_MISSING] = {"the request line ends without a version (HTTP/0.9)", 400},
	[NX_HTTP_VERSION_INVALID] = {"the version is not HTTP/, a digit, a dot and a digit", 400},
	[NX_HTTP_VERSION_UNSUPPORTED] = {"the version is neither HTTP/1.1 nor HTTP/1.0", 505},
	[NX_HTTP_STATUS_INVALID] = {"the status is not three digits from 100 on", 0},
	[NX_HTTP_REASON_BYTE_INVALID] = {"the reason phrase holds a control byte", 0},
	[NX_HTTP_FIRST_LINE_TRAILING_BYTES] = {"bytes follow the version", 400},
	[NX_HTTP_LINE_FEED_BARE] = {"a line ends in LF without CR", 400},
	[NX_HTTP_CARRIAGE_RETURN_BARE] = {"a CR is not followed by LF", 400},
	[NX_HTTP_FIELD_FOLDED] = {"a field line begins with white space (folding is obsolete)", 400},
	[NX_HTTP_FIELD_NAME_EMPTY] = {"a field line begins with its colon", 400},
	[NX_HTTP_FIELD_NAME_BYTE_INVALID] = {"a field name holds a byte that no token may hold", 400},
	[NX_HTTP_FIELD_SPACE_BEFORE_COLON] = {"white space stands before a field's colon", 400},
	[NX_HTTP_FIELD_COLON_MISSING] = {"a field line has no colon", 400},
	[NX_HTTP_FIELD_VALUE_BYTE_INVALID] = {"a field value holds a control byte", 400},
	[NX_HTTP_FIELDS_TOO_MANY] = {"there are more field lines than the limit", 431},
	[NX_HTTP_HEAD_TOO_LARGE] = {"the head exceeds its limit", 431},
	[NX_HTTP_HOST_MISSING] = {"an HTTP/1.1 request has no Host", 400},
	[NX_HTTP_HOST_REPEATED] = {"Host comes more than once", 400},
	[NX_HTTP_HOST_INVALID] = {"Host is no host with an optional port", 400},
	[NX_HTTP_HOST_DISAGREES] = {"Host is not the authority of the target", 400},
	[NX_HTTP_LENGTH_INVALID] = {"Content-Length is not one decimal number", 400},
	[NX_HTTP_LENGTH_TOO_LARGE] = {"Content-Length does not fit into 63 bits", 400},
	[NX_HTTP_LENGTH_REPEATED] = {"Content-Length comes more than once", 400},
	[NX_HTTP_ENCODING_UNSUPPORTED] = {"Transfer-Encoding is not exactly chunked", 501},
	[NX_HTTP_ENCODING_REPEATED] = {"Transfer-Encoding comes more than once", 400},
	[NX_HTTP_ENCODING_IN_OLD_VERSION] = {"Transfer-Encoding in an HTTP/1.0 message", 400},
	[NX_HTTP_ENCODING_WITH_LENGTH] = {"Transfer-Encoding and Content-Length in one message", 400},
	[NX_HTTP_BODY_FORBIDDEN] = {"a body where this method or status has none", 400},
	[NX_HTTP_CONNECTION_INVALID] = {"an option of Connection is no token", 400},
	[NX_HTTP_CONNECTION_NAMES_FRAMING] = {"Connection names a field that frames or routes the message", 400},
	[NX_HTTP_EXPECTATION_UNKNOWN] = {"Expect is not 100-continue", 417},
	[NX_HTTP_BODY_TOO_LARGE] = {"the content exceeds its limit", 413},
	[NX_HTTP_CHUNK_SIZE_INVALID] = {"a chunk's size is not a hexadecimal number", 400},
	[NX_HTTP_CHUNK_SIZE_TOO_LARGE] = {"a chunk's size has more than 16 digits or 63 bits", 400},
	[NX_HTTP_CHUNK_EXTENSION_INVALID] = {"a chunk extension is not name, or name=value", 400},
	[NX_HTTP_CHUNK_EXTENSIONS_TOO_LARGE] = {"the chunk extensions exceed their limit", 400},
	[NX_HTTP_CHUNK_END_INVALID] = {"a chunk does not end in CRLF where its size says", 400},
	[NX_HTTP_TRAILER_FORBIDDEN] = {"a trailer field may only stand in the head", 400},
	[NX_HTTP_TRAILERS_TOO_LARGE] = {"the trailer section exceeds its limit", 431},
	[NX_HTTP_TRUNCATED] = {"the connection ended inside a message", 0},
	[NX_HTTP_UNANSWERED] = {"the connection ended before the response to a request began", 0},
	[NX_HTTP_RESPONSE_UNASKED] = {"a response came to no request", 0},
	[NX_HTTP_UPGRADE_UNASKED] = {"a response switches protocols, which the request did not ask", 0},
	[NX_HTTP_INTERIMS_TOO_MANY] = {"more than 32 interim responses came to one request", 0},
	[NX_HTTP_WRITE_NO_ROOM] = {"the write buffer has no room; send first, or use a larger buffer", 0},
	[NX_HTTP_WRITE_METHOD_INVALID] = {"the method to write is no token", 0},
	[NX_HTTP_WRITE_TARGET_INVALID] = {"the target to write is none, or does not fit the method", 0},
	[NX_HTTP_WRITE_STATUS_INVALID] = {"the status to write is not from 100 to 999", 0},
	[NX_HTTP_WRITE_REASON_INVALID] = {"the reason to write holds a control byte", 0},
	[NX_HTTP_WRITE_NAME_INVALID] = {"the field name to write is no token", 0},
	[NX_HTTP_WRITE_VALUE_INVALID] = {"the field value to write holds a control byte, or does not fit its name", 0},
	[NX_HTTP_WRITE_FIELD_RESERVED] = {"the writer makes this field itself, or has it already", 0},
	[NX_HTTP_WRITE_HOST_MISSING] = {"the request to write has no Host", 0},
	[NX_HTTP_WRITE_OUT_OF_ORDER] = {"the writer is not where this call belongs", 0},
	[NX_HTTP_WRITE_BODY_FORBIDDEN] = {"this method or status has no body", 0},
	[NX_HTTP_WRITE_LENGTH_WRONG] = {"the content is not as long as was said", 0},
	[NX_HTTP_WRITE_TOO_MANY_IN_FLIGHT] = {"too many requests wait for their responses", 0},
	[NX_HTTP_WRITE_CONNECTION_OVER] = {"the connection takes no more messages", 0},
};
// clang-format on

const char *nx_http_verdict_text(enum nx_http_verdict verdict)
{
	return (size_t)verdict < NX_HTTP_VERDICTS ? meanings[verdict].text : "not an HTTP verdict";
}

int nx_http_verdict_status(enum nx_http_verdict verdict)
{
	return (size_t)verdict < NX_HTTP_VERDICTS ? meanings[verdict].status : 0;
}
