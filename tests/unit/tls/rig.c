// SPDX-License-Identifier: BSD-3-Clause
#include "rig.h"

int rig_buffers_left = -1;
bool rig_can_share = true;
bool rig_can_spare = true;

static bool one_less(void)
{
	if (rig_buffers_left == 0)
		return false;
	if (rig_buffers_left > 0)
		rig_buffers_left--;
	return true;
}

static struct buffer *get(struct buffer_source *source, uint32_t room)
{
	return one_less() ? buffer_heap_get(source, room) : NULL;
}

static struct buffer *share(struct buffer_source *source, struct buffer *from)
{
	return one_less() ? buffer_heap_share(source, from) : NULL;
}

static struct buffer *spare(struct buffer_source *source)
{
	return rig_can_spare ? get(source, BUFFER_SPARE_ROOM) : NULL;
}

static struct buffer_source source = {
	.get = get, .put = buffer_heap_put, .share = share, .spare = spare};
struct tls_context rig = {.buffers = &source};

int rig_create(void **state)
{
	int rc = crypto_manager_create(&rig.crypto);

	return rc ? rc : key_cache_create(rig.crypto, 16, &rig.keys);
}

int rig_destroy(void **state)
{
	key_cache_destroy(rig.keys);
	crypto_manager_destroy(rig.crypto);
	return buffer_heap_alive() != 0;
}

uint32_t rig_draw(uint32_t below)
{
	static uint64_t seed = 7;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(seed >> 33) % below;
}

uint32_t rig_hex(const char *hex, uint8_t *out)
{
	uint32_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;

		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		out[n++] = (uint8_t)byte;
	}
	return n;
}

struct buffer *rig_chain(const uint8_t *bytes, uint32_t length, uint32_t most, bool cut)
{
	struct tls_queue q = {0};

	source.share = rig_can_share ? share : NULL;
	for (uint32_t at = 0; at < length;) {
		uint32_t n = u32_min(cut ? 1 + rig_draw(most) : most, length - at);
		struct buffer *b = buffer_heap_get(&source, cut && rig_draw(4) == 0 ? n + 300 : n);

		memcpy(buffer_data(b), bytes + at, n);
		b->length = (uint16_t)n;
		b->next = NULL;
		tls_queue_append(&q, b);
		at += n;
	}
	return tls_queue_chain(&q);
}

uint32_t rig_read(struct buffer *chain, uint8_t *out)
{
	struct tls_queue q = {0};
	uint32_t n = 0;

	if (chain == NULL)
		return 0;
	tls_queue_append(&q, chain);
	assert_int_equal(q.bytes, chain->total_length);
	assert_int_equal(q.buffers, chain->segments);
	for (const struct buffer *b = chain; b; b = b->next) {
		memcpy(out + n, buffer_data(b), b->length);
		n += b->length;
	}
	tls_queue_clear(&q, &source);
	return n;
}

void rig_pair(
	uint16_t version, uint16_t suite, struct tls_records *client, struct tls_records *server)
{
	struct tls_secret up = {.sequence = 1}, down = {.sequence = 3};

	for (uint32_t i = 0; i < sizeof(up.secret); i++) {
		up.secret[i] = (uint8_t)(i * 3 + 1);
		down.secret[i] = (uint8_t)(i * 5 + 9);
	}
	for (uint32_t i = 0; i < sizeof(up.iv); i++) {
		up.iv[i] = (uint8_t)(40 + i);
		down.iv[i] = (uint8_t)(80 + i);
	}
	assert_int_equal(tls_records_init(&rig, true, version, suite, &down, &up, client), 0);
	assert_int_equal(tls_records_init(&rig, false, version, suite, &up, &down, server), 0);
}

uint32_t rig_seal(struct tls_records *t, const uint8_t *bytes, uint32_t length, uint8_t *out)
{
	struct buffer *data = rig_chain(bytes, length, 1460, false);
	struct buffer *sealed;

	assert_int_equal(tls_seal(&rig, t, 1460, 0, &data, &sealed), TLS_SEALED);
	assert_null(data);
	return rig_read(sealed, out);
}

uint32_t rig_open(struct tls_records *t, struct buffer *chain, uint8_t *out, enum tls_verdict after)
{
	uint32_t n = 0;
	struct buffer *data;
	enum tls_verdict v;

	tls_push(&rig, t, chain);
	while ((v = tls_next(&rig, t, &data)) == TLS_DATA)
		n += rig_read(data, out + n);
	assert_int_equal(v, after);
	return n;
}
