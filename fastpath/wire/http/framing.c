// SPDX-License-Identifier: BSD-3-Clause
#include "head.h"
#include "list.h"
#include "scan.h"

// What the fields of a head mean together: where the body ends, whether the connection goes on
// (RFC 9112 sections 3.2, 6, 9.3). Whatever two recipients could judge differently is refused.

enum {
	LENGTH_DIGITS = 19, // all numbers of 18 digits, and of 19 those below 2^63
};

static bool is_seen(const struct nx_http_head *head, enum nx_http_known known)
{
	return (head->seen >> known & 1) != 0;
}

static bool is_repeated(const struct nx_http_head *head, enum nx_http_known known)
{
	return (head->repeated >> known & 1) != 0;
}

static enum nx_http_verdict fault_at(
	struct nx_http_head *head, struct nx_http_span span, enum nx_http_verdict verdict)
{
	head->position = span.at;
	return verdict;
}

static enum nx_http_verdict fault_in(
	struct nx_http_head *head, enum nx_http_known known, enum nx_http_verdict verdict)
{
	return fault_at(head, head->fields[head->known[known] - 1].name, verdict);
}

// 1*DIGIT and nothing else (RFC 9110 8.6): no sign, no list, no more than fits.
static enum nx_http_verdict read_length(struct nx_http_slice value, uint64_t *length)
{
	uint64_t number = 0;

	if (value.length == 0)
		return NX_HTTP_LENGTH_INVALID;
	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return NX_HTTP_LENGTH_INVALID;
		if (i >= LENGTH_DIGITS)
			return NX_HTTP_LENGTH_TOO_LARGE;
		number = number * 10 + (uint64_t)(value.data[i] - '0');
	}
	if (number > INT64_MAX)
		return NX_HTTP_LENGTH_TOO_LARGE;
	*length = number;
	return NX_HTTP_OK;
}

static enum nx_http_verdict judge_length(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_verdict verdict;

	if (!is_seen(head, NX_HTTP_KNOWN_CONTENT_LENGTH))
		return NX_HTTP_OK;
	if (is_repeated(head, NX_HTTP_KNOWN_CONTENT_LENGTH))
		return fault_in(head, NX_HTTP_KNOWN_CONTENT_LENGTH, NX_HTTP_LENGTH_REPEATED);
	verdict =
		read_length(http_value(head, bytes, head->known[NX_HTTP_KNOWN_CONTENT_LENGTH] - 1u),
			&head->body_length);
	if (verdict != NX_HTTP_OK)
		return fault_in(head, NX_HTTP_KNOWN_CONTENT_LENGTH, verdict);
	head->flags |= NX_HTTP_HAS_LENGTH;
	return NX_HTTP_OK;
}

static enum nx_http_verdict judge_encoding(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_known known = NX_HTTP_KNOWN_TRANSFER_ENCODING;

	if (!is_seen(head, known))
		return NX_HTTP_OK;
	if (head->minor == 0)
		return fault_in(head, known, NX_HTTP_ENCODING_IN_OLD_VERSION);
	if (is_seen(head, NX_HTTP_KNOWN_CONTENT_LENGTH))
		return fault_in(head, known, NX_HTTP_ENCODING_WITH_LENGTH);
	if (is_repeated(head, known))
		return fault_in(head, known, NX_HTTP_ENCODING_REPEATED);
	if (!http_is(http_value(head, bytes, head->known[known] - 1u), "chunked"))
		return fault_in(head, known, NX_HTTP_ENCODING_UNSUPPORTED);
	head->framing = NX_HTTP_CHUNKED;
	return NX_HTTP_OK;
}

// One option of a Connection field (RFC 9110 7.6.1). Naming a field that frames or routes would
// make the next hop drop it.
static enum nx_http_verdict take_option(
	struct nx_http_head *head, struct nx_http_slice option, bool *keep, bool *upgrade)
{
	for (size_t i = 0; i < option.length; i++) {
		if (!http_byte_is(option.data[i], HTTP_SET_TOKEN))
			return NX_HTTP_CONNECTION_INVALID;
	}
	if (http_is(option, "close"))
		head->flags |= NX_HTTP_SAYS_CLOSE;
	else if (http_is(option, "keep-alive"))
		*keep = true;
	else if (http_is(option, "upgrade"))
		*upgrade = true;
	else if (http_is(option, "host") || http_is(option, "content-length") ||
		 http_is(option, "transfer-encoding"))
		return NX_HTTP_CONNECTION_NAMES_FRAMING;
	return NX_HTTP_OK;
}

static enum nx_http_verdict judge_connection(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_known known = NX_HTTP_KNOWN_CONNECTION;
	bool keep = false, upgrade = false;
	struct nx_http_slice list, option;
	int i = is_seen(head, known) ? head->known[known] - 1 : -1;

	// What most say.
	if (i >= 0 && !is_repeated(head, known) &&
		http_is(http_value(head, bytes, (unsigned)i), "keep-alive")) {
		keep = true;
		i = -1;
	}
	while (i >= 0) {
		list = http_value(head, bytes, (unsigned)i);
		while (http_list_next(&list, &option)) {
			enum nx_http_verdict verdict = take_option(head, option, &keep, &upgrade);

			if (verdict != NX_HTTP_OK)
				return fault_at(head, head->fields[i].value, verdict);
		}
		i = is_repeated(head, known) ? nx_http_field_find(head, bytes, "connection", i + 1)
					     : -1;
	}
	if ((head->flags & NX_HTTP_SAYS_CLOSE) == 0 && (head->minor == 1 || keep))
		head->flags |= NX_HTTP_PERSISTENT;
	if (upgrade && head->minor == 1 && is_seen(head, NX_HTTP_KNOWN_UPGRADE))
		head->flags |= NX_HTTP_ASKS_UPGRADE;
	return NX_HTTP_OK;
}

// One Host in 1.1, at most one in 1.0, and none that differs from an absolute target.
static enum nx_http_verdict judge_host(struct nx_http_head *head, const uint8_t *bytes)
{
	struct nx_http_span named = head->authority;
	struct nx_http_span host = head->host;
	uint16_t port = head->port;
	struct nx_http_span value;

	if (is_repeated(head, NX_HTTP_KNOWN_HOST))
		return fault_in(head, NX_HTTP_KNOWN_HOST, NX_HTTP_HOST_REPEATED);
	if (!is_seen(head, NX_HTTP_KNOWN_HOST))
		return head->minor == 0 ? NX_HTTP_OK : NX_HTTP_HOST_MISSING;
	value = head->fields[head->known[NX_HTTP_KNOWN_HOST] - 1].value;
	if (!nx_http_authority_split(head, bytes, value))
		return fault_at(head, value, NX_HTTP_HOST_INVALID);
	if (named.length == 0)
		return NX_HTTP_OK;
	if (named.length != value.length ||
		strncasecmp((const char *)bytes + named.at, (const char *)bytes + value.at,
			named.length) != 0)
		return fault_at(head, value, NX_HTTP_HOST_DISAGREES);
	head->authority = named;
	head->host = host;
	head->port = port;
	return NX_HTTP_OK;
}

static enum nx_http_verdict judge_expectation(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_known known = NX_HTTP_KNOWN_EXPECT;

	if (!is_seen(head, known) || head->minor == 0)
		return NX_HTTP_OK;
	if (is_repeated(head, known) ||
		!http_is(http_value(head, bytes, head->known[known] - 1u), "100-continue"))
		return fault_in(head, known, NX_HTTP_EXPECTATION_UNKNOWN);
	head->flags |= NX_HTTP_EXPECTS_CONTINUE;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_version_read(const uint8_t *p, uint8_t *minor)
{
	if (memcmp(p, "HTTP/1.", 7) == 0 && (p[7] == '1' || p[7] == '0')) {
		*minor = p[7] == '1';
		return NX_HTTP_OK;
	}
	if (memcmp(p, "HTTP/", 5) != 0 || p[5] < '0' || p[5] > '9' || p[6] != '.' || p[7] < '0' ||
		p[7] > '9')
		return NX_HTTP_VERSION_INVALID;
	return NX_HTTP_VERSION_UNSUPPORTED;
}

enum nx_http_verdict nx_http_request_judge(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_verdict verdict;

	head->method = (uint8_t)nx_http_method_of(nx_http_span_of(bytes, head->method_name));
	verdict = nx_http_target_judge(head, bytes);
	if (verdict != NX_HTTP_OK)
		return fault_at(head, head->target, verdict);
	verdict = judge_host(head, bytes);
	if (verdict == NX_HTTP_OK)
		verdict = judge_length(head, bytes);
	if (verdict == NX_HTTP_OK)
		verdict = judge_encoding(head, bytes);
	if (verdict == NX_HTTP_OK)
		verdict = judge_connection(head, bytes);
	if (verdict == NX_HTTP_OK)
		verdict = judge_expectation(head, bytes);
	if (verdict != NX_HTTP_OK)
		return verdict;
	if (head->framing != NX_HTTP_CHUNKED && head->body_length > 0)
		head->framing = NX_HTTP_LENGTH;
	// RFC 9110 9.3.6 and 9.3.8: neither has content; what follows CONNECT is the tunnel.
	if (head->framing != NX_HTTP_NO_BODY &&
		(head->method == NX_HTTP_CONNECT || head->method == NX_HTTP_TRACE))
		return fault_at(head, head->method_name, NX_HTTP_BODY_FORBIDDEN);
	return NX_HTTP_OK;
}

// Turns what the fields say into what this response has (RFC 9112 6.3, in its order).
static enum nx_http_verdict frame_response(struct nx_http_head *head)
{
	bool framed = head->framing == NX_HTTP_CHUNKED || head->body_length > 0;

	if (head->asked == NX_HTTP_CONNECT && head->status / 100 == 2) {
		head->framing = NX_HTTP_OPAQUE;
		head->flags &= (uint8_t)~NX_HTTP_PERSISTENT;
		return NX_HTTP_OK;
	}
	if (head->status < 200 || head->status == 204) {
		if (framed)
			return fault_at(head, (struct nx_http_span){9, 3}, NX_HTTP_BODY_FORBIDDEN);
		head->framing = head->status == 101 ? NX_HTTP_OPAQUE : NX_HTTP_NO_BODY;
		return NX_HTTP_OK;
	}
	if (head->asked == NX_HTTP_HEAD || head->status == 304) {
		head->framing = NX_HTTP_NO_BODY;
		return NX_HTTP_OK;
	}
	if (head->framing == NX_HTTP_CHUNKED)
		return NX_HTTP_OK;
	if ((head->flags & NX_HTTP_HAS_LENGTH) != 0) {
		head->framing = head->body_length > 0 ? NX_HTTP_LENGTH : NX_HTTP_NO_BODY;
		return NX_HTTP_OK;
	}
	head->framing = NX_HTTP_UNTIL_CLOSE;
	head->flags &= (uint8_t)~NX_HTTP_PERSISTENT;
	return NX_HTTP_OK;
}

enum nx_http_verdict nx_http_response_judge(struct nx_http_head *head, const uint8_t *bytes)
{
	enum nx_http_verdict verdict = judge_length(head, bytes);

	if (verdict == NX_HTTP_OK)
		verdict = judge_encoding(head, bytes);
	if (verdict == NX_HTTP_OK)
		verdict = judge_connection(head, bytes);
	return verdict == NX_HTTP_OK ? frame_response(head) : verdict;
}

// Fields that would frame, route, authenticate or describe content which is already over.
bool nx_http_trailer_is_forbidden(struct nx_http_slice name)
{
	static const char *const forbidden[] = {"content-length", "transfer-encoding", "host",
		"connection", "keep-alive", "upgrade", "te", "trailer", "expect", "max-forwards",
		"authorization", "proxy-authorization", "proxy-connection", "cookie", "set-cookie",
		"content-encoding", "content-type", "content-range", "range", "location",
		"cache-control"};

	for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
		if (nx_http_same(name, forbidden[i]))
			return true;
	}
	return false;
}

enum nx_http_verdict nx_http_trailer_judge(struct nx_http_head *head, const uint8_t *bytes)
{
	for (unsigned i = 0; i < head->count; i++) {
		struct nx_http_span name = head->fields[i].name;

		if (nx_http_trailer_is_forbidden(nx_http_span_of(bytes, name)))
			return fault_at(head, name, NX_HTTP_TRAILER_FORBIDDEN);
	}
	return NX_HTTP_OK;
}
