// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

struct world w;
static const char *const names[] = {"other.test", "example.test"};
static const uint8_t short_ids[][REALITY_SHORT_ID_BYTES] = {{0}, {1, 2, 3, 4, 5, 6, 7, 8}};

int world_create(void **state)
{
	struct randomness random = {0};

	if (rig_create(state) != 0)
		return -1;
	w.now_ms = RIG_NOW_MS;
	w.settings = (struct reality_settings){.private_key = {1, 2, 3},
		.names = names,
		.name_count = 2,
		.short_ids = short_ids,
		.short_id_count = 2,
		.max_time_diff_s = 120};
	w.client_config = (struct reality_client_config){.library = rig.library,
		.browser = &tls13_browser_plain,
		.name = "example.test",
		.short_id = {1, 2, 3, 4, 5, 6, 7, 8},
		.roots = rig.roots};
	world_credential();
	x25519_public(w.credential->keys->current, w.public_key);
	memcpy(w.client_config.public_key, w.public_key, 32);
	return reality_replay_create(rig.library, &random, 1000, 300, &w.replay);
}

int world_destroy(void **state)
{
	reality_replay_destroy(w.replay);
	reality_shapes_destroy(w.shapes);
	reality_credential_destroy(w.credential);
	return rig_destroy(state);
}

void world_credential(void)
{
	struct randomness random = {0};

	reality_shapes_destroy(w.shapes);
	reality_credential_destroy(w.credential);
	assert_int_equal(
		reality_credential_create(rig.library, &random, &w.settings, &w.credential), 0);
	assert_int_equal(reality_shapes_create(w.credential, &w.shapes), 0);
}

void world_target(enum rig_kind kind, const char *groups, const char *suites)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(ctx, rig.leaves[kind]);
	SSL_CTX_use_PrivateKey(ctx, rig.keys[kind]);
	if (groups != NULL)
		assert_int_equal(
			SSL_CTX_ctrl(ctx, SSL_CTRL_SET_GROUPS_LIST, 0, (void *)(uintptr_t)groups),
			1);
	if (suites != NULL)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, suites), 1);
	w.target_context = ctx;
}

void world_own_target(enum rig_kind kind, uint16_t group)
{
	static uint16_t groups[1];

	groups[0] = group;
	rig_server(&w.own_target, kind);
	w.own_target.config.groups = (struct tls13_list){.values = groups, .count = 1};
	w.target_context = NULL;
}

void world_open(void)
{
	w.config = (struct reality_server_config){
		.credential = w.credential, .replay = w.replay, .shapes = w.shapes};
	assert_int_equal(reality_server_create(&w.config, &w.server), 0);
	w.from_client.length = w.from_client.done = 0;
	w.to_target.length = w.to_target.done = 0;
	w.from_target.length = w.from_target.done = 0;
	w.to_client.length = w.to_client.done = 0;
	w.spliced = w.opened = w.left = false;
	w.extras = 0;
	w.target = NULL;
	if (w.target_context == NULL) {
		rig_open(&w.own_target, false);
		return;
	}
	w.target = SSL_new(w.target_context);
	SSL_set_bio(w.target, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(w.target);
}

void world_close(void)
{
	reality_server_destroy(w.server);
	reality_client_destroy(w.client);
	w.client = NULL;
	if (w.target != NULL)
		SSL_free(w.target);
	else
		rig_close(&w.own_target);
	w.target = NULL;
}

void tape_put(struct tape *t, const uint8_t *bytes, size_t length)
{
	assert_true(length <= TAPE_BYTES - t->length);
	if (length != 0)
		memcpy(t->bytes + t->length, bytes, length);
	t->length += length;
}

static void copy_to(struct tape *from, uint64_t offset, struct tape *to)
{
	assert_in_range(offset, from->done, from->length);
	tape_put(to, from->bytes + from->done, offset - from->done);
	from->done = offset;
}

static void act(const struct reality_action *a)
{
	assert_false(w.spliced || w.opened);
	switch (a->kind) {
	case REALITY_LEAVE:
		w.left = true;
		[[fallthrough]];
	case REALITY_FORWARD:
		copy_to(&w.from_client, a->client, &w.to_target);
		break;
	case REALITY_SEND:
		assert_in_range(a->target, w.from_target.done, w.from_target.length);
		tape_put(&w.to_client, a->bytes.p, cursor_left(&a->bytes));
		w.extras += a->target == w.from_target.done;
		w.from_target.done = a->target;
		// Byte for byte: until it is open, a client has of us as much as of the target.
		if (reality_server_result(w.server) != REALITY_AUTHENTICATED)
			assert_int_equal(w.to_client.length, a->target);
		break;
	case REALITY_SPLICE:
		assert_int_equal(a->client, w.from_client.done);
		assert_int_equal(a->target, w.from_target.done);
		w.spliced = true;
		if (w.left)
			w.from_target.done = w.from_target.length;
		break;
	default:
		w.opened = true;
		w.end = *a;
	}
}

static void act_all(void)
{
	struct reality_action a;

	while (reality_server_next(w.server, &a))
		act(&a);
}

size_t world_memory_fails_at, world_memory_count;
static bool inside;

static bool refuses(void)
{
	return inside && ++world_memory_count >= world_memory_fails_at &&
	       world_memory_fails_at != 0;
}

static void *counted_malloc(size_t n, const char *file, int line)
{
	return refuses() ? NULL : malloc(n);
}

static void *counted_realloc(void *old, size_t n, const char *file, int line)
{
	return refuses() ? NULL : realloc(old, n);
}

static void counted_free(void *p, const char *file, int line)
{
	free(p);
}

void world_count_memory(void)
{
	assert_int_equal(
		CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free), 1);
}

static bool feed(enum reality_side side, struct tape *t, size_t *given)
{
	size_t n = t->length - *given;

	if (n == 0)
		return false;
	n = w.step != 0 && w.step < n ? w.step : n;
	inside = true;
	reality_server_input(w.server, side, t->bytes + *given, n, w.now_ms);
	inside = false;
	*given += n;
	act_all();
	return true;
}

static void run_target(void)
{
	const uint8_t *out;
	static uint8_t bytes[70000];
	size_t n = w.to_target.length - w.to_target.done, taken;
	int got;

	if (w.target == NULL) {
		w.own_target.verdict = tls13_stream_input(w.own_target.stream,
			w.to_target.bytes + w.to_target.done, n, w.now_ms, &taken);
		w.to_target.done += taken;
		n = tls13_stream_output(w.own_target.stream, &out);
		tape_put(&w.from_target, out, n);
		tls13_stream_sent(w.own_target.stream, n);
		return;
	}
	BIO_write(SSL_get_rbio(w.target), w.to_target.bytes + w.to_target.done, (int)n);
	w.to_target.done += n;
	ERR_clear_error();
	if (!SSL_is_init_finished(w.target))
		SSL_do_handshake(w.target);
	if (SSL_is_init_finished(w.target) && (got = SSL_read(w.target, bytes, sizeof(bytes))) > 0)
		SSL_write(w.target, bytes, got); // an echo
	while ((got = BIO_read(SSL_get_wbio(w.target), bytes, sizeof(bytes))) > 0)
		tape_put(&w.from_target, bytes, (size_t)got);
	ERR_clear_error();
}

void world_pump(void)
{
	static size_t client_given, target_given;
	bool moved = true;

	if (w.from_client.done == 0 && w.to_client.length == 0)
		client_given = target_given = 0;
	act_all();
	while (moved) {
		size_t before = w.from_target.length + w.to_target.length + w.to_client.length;

		moved = !w.spliced && !w.opened &&
			feed(REALITY_CLIENT, &w.from_client, &client_given);
		if (w.spliced)
			copy_to(&w.from_client, w.from_client.length, &w.to_target);
		run_target();
		if (!w.spliced && !w.opened)
			moved |= feed(REALITY_TARGET, &w.from_target, &target_given);
		if (w.spliced)
			copy_to(&w.from_target, w.from_target.length, &w.to_client);
		moved |= before != w.from_target.length + w.to_target.length + w.to_client.length;
	}
}

static void run_client(void)
{
	struct tls13_stream *s = reality_client_stream(w.client);
	const uint8_t *out;
	size_t n = w.to_client.length - w.to_client.done, taken;

	w.client_result = reality_client_input(
		w.client, w.to_client.bytes + w.to_client.done, n, w.now_ms, &taken);
	w.to_client.done += taken;
	n = tls13_stream_output(s, &out);
	tape_put(&w.from_client, out, n);
	tls13_stream_sent(s, n);
}

void world_client(const struct tls13_browser *browser)
{
	const uint8_t *out;
	size_t n;

	w.client_config.browser = browser;
	assert_int_equal(reality_client_create(&w.client_config, &w.client), 0);
	w.client_result = reality_client_begin(w.client, w.now_ms);
	assert_int_equal(w.client_result, REALITY_CLIENT_TALKING);
	n = tls13_stream_output(reality_client_stream(w.client), &out);
	tape_put(&w.from_client, out, n);
	tls13_stream_sent(reality_client_stream(w.client), n);
}

void world_talk(void)
{
	for (int turn = 0; turn < 4; turn++) {
		world_pump();
		run_client();
	}
	world_pump();
}

size_t world_records(const uint8_t *bytes, size_t length, struct seen *out, size_t max)
{
	size_t n = 0;

	for (size_t at = 0; at + RECORD_HEADER_BYTES <= length; n++) {
		assert_true(n < max);
		out[n].type = bytes[at];
		out[n].length = be16_to_host(be16_load(bytes + at + 3));
		at += RECORD_HEADER_BYTES + (size_t)out[n].length;
	}
	return n;
}

static void set(struct record_key *key, bool seals, const struct tls13_secret *secret, uint64_t n)
{
	*key = (struct record_key){0};
	assert_true(record_key_set(rig.library, seals, secret, key));
	key->sequence = n;
}

static void send_one(struct record_key *from, struct record_key *to, const char *text)
{
	struct writer record = writer_with(1000);
	size_t n;
	uint8_t type;

	assert_true(record_seal(
		from, &record, RECORD_APPLICATION_DATA, (const uint8_t *)text, strlen(text), 3));
	n = record.used - RECORD_HEADER_BYTES;
	assert_int_equal(record_open(to, record.base, record.base + RECORD_HEADER_BYTES, &n, &type),
		TLS13_OK);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(record.base + RECORD_HEADER_BYTES, text, n);
	writer_clear(&record);
	record_key_clear(from);
	record_key_clear(to);
}

// What the server sent behind its flight has to open too, and holds nothing.
static void open_rest(struct record_key *key)
{
	uint8_t *p = w.to_client.bytes + w.to_client.done, type;

	while (w.to_client.done < w.to_client.length) {
		size_t n = be16_to_host(be16_load(p + 3)), whole = RECORD_HEADER_BYTES + n;

		assert_int_equal(record_open(key, p, p + RECORD_HEADER_BYTES, &n, &type), TLS13_OK);
		assert_int_equal(type, RECORD_APPLICATION_DATA);
		assert_int_equal(n, 0);
		w.to_client.done += whole;
		p += whole;
	}
}

void world_exchange(void)
{
	struct tls13_stream_key in, out;
	struct record_key from, to;

	tls13_stream_keys(reality_client_stream(w.client), &in, &out);
	set(&from, true, &out.secret, out.sequence);
	set(&to, false, &w.end.in.secret, w.end.in.sequence);
	send_one(&from, &to, "up");
	set(&from, true, &w.end.out.secret, w.end.out.sequence);
	set(&to, false, &in.secret, in.sequence);
	open_rest(&to);
	send_one(&from, &to, "down");
}
