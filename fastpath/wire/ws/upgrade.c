// SPDX-License-Identifier: BSD-3-Clause
#include "wire/ws/upgrade.h"

struct nx_http_slice nx_field_value(const struct nx_http_head *head, const uint8_t *bytes,
	const char *name, unsigned int *count)
{
	struct nx_http_slice value = {0};
	int i = -1;

	*count = 0;
	while ((i = nx_http_field_find(head, bytes, name, i + 1)) >= 0)
		if ((*count)++ == 0)
			value = nx_http_span_of(bytes, head->fields[i].value);
	return value;
}

static bool has_token(
	const struct nx_http_head *head, const uint8_t *bytes, const char *name, const char *token)
{
	int i = -1;

	while ((i = nx_http_field_find(head, bytes, name, i + 1)) >= 0)
		if (nx_http_list_has(nx_http_span_of(bytes, head->fields[i].value), token))
			return true;
	return false;
}

enum nx_ws_handshake_verdict nx_judge_upgrade(const struct nx_http_head *head, const uint8_t *bytes)
{
	if (!has_token(head, bytes, "Upgrade", "websocket"))
		return NX_WS_HANDSHAKE_UPGRADE_MISSING;
	if (!has_token(head, bytes, "Connection", "upgrade"))
		return NX_WS_HANDSHAKE_CONNECTION_MISSING;
	return NX_WS_HANDSHAKE_DONE;
}

enum nx_ws_handshake_verdict nx_read_head(
	struct nx_http_head *head, const struct nx_read_buffer *buffer, enum nx_http_verdict *http)
{
	size_t length = nx_read_buffer_length(buffer);

	*http = nx_http_head_read(head, nx_read_buffer_data(buffer), length);
	if (*http == NX_HTTP_OK)
		return NX_WS_HANDSHAKE_DONE;
	if (*http == NX_HTTP_MORE && length < buffer->capacity)
		return NX_WS_HANDSHAKE_NEED_MORE;
	if (*http == NX_HTTP_MORE)
		*http = NX_HTTP_HEAD_TOO_LARGE;
	return NX_WS_HANDSHAKE_HEAD_INVALID;
}
