// SPDX-License-Identifier: BSD-3-Clause
#include <string.h>

#include "records.h"

enum {
	KEY_UPDATE = 24,
	// Records under one key, below the 2^24.5 of RFC 8446 5.5.
	RECORDS_A_KEY = 1 << 24,
	AROUND = RECORD_HEADER + 1 + RECORD_TAG
};

bool nx_record_seal(struct records *records, struct nx_write_buffer *out, uint8_t type,
	const void *data, size_t length)
{
	struct record_half *half = &records->out;
	uint8_t *header = nx_write_buffer_space(out), *content = header + RECORD_HEADER;
	alignas(64) struct gcm_context_data context;
	size_t sealed = length + 1 + RECORD_TAG;
	uint8_t nonce[NONCE];

	if (nx_write_buffer_room(out) < length + AROUND)
		return false;
	header[0] = RECORD_DATA;
	header[1] = header[2] = 3;
	header[3] = (uint8_t)(sealed >> 8);
	header[4] = (uint8_t)sealed;
	memcpy(content, data, length);
	content[length] = type;
	nx_record_nonce(half, nonce);
	if (records->secret_length == 32)
		IMB_AES128_GCM_ENC(records->vectors, &half->key, &context, content, content,
			length + 1, nonce, header, RECORD_HEADER, content + length + 1, RECORD_TAG);
	else
		IMB_AES256_GCM_ENC(records->vectors, &half->key, &context, content, content,
			length + 1, nonce, header, RECORD_HEADER, content + length + 1, RECORD_TAG);
	half->sequence++;
	out->tail += length + AROUND;
	return true;
}

bool nx_record_update_send(struct records *records, struct nx_write_buffer *out)
{
	static const uint8_t update[] = {KEY_UPDATE, 0, 0, 1, 0};

	if (!nx_record_seal(records, out, RECORD_HANDSHAKE, update, sizeof(update)))
		return false;
	records->update_due = false;
	return nx_record_half_update(records, &records->out);
}

enum nx_tls_verdict nx_records_write(struct records *records, struct nx_write_buffer *out,
	const void *data, size_t length, size_t *taken)
{
	size_t done = 0;

	if (records->closed) {
		records->why = "data after close_notify";
		return NX_TLS_FAILED;
	}
	while (done < length) {
		size_t part = length - done < RECORD_CONTENT ? length - done : RECORD_CONTENT;

		// Room for a whole piece and a KeyUpdate, or for nothing.
		if (nx_write_buffer_room(out) < part + 2 * AROUND + 5)
			nx_write_buffer_compact(out);
		if (nx_write_buffer_room(out) < part + 2 * AROUND + 5)
			break;
		if ((records->update_due || records->out.sequence >= RECORDS_A_KEY) &&
			!nx_record_update_send(records, out))
			return NX_TLS_FAILED;
		if (!nx_record_seal(records, out, RECORD_DATA, (const uint8_t *)data + done, part))
			break;
		done += part;
	}
	if (done == 0 && length > 0)
		return NX_TLS_NO_ROOM;
	*taken = done;
	return NX_TLS_DONE;
}

enum nx_tls_verdict nx_records_close(struct records *records, struct nx_write_buffer *out)
{
	static const uint8_t close_notify[] = {1, 0};

	if (records->closed)
		return NX_TLS_DONE;
	if (!nx_record_seal(records, out, RECORD_ALERT, close_notify, sizeof(close_notify)))
		return NX_TLS_NO_ROOM;
	records->closed = true;
	return NX_TLS_DONE;
}
