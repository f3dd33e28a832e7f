// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include "tls13/hello.h"
#include "tls13/mlkem.h"

static uint64_t seed;

static bool fill(void *user, uint8_t *out, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		out[i] = (uint8_t)(seed >> 56);
	}
	return true;
}

static const char *const names[] = {"example.test"};
static const uint8_t ids[][REALITY_SHORT_ID_BYTES] = {{1}};
const struct reality_settings world_settings = {.private_key = {1, 2, 3},
	.names = names,
	.name_count = 1,
	.short_ids = ids,
	.short_id_count = 1,
	.max_time_diff_s = 120};

struct world *world(void)
{
	static struct world w;

	if (w.credential != NULL)
		return &w;
	MUST(tls13_library_create(&w.library) == 0);
	w.config.random.fill = fill;
	MUST(reality_credential_create(
		     w.library, &w.config.random, &world_settings, &w.credential) == 0);
	x25519_public(w.credential->keys->current, w.public_key);
	w.config.credential = w.credential;
	return &w;
}

void world_restart(void)
{
	seed = 1;
}

bool world_seal(uint8_t *hello, size_t length)
{
	struct reality_tag tag = {.time_s = WORLD_NOW_MS / 1000, .short_id = {1}};
	struct cursor body = cursor_over(hello, length), share;
	uint8_t key[REALITY_KEY_BYTES];
	const uint8_t *peer = NULL;
	struct client_hello h;

	if (!cursor_skip(&body, MESSAGE_HEADER_BYTES) || client_hello_parse(body, &h) != TLS13_OK ||
		cursor_left(&h.session_id) != REALITY_SESSION_ID_BYTES)
		return false;
	if (client_hello_share(&h, GROUP_X25519MLKEM768, &share) &&
		cursor_left(&share) == MLKEM_ENCAPSULATION_KEY_BYTES + X25519_BYTES)
		peer = share.p + MLKEM_ENCAPSULATION_KEY_BYTES;
	if (client_hello_share(&h, GROUP_X25519, &share) && cursor_left(&share) == X25519_BYTES)
		peer = share.p;
	return peer != NULL &&
	       reality_key_derive(
		       world()->library, world()->credential->keys->current, peer, h.random, key) &&
	       reality_seal(world()->library, key, &tag, hello, length);
}

static void check(const struct reality_server *s, const struct reality_action *a, uint64_t *sent)
{
	MUST(a->kind != REALITY_OPEN); // nobody has the keys
	if (a->kind == REALITY_SEND) {
		*sent += cursor_left(&a->bytes);
		MUST(*sent == a->target);
	}
	if (a->kind == REALITY_SPLICE) {
		MUST(*sent == a->target);
		MUST(reality_server_result(s) > REALITY_AUTHENTICATED);
	}
}

void world_feed(struct reality_server *s, enum reality_side side, const uint8_t *bytes,
	size_t length, size_t piece, uint64_t *sent)
{
	struct reality_action a;

	for (size_t at = 0; at < length; at += piece) {
		size_t n = length - at < piece ? length - at : piece;

		reality_server_input(s, side, bytes + at, n, WORLD_NOW_MS);
		while (reality_server_next(s, &a))
			check(s, &a, sent);
	}
}
