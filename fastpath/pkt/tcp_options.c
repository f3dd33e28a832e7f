// SPDX-License-Identifier: BSD-3-Clause
#include "pkt/tcp_options.h"

#include "pkt/rewrite.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WINDOW_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_TIMESTAMPS = 8,
	TCP_FIXED = 20,
};

// One option: its body is what follows kind and length.
struct option {
	uint8_t kind;
	uint8_t length; // of the body
	const uint8_t *body;
};

static struct cursor options_of(const struct packet *p)
{
	return cursor_over(p->data + p->l4 + TCP_FIXED, p->tcp_header_length - TCP_FIXED);
}

// The next option that is not padding; kind OPTION_END once there is none.
static enum tcp_options_verdict option_take(struct cursor *c, struct option *out)
{
	uint8_t kind;
	uint8_t length;

	do {
		if (!cursor_take_u8(c, &kind) || kind == OPTION_END) {
			*out = (struct option){.kind = OPTION_END};
			return TCP_OPTIONS_OK;
		}
	} while (kind == OPTION_NOP);
	if (!cursor_take_u8(c, &length))
		return TCP_OPTION_TRUNCATED;
	if (length < 2)
		return TCP_OPTION_BAD_LENGTH;
	if (!cursor_take_span(c, length - 2u, &out->body))
		return TCP_OPTION_TRUNCATED;
	out->kind = kind;
	out->length = length - 2;
	return TCP_OPTIONS_OK;
}

// Claims a flag that may be raised once, for an option whose body must be of the given length.
static enum tcp_options_verdict claim(const struct option *o, uint8_t length, bool *seen)
{
	if (o->length != length)
		return TCP_OPTION_BAD_LENGTH;
	if (*seen)
		return TCP_OPTION_REPEATED;
	*seen = true;
	return TCP_OPTIONS_OK;
}

static enum tcp_options_verdict option_read(const struct option *o, struct tcp_options *t)
{
	struct cursor body = cursor_over(o->body, o->length);
	enum tcp_options_verdict verdict = TCP_OPTIONS_OK;
	bool whole = true;

	switch (o->kind) {
	case OPTION_MSS:
		verdict = claim(o, 2, &t->has_mss);
		whole = verdict || cursor_take_u16(&body, &t->mss);
		break;
	case OPTION_WINDOW_SCALE:
		verdict = claim(o, 1, &t->has_window_scale);
		whole = verdict || cursor_take_u8(&body, &t->window_scale);
		if (t->window_scale > TCP_WINDOW_SCALE_MAX)
			t->window_scale = TCP_WINDOW_SCALE_MAX;
		break;
	case OPTION_SACK_PERMITTED:
		verdict = claim(o, 0, &t->sack_permitted);
		break;
	case OPTION_TIMESTAMPS:
		verdict = claim(o, 8, &t->has_timestamps);
		whole = verdict || (cursor_take_u32(&body, &t->timestamp) &&
					   cursor_take_u32(&body, &t->timestamp_echo));
		break;
	}
	return whole ? verdict : TCP_OPTION_TRUNCATED;
}

enum tcp_options_verdict tcp_options_parse(const struct packet *p, struct tcp_options *out)
{
	struct cursor c = options_of(p);
	struct tcp_options t = {0};
	struct option o;

	for (;;) {
		enum tcp_options_verdict verdict = option_take(&c, &o);

		if (verdict != TCP_OPTIONS_OK)
			return verdict;
		if (o.kind == OPTION_END)
			break;
		verdict = option_read(&o, &t);
		if (verdict != TCP_OPTIONS_OK)
			return verdict;
	}
	*out = t;
	return TCP_OPTIONS_OK;
}

bool tcp_timestamps_find(const struct packet *p, uint32_t *value, uint32_t *echo)
{
	struct cursor c = options_of(p);
	struct option o;

	while (option_take(&c, &o) == TCP_OPTIONS_OK && o.kind != OPTION_END) {
		if (o.kind != OPTION_TIMESTAMPS)
			continue;
		if (o.length != 8)
			return false;
		*value = be32_to_host(be32_load(o.body));
		*echo = be32_to_host(be32_load(o.body + 4));
		return true;
	}
	return false;
}

// What changing two bytes at any offset of the segment adds to its sum: at an odd offset they lie
// in two words.
static uint64_t delta_at(const struct packet *p, const uint8_t *at, be16 old, be16 new)
{
	bool odd = (at - (p->data + p->l4)) & 1;

	return odd ? checksum_delta16(__builtin_bswap16(old), __builtin_bswap16(new))
		   : checksum_delta16(old, new);
}

static void mss_write(struct packet *p, uint8_t *at, be16 new)
{
	uint8_t *field = p->data + p->l4 + TCP_CHECKSUM_OFFSET;
	be16 old = be16_load(at);

	be16_store(at, new);
	// A partial checksum covers the pseudo-header only.
	if (!(p->flags & PACKET_CHECKSUM_PARTIAL))
		be16_store(field, checksum_apply(be16_load(field), delta_at(p, at, old, new)));
}

bool tcp_mss_clamp(struct packet *p, uint16_t limit)
{
	struct cursor c = options_of(p);
	struct option o;

	while (limit != 0 && option_take(&c, &o) == TCP_OPTIONS_OK && o.kind != OPTION_END) {
		if (o.kind != OPTION_MSS)
			continue;
		if (o.length != 2 || be16_to_host(be16_load(o.body)) <= limit)
			return false;
		mss_write(p, p->data + (o.body - p->data), be16_from_host(limit));
		return true;
	}
	return false;
}
