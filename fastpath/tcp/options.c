// SPDX-License-Identifier: BSD-3-Clause
// TCP options as we write them, and the SACK blocks that we read. Options of a SYN are read by
// pkt/tcp_options.h.
#include "tcp/engine_impl.h"

enum {
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_MSS = 2,
	OPTION_WINDOW_SCALE = 3,
	OPTION_SACK_PERMITTED = 4,
	OPTION_SACK = 5,
	OPTION_TIMESTAMPS = 8,
	TIMESTAMPS_BYTES = 12, // with two NOPs before
	TCP_FIXED = 20,
};

static uint8_t *put_timestamps(uint8_t *p, uint32_t value, uint32_t echo)
{
	*p++ = OPTION_TIMESTAMPS;
	*p++ = 10;
	be32_store(p, be32_from_host(value));
	be32_store(p + 4, be32_from_host(echo));
	return p + 8;
}

static uint8_t *put_nops(uint8_t *p, uint32_t n)
{
	memset(p, OPTION_NOP, n);
	return p + n;
}

static uint8_t *put_scale(uint8_t *p, int scale)
{
	*p++ = OPTION_NOP;
	*p++ = OPTION_WINDOW_SCALE;
	*p++ = 3;
	*p++ = (uint8_t)scale;
	return p;
}

// The order of those who put the scale first. Windows fills each option up to a word with NOPs in
// front of it; FreeBSD timestamps only, and the end of all with zeros.
static uint32_t write_scale_first(uint8_t *out, uint8_t *p, const struct syn_options *o)
{
	bool fills = o->look == TCP_LOOK_WINDOWS;

	if (o->window_scale >= 0)
		p = put_scale(p, o->window_scale);
	if (o->sack) {
		p = put_nops(p, fills ? 2 : 0);
		*p++ = OPTION_SACK_PERMITTED;
		*p++ = 2;
	}
	if (o->timestamps) {
		p = put_nops(p, (2 - (uint32_t)(p - out)) & 3);
		p = put_timestamps(p, o->timestamp, o->echo);
	}
	while ((p - out) % 4 != 0)
		*p++ = OPTION_END;
	return (uint32_t)(p - out);
}

uint32_t options_write_syn(uint8_t *out, const struct syn_options *o)
{
	uint8_t *p = out;

	*p++ = OPTION_MSS;
	*p++ = 4;
	be16_store(p, be16_from_host(o->mss));
	p += 2;
	if (o->look == TCP_LOOK_FREEBSD || o->look == TCP_LOOK_WINDOWS)
		return write_scale_first(out, p, o);
	if (o->sack && o->timestamps) {
		*p++ = OPTION_SACK_PERMITTED;
		*p++ = 2;
	} else if (o->sack || o->timestamps) {
		p = put_nops(p, 2);
	}
	if (o->timestamps)
		p = put_timestamps(p, o->timestamp, o->echo);
	if (o->sack && !o->timestamps) {
		*p++ = OPTION_SACK_PERMITTED;
		*p++ = 2;
	}
	if (o->window_scale >= 0)
		p = put_scale(p, o->window_scale);
	return (uint32_t)(p - out);
}

// The run touched most recently comes first (RFC 2018 4), a duplicate before all (RFC 2883 4).
static uint32_t sack_blocks_collect(
	struct tcp_connection *c, uint32_t most, struct tcp_sack_block *out)
{
	uint32_t count = 0;

	if (c->flags & TCP_DSACK_DUE)
		out[count++] =
			(struct tcp_sack_block){.start = c->dsack_start, .end = c->dsack_end};
	for (struct buffer *run = c->runs_newest; run && count < most; run = tcp_run(run)->older)
		out[count++] = (struct tcp_sack_block){
			.start = tcp_run(run)->start, .end = tcp_run(run)->end};
	return count;
}

static uint8_t *put_sack(struct tcp_connection *c, uint8_t *p, uint32_t room)
{
	struct tcp_sack_block blocks[SACK_BLOCKS_MAX];
	uint32_t most = room < 4 + 8 ? 0 : u32_min((room - 4) / 8, SACK_BLOCKS_MAX);
	uint32_t count = most ? sack_blocks_collect(c, most, blocks) : 0;

	if (count == 0)
		return p;
	*p++ = OPTION_NOP;
	*p++ = OPTION_NOP;
	*p++ = OPTION_SACK;
	*p++ = (uint8_t)(2 + 8 * count);
	for (uint32_t i = 0; i < count; i++, p += 8) {
		be32_store(p, be32_from_host(blocks[i].start));
		be32_store(p + 4, be32_from_host(blocks[i].end));
	}
	return p;
}

uint32_t options_write_timestamps(
	const struct tcp_engine *e, const struct tcp_connection *c, uint8_t *out)
{
	if (!(c->flags & TCP_HAS_TIMESTAMPS))
		return 0;
	out[0] = OPTION_NOP;
	out[1] = OPTION_NOP;
	put_timestamps(out + 2, timestamp_now(e, c), c->ts_recent);
	return TIMESTAMPS_BYTES;
}

uint32_t options_write(
	const struct tcp_engine *e, struct tcp_connection *c, uint32_t room, uint8_t *out)
{
	uint8_t *p = out + options_write_timestamps(e, c, out);

	if ((c->flags & TCP_HAS_SACK) && (c->runs || (c->flags & TCP_DSACK_DUE)))
		p = put_sack(c, p, room - (uint32_t)(p - out));
	return (uint32_t)(p - out);
}

static uint32_t read_blocks(struct cursor *body, struct tcp_sack_block *out)
{
	uint32_t count = 0;

	while (count < SACK_BLOCKS_MAX && cursor_take_u32(body, &out[count].start) &&
		cursor_take_u32(body, &out[count].end))
		count++;
	return count;
}

uint32_t options_read_sack(const struct packet *packet, struct tcp_sack_block *out)
{
	struct cursor c = cursor_over(packet->data + packet->l4 + TCP_FIXED,
		(size_t)packet->tcp_header_length - TCP_FIXED);
	uint8_t kind;
	uint8_t length;

	while (cursor_take_u8(&c, &kind) && kind != OPTION_END) {
		const uint8_t *body;

		if (kind == OPTION_NOP)
			continue;
		if (!cursor_take_u8(&c, &length) || length < 2 ||
			!cursor_take_span(&c, length - 2u, &body))
			return 0;
		if (kind == OPTION_SACK) {
			struct cursor span = cursor_over(body, length - 2u);

			return read_blocks(&span, out);
		}
	}
	return 0;
}
