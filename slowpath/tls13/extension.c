// SPDX-License-Identifier: BSD-3-Clause
#include "tls13/extension.h"

enum {
	SEEN_MAX = 128,
};

static const uint16_t types[EXTENSION_PLACES] = {
	[AT_SERVER_NAME] = EXTENSION_SERVER_NAME,
	[AT_STATUS_REQUEST] = EXTENSION_STATUS_REQUEST,
	[AT_GROUPS] = EXTENSION_SUPPORTED_GROUPS,
	[AT_SCHEMES] = EXTENSION_SIGNATURE_ALGORITHMS,
	[AT_ALPN] = EXTENSION_ALPN,
	[AT_SCT] = EXTENSION_SCT,
	[AT_COMPRESSIONS] = EXTENSION_COMPRESS_CERTIFICATE,
	[AT_RECORD_SIZE_LIMIT] = EXTENSION_RECORD_SIZE_LIMIT,
	[AT_PSK] = EXTENSION_PRE_SHARED_KEY,
	[AT_EARLY_DATA] = EXTENSION_EARLY_DATA,
	[AT_VERSIONS] = EXTENSION_SUPPORTED_VERSIONS,
	[AT_COOKIE] = EXTENSION_COOKIE,
	[AT_PSK_MODES] = EXTENSION_PSK_MODES,
	[AT_AUTHORITIES] = EXTENSION_CERTIFICATE_AUTHORITIES,
	[AT_SCHEMES_CERT] = EXTENSION_SIGNATURE_ALGORITHMS_CERT,
	[AT_SHARES] = EXTENSION_KEY_SHARE,
	[AT_TRANSPORT] = EXTENSION_TRANSPORT_PARAMETERS,
	[AT_APPLICATION_SETTINGS] = EXTENSION_APPLICATION_SETTINGS,
	[AT_ECH] = EXTENSION_ECH,
	[AT_TRUST_ANCHORS] = EXTENSION_TRUST_ANCHORS,
};

static bool is_among(uint16_t type, const uint16_t *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (list[i] == type)
			return true;
	}
	return false;
}

static uint32_t place_of(uint16_t type)
{
	uint32_t place = 0;

	while (place < EXTENSION_PLACES && types[place] != type)
		place++;
	return place;
}

// RFC 8446 4.2: an answer that nobody asked for, and one in another message than its own. A cookie
// is the one that a server sends first.
static enum tls13_verdict check(const struct extension_rule *rule, uint16_t type, uint32_t place)
{
	if (type != EXTENSION_COOKIE && !is_among(type, rule->sent, rule->sent_count))
		return TLS13_EXTENSION_UNASKED;
	if (place < EXTENSION_PLACES && (rule->allowed & AT_BIT(place)) != 0)
		return TLS13_OK;
	return type == EXTENSION_COOKIE ? TLS13_EXTENSION_UNASKED : TLS13_EXTENSION_MISPLACED;
}

enum tls13_verdict extensions_parse(
	struct cursor block, const struct extension_rule *rule, struct extensions *out)
{
	uint16_t seen[SEEN_MAX], type;
	enum tls13_verdict v;
	struct cursor body;
	uint32_t place;
	size_t n = 0;

	*out = (struct extensions){0};
	while (cursor_left(&block) != 0) {
		if (!cursor_take_u16(&block, &type) || !cursor_take_vector(&block, 2, &body))
			return TLS13_MESSAGE_TRUNCATED;
		if (is_among(type, seen, n))
			return TLS13_EXTENSION_TWICE;
		if (n == SEEN_MAX)
			return TLS13_EXTENSION_CROWD;
		seen[n++] = type;
		place = place_of(type);
		v = rule != NULL ? check(rule, type, place) : TLS13_OK;
		if (v != TLS13_OK)
			return v;
		out->last = type;
		out->end = block.p;
		if (place < EXTENSION_PLACES) {
			out->body[place] = body;
			out->have |= AT_BIT(place);
		}
	}
	return TLS13_OK;
}
