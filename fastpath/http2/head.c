// SPDX-License-Identifier: BSD-3-Clause
// A request's head: fields of HTTP/2 as they come, text of HTTP/1.1 as http/ reads it. The library
// has judged names, values and pseudo-fields (RFC 9113 8.2, 8.3); what HTTP/1.1 would read
// otherwise is refused here, and the reader of libnexwire judges all of it again.
#include "http2/connection_impl.h"

enum {
	// What a field counts beyond its name and value (RFC 9113 6.5.2).
	FIELD_COST = 32,
	// A head may be so many times too long before it is not a request's any more.
	TOO_LONG = 4,
	HEAD_ALWAYS = 16384,
	// Of trailer fields, below what HTTP/1.1's reader takes.
	TRAILER_BYTES = 4000,
};

static nghttp2_vec text_of(nghttp2_rcbuf *from)
{
	return nghttp2_rcbuf_get_buf(from);
}

static bool is_word(nghttp2_vec v, const char *word)
{
	return v.len == strlen(word) && memcmp(v.base, word, v.len) == 0;
}

void h2_head_begin(struct h2_connection *c, int32_t id, usec_t now)
{
	h2_head_clear(c);
	c->head.id = id;
	c->head.began = now;
}

void h2_head_clear(struct h2_connection *c)
{
	for (uint32_t i = 0; i < H2_PSEUDOS; i++)
		if (c->head.pseudo[i])
			nghttp2_rcbuf_decref(c->head.pseudo[i]);
	tls_queue_clear(&c->head.text, c->engine->buffers);
	tls_queue_clear(&c->head.cookies, c->engine->buffers);
	memset(&c->head, 0, sizeof(c->head));
}

static bool put_text(struct h2_connection *c, const char *text)
{
	return h2_put(c, &c->head.text, text, strlen(text));
}

static bool put_value(struct h2_connection *c, nghttp2_rcbuf *from)
{
	nghttp2_vec v = text_of(from);

	return h2_put(c, &c->head.text, v.base, v.len);
}

// A part of the first line: nothing in it may end it, or a word of it.
static bool is_plain(nghttp2_vec v)
{
	for (size_t i = 0; i < v.len; i++)
		if (v.base[i] <= ' ' || v.base[i] == 0x7f)
			return false;
	return v.len > 0;
}

static int pseudo_take(struct h2_connection *c, enum h2_pseudo which, nghttp2_rcbuf *value)
{
	if (!is_plain(text_of(value)) || c->head.pseudo[which])
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	nghttp2_rcbuf_incref(value);
	c->head.pseudo[which] = value;
	return 0;
}

// The first line and Host. CONNECT has no path but an authority.
static bool line_put(struct h2_connection *c)
{
	nghttp2_rcbuf *authority = c->head.pseudo[H2_AUTHORITY];
	nghttp2_rcbuf *target = c->head.pseudo[H2_PATH] ? c->head.pseudo[H2_PATH] : authority;

	c->head.is_begun = true;
	return c->head.pseudo[H2_METHOD] && target && put_value(c, c->head.pseudo[H2_METHOD]) &&
	       put_text(c, " ") && put_value(c, target) && put_text(c, " HTTP/1.1\r\n") &&
	       (!authority ||
		       (put_text(c, "Host: ") && put_value(c, authority) && put_text(c, "\r\n")));
}

static bool cookie_put(struct h2_connection *c, nghttp2_vec value)
{
	struct tls_queue *q = &c->head.cookies;

	return (q->bytes > 0 ? h2_put(c, q, "; ", 2) : h2_put(c, q, "cookie: ", 8)) &&
	       h2_put(c, q, value.base, value.len);
}

static bool field_put(struct h2_connection *c, nghttp2_vec name, nghttp2_vec value)
{
	struct tls_queue *q = &c->head.text;

	if (!c->head.is_begun && !line_put(c))
		return false;
	if (is_word(name, "cookie"))
		return cookie_put(c, value);
	// Another than the authority makes two of it, which the reader refuses.
	if (is_word(name, "host") && c->head.pseudo[H2_AUTHORITY]) {
		nghttp2_vec authority = text_of(c->head.pseudo[H2_AUTHORITY]);

		if (value.len == authority.len &&
			memcmp(value.base, authority.base, value.len) == 0)
			return true;
	}
	if (is_word(name, "content-length"))
		c->head.has_length = true;
	return h2_put(c, q, name.base, name.len) && h2_put(c, q, ": ", 2) &&
	       h2_put(c, q, value.base, value.len) && h2_put(c, q, "\r\n", 2);
}

int h2_head_count(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	c->head.bytes += (uint32_t)(text_of(name).len + text_of(value).len) + FIELD_COST;
	if (c->head.bytes <= TOO_LONG * c->limits.head_bytes + HEAD_ALWAYS)
		return 0;
	h2_connection_finish(c, H2_ENDING_HEADERS);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int h2_head_field(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	nghttp2_vec word = text_of(name);
	nghttp2_vec text = text_of(value);

	if (is_word(word, ":method"))
		return pseudo_take(c, H2_METHOD, value);
	if (is_word(word, ":path"))
		return pseudo_take(c, H2_PATH, value);
	if (is_word(word, ":authority"))
		return pseudo_take(c, H2_AUTHORITY, value);
	if (word.base[0] == ':' || c->head.is_dropped)
		return 0;
	// What is there by now is too long for the reader: it says so.
	if (c->head.text.bytes + c->head.cookies.bytes > c->limits.head_bytes)
		c->head.is_dropped = true;
	else if (!field_put(c, word, text))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	return 0;
}

int h2_trailer_field(struct h2_connection *c, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
	nghttp2_vec word = text_of(name);
	nghttp2_vec text = text_of(value);
	struct tls_queue *q = &c->head.text;

	if (q->bytes + word.len + text.len > TRAILER_BYTES)
		c->head.is_dropped = true;
	if (c->head.is_dropped)
		return 0;
	if (h2_put(c, q, word.base, word.len) && h2_put(c, q, ": ", 2) &&
		h2_put(c, q, text.base, text.len) && h2_put(c, q, "\r\n", 2))
		return 0;
	return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

bool h2_trailer_finish(struct h2_connection *c, struct h2_stream *s)
{
	bool is_whole = !c->head.is_dropped && (c->head.text.bytes == 0 || put_text(c, "\r\n"));

	if (is_whole)
		tls_queue_join(&s->in_trailer, &c->head.text);
	h2_head_clear(c);
	return is_whole;
}

bool h2_head_finish(struct h2_connection *c, struct h2_stream *s, bool is_last)
{
	struct h2_head *head = &c->head;
	bool written = head->is_begun || line_put(c);

	if (written && head->cookies.bytes > 0) {
		tls_queue_join(&head->text, &head->cookies);
		written = put_text(c, "\r\n");
	}
	s->is_chunked = !is_last && !head->has_length;
	if (written && s->is_chunked)
		written = put_text(c, "Transfer-Encoding: chunked\r\n");
	if (written && put_text(c, "\r\n")) {
		tls_queue_join(&s->head, &head->text);
		h2_head_clear(c);
		return true;
	}
	h2_head_clear(c);
	return false;
}
