// SPDX-License-Identifier: BSD-3-Clause

// The head reader of one variant; included once by each variant's file, behind scan_body.h. A head
// is a chain of phases; each scans from `p` and either goes on or stops where the bytes end, to be
// resumed there. What is stored are offsets: the bytes may move between calls.

// Where a pass over the bytes stands.
struct pass {
	struct nx_http_head *head;
	const uint8_t *base;
	const uint8_t *p;
	const uint8_t *end;
	const uint8_t *element; // where what is being read begins
};

VARIANT_TARGET static inline enum nx_http_verdict stop(
	struct pass *s, enum http_phase phase, enum nx_http_verdict verdict)
{
	s->head->phase = (uint8_t)phase;
	s->head->position = (uint32_t)(s->p - s->base);
	s->head->element = (uint16_t)(s->element - s->base);
	return verdict;
}

VARIANT_TARGET static inline struct nx_http_span span_to(const struct pass *s, const uint8_t *end)
{
	return (struct nx_http_span){
		(uint16_t)(s->element - s->base), (uint16_t)(end - s->element)};
}

VARIANT_TARGET static inline void begin(struct pass *s)
{
	s->element = s->p;
}

// What a byte that ends a line too early or wrongly is called; `other` for any other byte.
VARIANT_TARGET static enum nx_http_verdict wrong_byte(
	const struct pass *s, enum nx_http_verdict other)
{
	return *s->p == '\n' ? NX_HTTP_LINE_FEED_BARE : other;
}

// The LF after a CR.
VARIANT_TARGET static inline enum nx_http_verdict line_feed(struct pass *s, enum http_phase phase)
{
	if (s->p == s->end)
		return stop(s, phase, NX_HTTP_MORE);
	if (*s->p != '\n')
		return stop(s, phase, NX_HTTP_CARRIAGE_RETURN_BARE);
	s->p++;
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict read_method(struct pass *s)
{
	const uint8_t *start = s->element;

	s->p = scan(s->base, s->p, s->end, HTTP_SET_TOKEN);
	if (s->p - start > HTTP_METHOD_BYTES) {
		s->p = start + HTTP_METHOD_BYTES;
		return stop(s, HTTP_AT_METHOD, NX_HTTP_METHOD_TOO_LONG);
	}
	if (s->p == s->end)
		return stop(s, HTTP_AT_METHOD, NX_HTTP_MORE);
	if (*s->p != ' ' || s->p == start)
		return stop(s, HTTP_AT_METHOD, wrong_byte(s, NX_HTTP_METHOD_INVALID));
	s->head->method_name = span_to(s, s->p);
	s->p++;
	begin(s);
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict read_target(struct pass *s)
{
	enum nx_http_verdict fault = NX_HTTP_TARGET_BYTE_INVALID;

	s->p = scan(s->base, s->p, s->end, HTTP_SET_TARGET);
	if (s->p == s->end)
		return stop(s, HTTP_AT_TARGET, NX_HTTP_MORE);
	if (*s->p == '\r')
		fault = NX_HTTP_VERSION_MISSING;
	else if (s->p == s->element && (*s->p == ' ' || *s->p == '\t'))
		fault = NX_HTTP_TARGET_EMPTY;
	if (*s->p != ' ' || fault == NX_HTTP_TARGET_EMPTY)
		return stop(s, HTTP_AT_TARGET, wrong_byte(s, fault));
	s->head->target = span_to(s, s->p);
	s->p++;
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict read_version(struct pass *s, enum http_phase phase)
{
	enum nx_http_verdict verdict;

	if (s->end - s->p < 8)
		return stop(s, phase, NX_HTTP_MORE);
	verdict = nx_http_version_read(s->p, &s->head->minor);
	if (verdict != NX_HTTP_OK)
		return stop(s, phase, verdict);
	s->p += 8;
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict read_status(struct pass *s)
{
	unsigned status = 0;

	if (s->end - s->p < 4)
		return stop(s, HTTP_AT_STATUS, NX_HTTP_MORE);
	if (*s->p != ' ')
		return stop(s, HTTP_AT_STATUS, wrong_byte(s, NX_HTTP_VERSION_INVALID));
	for (int i = 1; i < 4; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return stop(s, HTTP_AT_STATUS, NX_HTTP_STATUS_INVALID);
		status = status * 10 + s->p[i] - '0';
	}
	if (status < 100)
		return stop(s, HTTP_AT_STATUS, NX_HTTP_STATUS_INVALID);
	s->head->status = (uint16_t)status;
	s->p += 4;
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict read_reason(struct pass *s)
{
	s->p = scan(s->base, s->p, s->end, HTTP_SET_VALUE);
	if (s->p == s->end)
		return stop(s, HTTP_AT_REASON, NX_HTTP_MORE);
	if (*s->p != '\r')
		return stop(s, HTTP_AT_REASON, wrong_byte(s, NX_HTTP_REASON_BYTE_INVALID));
	s->head->reason = span_to(s, s->p);
	return NX_HTTP_OK;
}

// The first line, from any of its phases on, to the LF behind it.
VARIANT_TARGET static enum nx_http_verdict read_first_line(struct pass *s)
{
	enum nx_http_verdict verdict = NX_HTTP_OK;

	switch ((enum http_phase)s->head->phase) {
	case HTTP_AT_START:
		if (s->p == s->end)
			return stop(s, HTTP_AT_START, NX_HTTP_MORE);
		if (s->head->kind == NX_HTTP_RESPONSE)
			goto status_version;
		if (*s->p != '\r')
			goto method;
		s->p++;
		[[fallthrough]];
	case HTTP_AT_START_LF:
		verdict = line_feed(s, HTTP_AT_START_LF);
		if (verdict != NX_HTTP_OK)
			return verdict;
method:
		begin(s);
		[[fallthrough]];
	case HTTP_AT_METHOD:
		verdict = read_method(s);
		if (verdict != NX_HTTP_OK)
			return verdict;
		[[fallthrough]];
	case HTTP_AT_TARGET:
		verdict = read_target(s);
		if (verdict != NX_HTTP_OK)
			return verdict;
		[[fallthrough]];
	case HTTP_AT_REQUEST_VERSION:
		verdict = read_version(s, HTTP_AT_REQUEST_VERSION);
		if (verdict != NX_HTTP_OK)
			return verdict;
		goto line_end;
	case HTTP_AT_STATUS_VERSION:
status_version:
		verdict = read_version(s, HTTP_AT_STATUS_VERSION);
		if (verdict != NX_HTTP_OK)
			return verdict;
		[[fallthrough]];
	case HTTP_AT_STATUS:
		verdict = read_status(s);
		if (verdict != NX_HTTP_OK)
			return verdict;
		[[fallthrough]];
	case HTTP_AT_STATUS_END:
		if (s->p == s->end)
			return stop(s, HTTP_AT_STATUS_END, NX_HTTP_MORE);
		if (*s->p == '\r')
			goto line_end;
		if (*s->p != ' ')
			return stop(s, HTTP_AT_STATUS_END, wrong_byte(s, NX_HTTP_STATUS_INVALID));
		s->p++;
		begin(s);
		[[fallthrough]];
	case HTTP_AT_REASON:
		verdict = read_reason(s);
		if (verdict != NX_HTTP_OK)
			return verdict;
		[[fallthrough]];
	case HTTP_AT_LINE_CR:
line_end:
		if (s->p == s->end)
			return stop(s, HTTP_AT_LINE_CR, NX_HTTP_MORE);
		if (*s->p != '\r')
			return stop(s, HTTP_AT_LINE_CR,
				wrong_byte(s, NX_HTTP_FIRST_LINE_TRAILING_BYTES));
		s->p++;
		[[fallthrough]];
	default:
		return line_feed(s, HTTP_AT_LINE_LF);
	}
}

// What a name that is not followed by a colon is called (RFC 9112 5.1, 5.2).
VARIANT_TARGET static enum nx_http_verdict name_fault(const struct pass *s)
{
	bool empty = s->p == s->element;

	if (*s->p == ' ' || *s->p == '\t')
		return empty ? NX_HTTP_FIELD_FOLDED : NX_HTTP_FIELD_SPACE_BEFORE_COLON;
	if (*s->p == '\r')
		return NX_HTTP_FIELD_COLON_MISSING;
	if (*s->p == ':')
		return NX_HTTP_FIELD_NAME_EMPTY;
	return wrong_byte(s, NX_HTTP_FIELD_NAME_BYTE_INVALID);
}

VARIANT_TARGET static inline void close_value(struct pass *s, struct nx_http_field *field)
{
	const uint8_t *start = s->element;
	const uint8_t *end = s->p;

	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	field->value = span_to(s, end);
	s->head->count++;
	if (http_length_is_known(field->name.length))
		nx_http_known_note(s->head, s->base + field->name.at, field->name.length);
}

// The field lines, from any of their phases on, to the end of the empty line behind them.
VARIANT_TARGET static enum nx_http_verdict read_fields(struct pass *s, enum http_phase phase)
{
	struct nx_http_head *head = s->head;
	enum nx_http_verdict verdict;

	while (true) {
		struct nx_http_field *field = head->fields + head->count;

		switch (phase) {
		default:
			if (s->p == s->end)
				return stop(s, HTTP_AT_FIELD, NX_HTTP_MORE);
			if (*s->p == '\r')
				goto last;
			if (head->count == head->capacity)
				return stop(s, HTTP_AT_FIELD, NX_HTTP_FIELDS_TOO_MANY);
			begin(s);
			[[fallthrough]];
		case HTTP_AT_NAME:
			s->p = scan(s->base, s->p, s->end, HTTP_SET_TOKEN);
			if (s->p == s->end)
				return stop(s, HTTP_AT_NAME, NX_HTTP_MORE);
			field->name = span_to(s, s->p);
			if (http_unlikely(*s->p != ':' || field->name.length == 0))
				return stop(s, HTTP_AT_NAME, name_fault(s));
			s->p++;
			[[fallthrough]];
		case HTTP_AT_VALUE_SPACE:
			while (s->p < s->end && (*s->p == ' ' || *s->p == '\t'))
				s->p++;
			if (s->p == s->end)
				return stop(s, HTTP_AT_VALUE_SPACE, NX_HTTP_MORE);
			begin(s);
			[[fallthrough]];
		case HTTP_AT_VALUE:
			s->p = scan(s->base, s->p, s->end, HTTP_SET_VALUE);
			if (s->p == s->end)
				return stop(s, HTTP_AT_VALUE, NX_HTTP_MORE);
			if (http_unlikely(*s->p != '\r'))
				return stop(s, HTTP_AT_VALUE,
					wrong_byte(s, NX_HTTP_FIELD_VALUE_BYTE_INVALID));
			close_value(s, field);
			s->p++;
			[[fallthrough]];
		case HTTP_AT_VALUE_LF:
			verdict = line_feed(s, HTTP_AT_VALUE_LF);
			if (http_unlikely(verdict != NX_HTTP_OK))
				return verdict;
			phase = HTTP_AT_FIELD;
		}
	}
last:
	s->p++;
	return NX_HTTP_OK;
}

VARIANT_TARGET static enum nx_http_verdict VARIANT(read)(
	struct nx_http_head *head, const uint8_t *bytes, size_t length)
{
	struct pass s = {
		head, bytes, bytes + head->position, bytes + length, bytes + head->element};
	enum nx_http_verdict verdict;

	if (head->phase < HTTP_AT_FIELD) {
		verdict = read_first_line(&s);
		if (verdict != NX_HTTP_OK)
			return verdict;
		head->phase = HTTP_AT_FIELD;
	}
	if (head->phase < HTTP_AT_LAST_LF) {
		verdict = read_fields(&s, (enum http_phase)head->phase);
		if (verdict != NX_HTTP_OK)
			return verdict;
	}
	verdict = line_feed(&s, HTTP_AT_LAST_LF);
	if (verdict != NX_HTTP_OK)
		return verdict;
	return stop(&s, HTTP_AT_END, NX_HTTP_OK);
}

const struct http_variant VARIANT(nx_http_variant) = {VARIANT(read), VARIANT(run)};
