// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/head_text.h"

#include "wire/ws/extensions.h"

struct head_text nx_head_text_begin(struct nx_write_buffer *buffer)
{
	return (struct head_text){.buffer = buffer, .begin = buffer->tail};
}

static void put(struct head_text *text, struct nx_http_slice slice)
{
	if (text->fault == NX_WS_HANDSHAKE_DONE &&
		nx_write_buffer_append(text->buffer, slice.data, slice.length) != NX_BUFFER_OK)
		text->fault = NX_WS_HANDSHAKE_NO_ROOM;
}

static void refuse(struct head_text *text)
{
	if (text->fault == NX_WS_HANDSHAKE_DONE)
		text->fault = NX_WS_HANDSHAKE_ARGUMENT_INVALID;
}

void nx_head_text_put(struct head_text *text, const char *words)
{
	put(text, nx_slice_of(words));
}

void nx_head_text_word(struct head_text *text, struct nx_http_slice word)
{
	if (word.length == 0)
		refuse(text);
	for (size_t i = 0; i < word.length; i++)
		if (word.data[i] <= ' ' || word.data[i] >= 0x7f)
			refuse(text);
	put(text, word);
}

void nx_head_text_field(struct head_text *text, const char *name, const char *value)
{
	if (!nx_is_token(nx_slice_of(name)))
		refuse(text);
	for (const char *p = value; *p; p++)
		if (((uint8_t)*p < ' ' && *p != '\t') || *p == 0x7f)
			refuse(text);
	nx_head_text_put(text, name);
	nx_head_text_put(text, ": ");
	nx_head_text_put(text, value);
	nx_head_text_put(text, "\r\n");
}

void nx_head_text_fields(struct head_text *text, const struct nx_ws_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		nx_head_text_field(text, fields[i].name, fields[i].value);
}

enum nx_ws_handshake_verdict nx_head_text_end(struct head_text *text)
{
	nx_head_text_put(text, "\r\n");
	if (text->fault != NX_WS_HANDSHAKE_DONE)
		text->buffer->tail = text->begin;
	return text->fault;
}
