// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/hello.h"

enum {
	STATUS_OCSP = 1,
	PSK_WITH_EXCHANGE = 1, // psk_dhe_ke
	ECH_OUTER = 0,
	HKDF_SHA256 = 1,
};

// A value of 0 to below - 1; the bias of a remainder of 16 bits is of no use to anybody here.
static bool draw_below(const struct randomness *r, uint16_t below, uint16_t *out)
{
	uint8_t bytes[2];

	if (!randomness_fill(r, bytes, sizeof(bytes)))
		return false;
	*out = (uint16_t)((bytes[0] << 8 | bytes[1]) % below);
	return true;
}

static bool draw_grease(const struct randomness *r, struct hello_draw *d)
{
	uint16_t *const all[] = {&d->grease_suite, &d->grease_group, &d->grease_version,
		&d->grease_extension[0], &d->grease_extension[1], &d->grease_scheme};
	uint8_t bytes[nx_array_size(all)];

	if (!randomness_fill(r, bytes, sizeof(bytes)))
		return false;
	for (size_t i = 0; i < nx_array_size(all); i++) {
		uint8_t half = (uint8_t)((bytes[i] & 0xf0) | 0x0a);

		*all[i] = (uint16_t)(half << 8 | half);
	}
	// Two extensions of one type must not be.
	if (d->grease_extension[0] == d->grease_extension[1])
		d->grease_extension[1] ^= 0x1010;
	return true;
}

// A drawn order of all but GREASE, which stays first and last (Fisher and Yates).
static bool draw_order(const struct tls13_browser *b, const struct randomness *r, uint16_t *order)
{
	size_t first = 0, count = b->extensions.count;
	uint16_t other;

	nx_bug_on(count > TLS13_EXTENSIONS_MAX);
	memcpy(order, b->extensions.values, count * sizeof(*order));
	if (!b->shuffle)
		return true;
	if (order[first] == GREASE)
		first++;
	if (order[count - 1] == GREASE)
		count--;
	for (size_t i = count - 1; i > first; i--) {
		uint16_t held = order[i];

		if (!draw_below(r, (uint16_t)(i - first + 1), &other))
			return false;
		order[i] = order[first + other];
		order[first + other] = held;
	}
	return true;
}

// What stands for an encrypted client hello: a real public key, for random bytes are not all points
// of the curve, and a payload of random bytes.
static enum tls13_verdict draw_ech(
	const struct tls13_browser *b, const struct randomness *r, struct hello_draw *d)
{
	uint8_t private_key[X25519_BYTES];
	uint16_t length, cipher;

	if (b->ech_payloads.count == 0)
		return TLS13_OK;
	if (!randomness_fill(r, private_key, sizeof(private_key)))
		return TLS13_LIBRARY;
	x25519_public(private_key, d->ech_key);
	crypto_wipe(private_key, sizeof(private_key));
	if (!randomness_fill(r, &d->ech_config, 1) ||
		!draw_below(r, (uint16_t)b->ech_ciphers.count, &cipher) ||
		!draw_below(r, (uint16_t)b->ech_payloads.count, &length) ||
		!randomness_fill(r, d->ech_payload, sizeof(d->ech_payload)))
		return TLS13_LIBRARY;
	d->ech_cipher = b->ech_ciphers.values[cipher];
	d->ech_payload_length = b->ech_payloads.values[length];
	return TLS13_OK;
}

enum tls13_verdict hello_draw_make(
	const struct tls13_browser *b, const struct randomness *r, struct hello_draw *out)
{
	*out = (struct hello_draw){0};
	if (!randomness_fill(r, out->random, sizeof(out->random)) ||
		(b->session_id && !randomness_fill(r, out->session_id, sizeof(out->session_id))) ||
		!draw_grease(r, out) || !draw_order(b, r, out->order))
		return TLS13_LIBRARY;
	return draw_ech(b, r, out);
}

// A list of numbers with a length field in front, GREASE replaced.
static void write_list(
	struct writer *w, const struct tls13_list *list, uint16_t grease, uint32_t length_bytes)
{
	size_t mark = writer_open(w, length_bytes);

	for (size_t i = 0; i < list->count; i++)
		writer_u16(w, list->values[i] == GREASE ? grease : list->values[i]);
	writer_close(w, mark, length_bytes);
}

static void write_name(struct writer *w, const char *name)
{
	size_t list = writer_open(w, 2), field;

	writer_u8(w, 0); // host_name
	field = writer_open(w, 2);
	writer_bytes(w, name, strlen(name));
	writer_close(w, field, 2);
	writer_close(w, list, 2);
}

static void write_protocols(struct writer *w, const char *const *names, size_t count)
{
	size_t list = writer_open(w, 2);

	for (size_t i = 0; i < count; i++) {
		size_t field = writer_open(w, 1);

		writer_bytes(w, names[i], strlen(names[i]));
		writer_close(w, field, 1);
	}
	writer_close(w, list, 2);
}

static void write_shares(struct writer *w, const struct hello_parts *p)
{
	const struct tls13_list *shares = &p->browser->shares;
	size_t list = writer_open(w, 2), field;

	if (!p->is_retry && shares->count != 0 && shares->values[0] == GREASE) {
		writer_u16(w, p->draw->grease_group);
		writer_bytes(w, "\0\1\0", 3); // one zero byte
	}
	for (size_t i = 0; i < p->key_count; i++) {
		writer_u16(w, p->keys[i].group);
		field = writer_open(w, 2);
		group_key_write(&p->keys[i], w);
		writer_close(w, field, 2);
	}
	writer_close(w, list, 2);
}

static void write_ech(struct writer *w, const struct hello_draw *d)
{
	writer_u8(w, ECH_OUTER);
	writer_u16(w, HKDF_SHA256);
	writer_u16(w, d->ech_cipher);
	writer_u8(w, d->ech_config);
	writer_u16(w, X25519_BYTES);
	writer_bytes(w, d->ech_key, X25519_BYTES);
	writer_u16(w, d->ech_payload_length);
	writer_bytes(w, d->ech_payload, d->ech_payload_length);
}

static void write_psk(struct writer *w, const struct hello_parts *p)
{
	size_t list = writer_open(w, 2);

	writer_u16(w, (uint16_t)cursor_left(&p->ticket));
	writer_bytes(w, p->ticket.p, cursor_left(&p->ticket));
	writer_u32(w, p->ticket_age);
	writer_close(w, list, 2);
	list = writer_open(w, 2);
	writer_u8(w, p->binder_bytes);
	writer_zeros(w, p->binder_bytes);
	writer_close(w, list, 2);
}

static void write_vector(struct writer *w, const uint8_t *bytes, size_t length)
{
	writer_u16(w, (uint16_t)length);
	writer_bytes(w, bytes, length);
}

// Whether the table's extension is sent in this hello.
static bool is_sent(const struct hello_parts *p, uint16_t type)
{
	switch (type) {
	case EXTENSION_SERVER_NAME:
		return p->name != NULL;
	case EXTENSION_ALPN:
		return p->alpn_count != 0;
	case EXTENSION_TRANSPORT_PARAMETERS:
		return cursor_left(&p->transport_parameters) != 0;
	case EXTENSION_COOKIE:
		return cursor_left(&p->cookie) != 0;
	case EXTENSION_PRE_SHARED_KEY:
		return p->binder_bytes != 0;
	default:
		return true;
	}
}

static void write_body(struct writer *w, const struct hello_parts *p, uint16_t type)
{
	const struct tls13_browser *b = p->browser;

	switch (type) {
	case EXTENSION_SERVER_NAME:
		return write_name(w, p->name);
	case EXTENSION_STATUS_REQUEST: // OCSP, no responders, no extensions
		writer_u8(w, STATUS_OCSP);
		return writer_u32(w, 0);
	case EXTENSION_SUPPORTED_GROUPS:
		return write_list(w, &b->groups, p->draw->grease_group, 2);
	case EXTENSION_POINT_FORMATS: // uncompressed
		return writer_u16(w, 0x0100);
	case EXTENSION_SIGNATURE_ALGORITHMS:
		return write_list(w, &b->schemes, p->draw->grease_scheme, 2);
	case EXTENSION_DELEGATED_CREDENTIALS:
		return write_list(w, &b->delegated, 0, 2);
	case EXTENSION_ALPN:
		return write_protocols(w, p->alpn, p->alpn_count);
	case EXTENSION_APPLICATION_SETTINGS:
		return write_protocols(w, &b->alps, 1);
	case EXTENSION_COMPRESS_CERTIFICATE:
		return write_list(w, &b->compressions, 0, 1);
	case EXTENSION_RECORD_SIZE_LIMIT:
		return writer_u16(w, b->record_size_limit);
	case EXTENSION_SUPPORTED_VERSIONS:
		return write_list(w, &b->versions, p->draw->grease_version, 1);
	case EXTENSION_PSK_MODES:
		return writer_u16(w, 0x0100 | PSK_WITH_EXCHANGE);
	case EXTENSION_KEY_SHARE:
		return write_shares(w, p);
	case EXTENSION_RENEGOTIATION_INFO:
		return writer_u8(w, 0);
	case EXTENSION_TRUST_ANCHORS:
		return write_vector(w, b->trust_anchors, b->trust_anchors_length);
	case EXTENSION_ECH:
		return write_ech(w, p->draw);
	case EXTENSION_COOKIE:
		return write_vector(w, p->cookie.p, cursor_left(&p->cookie));
	case EXTENSION_TRANSPORT_PARAMETERS:
		return writer_bytes(
			w, p->transport_parameters.p, cursor_left(&p->transport_parameters));
	case EXTENSION_PRE_SHARED_KEY:
		return write_psk(w, p);
	default: // those that say all by being there
		return;
	}
}

static void write_extension(
	struct writer *w, const struct hello_parts *p, uint16_t type, struct hello_sent *sent)
{
	size_t mark;

	if (!is_sent(p, type))
		return;
	for (size_t i = 0; i < sent->count; i++) {
		if (sent->types[i] == type)
			return;
	}
	sent->types[sent->count++] = type;
	writer_u16(w, type);
	mark = writer_open(w, 2);
	write_body(w, p, type);
	writer_close(w, mark, 2);
}

static void write_extensions(struct writer *w, const struct hello_parts *p, struct hello_sent *sent)
{
	static const uint16_t trailing[] = {
		EXTENSION_TRANSPORT_PARAMETERS, EXTENSION_COOKIE, EXTENSION_PRE_SHARED_KEY};
	size_t greased = 0;

	for (size_t i = 0; i < p->browser->extensions.count; i++) {
		uint16_t type = p->draw->order[i];

		if (type != GREASE) {
			write_extension(w, p, type, sent);
			continue;
		}
		// Chrome's first is empty, its second has one zero byte.
		writer_u16(w, p->draw->grease_extension[greased]);
		writer_u16(w, (uint16_t)greased);
		writer_zeros(w, greased);
		greased = 1;
	}
	for (size_t i = 0; i < nx_array_size(trailing); i++)
		write_extension(w, p, trailing[i], sent);
}

void client_hello_write(const struct hello_parts *parts, struct writer *w, struct hello_sent *sent)
{
	bool has_id = parts->browser->session_id && !parts->is_quic;
	size_t message, block;

	sent->count = 0;
	writer_u8(w, HANDSHAKE_CLIENT_HELLO);
	message = writer_open(w, 3);
	writer_u16(w, VERSION_1_2);
	writer_bytes(w, parts->draw->random, RANDOM_BYTES);
	writer_u8(w, has_id ? SESSION_ID_BYTES_MAX : 0);
	writer_bytes(w, parts->draw->session_id, has_id ? SESSION_ID_BYTES_MAX : 0);
	write_list(w, &parts->browser->suites, parts->draw->grease_suite, 2);
	writer_u16(w, 0x0100); // the null compression
	block = writer_open(w, 2);
	write_extensions(w, parts, sent);
	writer_close(w, block, 2);
	writer_close(w, message, 3);
}
