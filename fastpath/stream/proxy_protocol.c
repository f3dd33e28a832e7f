// SPDX-License-Identifier: BSD-3-Clause
#include "stream/proxy_protocol.h"

#include <netinet/in.h>

// Both signatures, and the fixed part of the binary header (section 2.2).
static const uint8_t line_signature[] = "PROXY ";
static const uint8_t block_signature[] = {
	0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum {
	LINE_SIGNATURE = sizeof(line_signature) - 1,
	BLOCK_SIGNATURE = sizeof(block_signature),
	BLOCK_FIXED = 16,
	VERSION_2 = 2,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	FAMILY_UNSPEC = 0,
	FAMILY_INET = 1,
	FAMILY_INET6 = 2,
	FAMILY_UNIX = 3,
	TRANSPORT_UNSPEC = 0,
	TRANSPORT_STREAM = 1,
	TRANSPORT_DGRAM = 2,
	ADDRESSES_INET = 12,
	ADDRESSES_INET6 = 36,
	ADDRESSES_UNIX = 216,
	TLV_CRC32C = 3,
};

// --- version 1: a line ------------------------------------------------------------------------

static bool cursor_take_text(struct cursor *c, const char *text)
{
	const uint8_t *p;
	size_t n = strlen(text);

	if (cursor_left(c) < n || memcmp(c->p, text, n) != 0)
		return false;
	return cursor_take_span(c, n, &p);
}

// The bytes up to the next space or the end, as text in out, which holds size bytes. The line ends
// there, or a space follows, which is taken too: no field is empty and none is left out.
static bool cursor_take_field(struct cursor *c, char *out, size_t size)
{
	const uint8_t *space = memchr(c->p, ' ', cursor_left(c));
	size_t n = space ? (size_t)(space - c->p) : cursor_left(c);
	const uint8_t *p;

	if (n == 0 || n >= size || memchr(c->p, '\0', n) || !cursor_take_span(c, n, &p))
		return false;
	memcpy(out, p, n);
	out[n] = '\0';
	return !space || (cursor_skip(c, 1) && cursor_left(c) > 0);
}

static bool port_parse(const char *text, be16 *out)
{
	unsigned int value = 0;

	if (text[0] == '0' && text[1] != '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned int)(*text - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*out = be16_from_host((uint16_t)value);
	return true;
}

// Section 2.1: the family that the line names decides the form.
static bool address_parse(const char *text, bool v4, struct ip_address *out)
{
	return !strchr(text, ':') == v4 && ip_address_parse(text, out);
}

// What follows "PROXY TCP4 " or "PROXY TCP6 ", up to the end of the line.
static enum proxy_protocol_verdict read_line_fields(
	struct cursor line, bool v4, struct flow_key *out)
{
	struct flow_key key = {.protocol = IPPROTO_TCP};
	char source[IP_ADDRESS_TEXT_MAX];
	char destination[IP_ADDRESS_TEXT_MAX];
	char source_port[sizeof("65535")];
	char destination_port[sizeof("65535")];

	if (!cursor_take_field(&line, source, sizeof(source)) ||
		!cursor_take_field(&line, destination, sizeof(destination)) ||
		!cursor_take_field(&line, source_port, sizeof(source_port)) ||
		!cursor_take_field(&line, destination_port, sizeof(destination_port)) ||
		cursor_left(&line) > 0)
		return PROXY_PROTOCOL_BAD_LINE;
	if (!address_parse(source, v4, &key.source) ||
		!address_parse(destination, v4, &key.destination))
		return PROXY_PROTOCOL_BAD_ADDRESS;
	if (!port_parse(source_port, &key.source_port) ||
		!port_parse(destination_port, &key.destination_port))
		return PROXY_PROTOCOL_BAD_PORT;
	*out = key;
	return PROXY_PROTOCOL_DONE;
}

// A whole line without its end, behind the signature.
static enum proxy_protocol_verdict read_line_text(
	struct cursor line, struct proxy_protocol_header *header)
{
	if (cursor_take_text(&line, "UNKNOWN"))
		// Whatever follows is ignored, but it follows a space.
		return cursor_left(&line) == 0 || *line.p == ' ' ? PROXY_PROTOCOL_DONE
								 : PROXY_PROTOCOL_BAD_LINE;
	header->proxied = true;
	if (cursor_take_text(&line, "TCP4 "))
		return read_line_fields(line, true, &header->key);
	if (cursor_take_text(&line, "TCP6 "))
		return read_line_fields(line, false, &header->key);
	return PROXY_PROTOCOL_BAD_LINE;
}

static enum proxy_protocol_verdict read_line(
	const uint8_t *data, size_t length, struct proxy_protocol_header *out)
{
	struct proxy_protocol_header header = {.version = 1};
	struct cursor c = cursor_over(
		data, length < PROXY_PROTOCOL_LINE_MAX ? length : PROXY_PROTOCOL_LINE_MAX);
	enum proxy_protocol_verdict verdict;
	size_t end = LINE_SIGNATURE;

	while (end < cursor_left(&c) && data[end] != '\r' && data[end] != '\n')
		end++;
	if (end + 1 >= cursor_left(&c)) {
		// The end of the line may still come, but a line feed alone is none.
		if (end < cursor_left(&c) && data[end] == '\n')
			return PROXY_PROTOCOL_LINE_UNENDED;
		return length < PROXY_PROTOCOL_LINE_MAX ? PROXY_PROTOCOL_MORE
							: PROXY_PROTOCOL_LINE_UNENDED;
	}
	if (data[end] != '\r' || data[end + 1] != '\n')
		return PROXY_PROTOCOL_LINE_UNENDED;
	verdict = read_line_text(cursor_over(data + LINE_SIGNATURE, end - LINE_SIGNATURE), &header);
	if (verdict != PROXY_PROTOCOL_DONE)
		return verdict;
	header.length = (uint16_t)(end + 2);
	*out = header;
	return PROXY_PROTOCOL_DONE;
}

// --- version 2: a block -----------------------------------------------------------------------

// CRC32C (RFC 3720 appendix B.4), four bits at a time: seldom asked for, and at most 536 bytes.
static uint32_t crc32c_update(uint32_t crc, const uint8_t *p, size_t n)
{
	static const uint32_t by_nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6,
		0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};

	for (size_t i = 0; i < n; i++) {
		crc ^= p[i];
		crc = crc >> 4 ^ by_nibble[crc & 15];
		crc = crc >> 4 ^ by_nibble[crc & 15];
	}
	return crc;
}

// The checksum of a whole header in which the four bytes at value count as zero (section 2.2.3).
static uint32_t header_checksum(const uint8_t *data, size_t length, const uint8_t *value)
{
	static const uint8_t zero[4];
	size_t before = (size_t)(value - data);
	uint32_t crc = crc32c_update(UINT32_MAX, data, before);

	crc = crc32c_update(crc, zero, sizeof(zero));
	return ~crc32c_update(crc, value + sizeof(zero), length - before - sizeof(zero));
}

// Walks the options behind the addresses: at most one for every three bytes.
static enum proxy_protocol_verdict read_tlvs(
	struct cursor tlvs, const uint8_t *data, struct proxy_protocol_header *header)
{
	const uint8_t *checksum = NULL;
	const uint8_t *value;
	uint16_t length;
	uint8_t type;

	while (cursor_left(&tlvs) > 0) {
		if (!cursor_take_u8(&tlvs, &type) || !cursor_take_u16(&tlvs, &length) ||
			!cursor_take_span(&tlvs, length, &value))
			return PROXY_PROTOCOL_BAD_TLV;
		header->tlvs++;
		if (type != TLV_CRC32C)
			continue;
		if (length != 4 || checksum)
			return PROXY_PROTOCOL_BAD_TLV;
		checksum = value;
	}
	if (checksum && header_checksum(data, header->length, checksum) !=
				be32_to_host(be32_load(checksum)))
		return PROXY_PROTOCOL_BAD_CHECKSUM;
	return PROXY_PROTOCOL_DONE;
}

// The family's addresses; the caller has seen that they are there. Leaves the key of AF_UNIX alone:
// its addresses are of no host.
static bool take_addresses(struct cursor *c, unsigned int family, struct flow_key *key)
{
	size_t size = family == FAMILY_INET ? 4 : 16;
	const uint8_t *source;
	const uint8_t *destination;
	const uint8_t *ports;

	if (family == FAMILY_UNIX)
		return cursor_skip(c, ADDRESSES_UNIX);
	if (!cursor_take_span(c, size, &source) || !cursor_take_span(c, size, &destination) ||
		!cursor_take_span(c, 4, &ports))
		return false;
	key->source = family == FAMILY_INET ? ip_address_from_v4(be32_load(source))
					    : ip_address_from_bytes(source);
	key->destination = family == FAMILY_INET ? ip_address_from_v4(be32_load(destination))
						 : ip_address_from_bytes(destination);
	key->source_port = be16_load(ports);
	key->destination_port = be16_load(ports + 2);
	return true;
}

// Addresses and options of a whole header; c stands behind the fixed part.
static enum proxy_protocol_verdict read_block_body(struct cursor c, const uint8_t *data,
	unsigned int family, unsigned int transport, struct proxy_protocol_header *header)
{
	struct flow_key key = {
		.protocol = transport == TRANSPORT_DGRAM ? IPPROTO_UDP : IPPROTO_TCP};

	// Without a family nobody can say where addresses end: all of it is skipped.
	if (family == FAMILY_UNSPEC || transport == TRANSPORT_UNSPEC)
		return PROXY_PROTOCOL_DONE;
	if (!take_addresses(&c, family, &key))
		return PROXY_PROTOCOL_TOO_SHORT;
	if (family != FAMILY_UNIX) {
		header->proxied = true;
		header->key = key;
	}
	return read_tlvs(c, data, header);
}

// Whether family and transport are among those that section 2.2 lists, and the length has room.
static enum proxy_protocol_verdict judge_family(uint8_t byte, uint16_t length)
{
	static const uint16_t room[] = {0, ADDRESSES_INET, ADDRESSES_INET6, ADDRESSES_UNIX};
	unsigned int family = byte >> 4;
	unsigned int transport = byte & 15;

	if (family > FAMILY_UNIX || transport > TRANSPORT_DGRAM)
		return PROXY_PROTOCOL_BAD_FAMILY;
	if (transport != TRANSPORT_UNSPEC && length < room[family])
		return PROXY_PROTOCOL_TOO_SHORT;
	return PROXY_PROTOCOL_DONE;
}

// Each byte is judged as soon as it is there: a peer that is wrong hears so at once.
static enum proxy_protocol_verdict read_block(
	const uint8_t *data, size_t length, struct proxy_protocol_header *out)
{
	struct proxy_protocol_header header = {.version = VERSION_2};
	struct cursor c = cursor_over(data + BLOCK_SIGNATURE, length - BLOCK_SIGNATURE);
	enum proxy_protocol_verdict verdict;
	uint8_t what;
	uint8_t family;
	uint16_t rest = 0;
	bool local;
	bool has_length;

	if (!cursor_take_u8(&c, &what))
		return PROXY_PROTOCOL_MORE;
	if (what >> 4 != VERSION_2)
		return PROXY_PROTOCOL_BAD_VERSION;
	if ((what & 15) > COMMAND_PROXY)
		return PROXY_PROTOCOL_BAD_COMMAND;
	local = (what & 15) == COMMAND_LOCAL;
	if (!cursor_take_u8(&c, &family))
		return PROXY_PROTOCOL_MORE;
	has_length = cursor_take_u16(&c, &rest);
	// A length that is not there yet is no fault of the family. LOCAL ignores the family.
	verdict =
		local ? PROXY_PROTOCOL_DONE : judge_family(family, has_length ? rest : UINT16_MAX);
	if (verdict != PROXY_PROTOCOL_DONE)
		return verdict;
	if (rest > PROXY_PROTOCOL_READ_MAX - BLOCK_FIXED)
		return PROXY_PROTOCOL_TOO_LONG;
	if (!has_length || cursor_left(&c) < rest)
		return PROXY_PROTOCOL_MORE;
	header.length = (uint16_t)(BLOCK_FIXED + rest);
	if (!local)
		verdict = read_block_body(
			cursor_over(c.p, rest), data, family >> 4, family & 15, &header);
	if (verdict == PROXY_PROTOCOL_DONE)
		*out = header;
	return verdict;
}

static bool begins_as(
	const uint8_t *data, size_t length, const uint8_t *signature, size_t signature_length)
{
	return memcmp(data, signature, length < signature_length ? length : signature_length) == 0;
}

enum proxy_protocol_verdict proxy_protocol_read(
	const uint8_t *data, size_t length, struct proxy_protocol_header *out)
{
	if (length == 0)
		return PROXY_PROTOCOL_MORE;
	if (begins_as(data, length, block_signature, BLOCK_SIGNATURE))
		return length < BLOCK_SIGNATURE ? PROXY_PROTOCOL_MORE
						: read_block(data, length, out);
	if (begins_as(data, length, line_signature, LINE_SIGNATURE))
		return length < LINE_SIGNATURE ? PROXY_PROTOCOL_MORE : read_line(data, length, out);
	return PROXY_PROTOCOL_NO_SIGNATURE;
}

const char *proxy_protocol_verdict_name(enum proxy_protocol_verdict verdict)
{
	static const char *const names[PROXY_PROTOCOL_VERDICTS] = {
		[PROXY_PROTOCOL_DONE] = "done",
		[PROXY_PROTOCOL_MORE] = "incomplete",
		[PROXY_PROTOCOL_NO_SIGNATURE] = "no signature",
		[PROXY_PROTOCOL_LINE_UNENDED] = "line without its end",
		[PROXY_PROTOCOL_BAD_LINE] = "bad line",
		[PROXY_PROTOCOL_BAD_ADDRESS] = "bad address",
		[PROXY_PROTOCOL_BAD_PORT] = "bad port",
		[PROXY_PROTOCOL_BAD_VERSION] = "bad version",
		[PROXY_PROTOCOL_BAD_COMMAND] = "bad command",
		[PROXY_PROTOCOL_BAD_FAMILY] = "bad family",
		[PROXY_PROTOCOL_TOO_LONG] = "too long",
		[PROXY_PROTOCOL_TOO_SHORT] = "too short for its addresses",
		[PROXY_PROTOCOL_BAD_TLV] = "bad option",
		[PROXY_PROTOCOL_BAD_CHECKSUM] = "bad checksum",
	};

	return (unsigned int)verdict < PROXY_PROTOCOL_VERDICTS ? names[verdict] : "unknown";
}

// --- writing ----------------------------------------------------------------------------------

// What has been written so far; every caller's buffer holds PROXY_PROTOCOL_WRITE_MAX, and no header
// is longer.
struct writer {
	uint8_t *p;
};

static void put_bytes(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->p, bytes, n);
	w->p += n;
}

static void put_text(struct writer *w, const char *text)
{
	put_bytes(w, text, strlen(text));
}

static void put_number(struct writer *w, unsigned int value, unsigned int base)
{
	char digits[5];
	size_t n = 0;

	do
		digits[n++] = "0123456789abcdef"[value % base];
	while (value /= base);
	while (n > 0)
		put_bytes(w, &digits[--n], 1);
}

// The longest run of zero groups, at least two: RFC 5952 section 4.2. Length 0 if there is none.
static unsigned int longest_zeros(const uint16_t groups[8], unsigned int *first)
{
	unsigned int best = 0;

	for (unsigned int i = 0; i < 8; i++) {
		unsigned int n = 0;

		while (i + n < 8 && groups[i + n] == 0)
			n++;
		if (n > best && n > 1) {
			best = n;
			*first = i;
		}
	}
	return best;
}

// Groups of hexadecimal digits only: the line's grammar knows no dotted tail for a mapped address.
static void put_address6(struct writer *w, const struct ip_address *address)
{
	unsigned int first = 8;
	unsigned int zeros;
	uint16_t groups[8];

	for (unsigned int i = 0; i < 8; i++)
		groups[i] = be16_to_host(be16_load(address->bytes + i * 2));
	zeros = longest_zeros(groups, &first);
	for (unsigned int i = 0; i < 8; i++) {
		if (zeros > 0 && i == first) {
			put_text(w, "::");
			i += zeros - 1;
			continue;
		}
		if (i > 0 && i != first + zeros)
			put_text(w, ":");
		put_number(w, groups[i], 16);
	}
}

static void put_address4(struct writer *w, const struct ip_address *address)
{
	for (unsigned int i = 12; i < 16; i++) {
		if (i > 12)
			put_text(w, ".");
		put_number(w, address->bytes[i], 10);
	}
}

static void put_line(struct writer *w, const struct flow_key *key, bool v4)
{
	void (*put_address)(struct writer *, const struct ip_address *) =
		v4 ? put_address4 : put_address6;

	if (!key || key->protocol != IPPROTO_TCP) {
		put_text(w, "PROXY UNKNOWN\r\n");
		return;
	}
	put_text(w, v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
	put_address(w, &key->source);
	put_text(w, " ");
	put_address(w, &key->destination);
	put_text(w, " ");
	put_number(w, be16_to_host(key->source_port), 10);
	put_text(w, " ");
	put_number(w, be16_to_host(key->destination_port), 10);
	put_text(w, "\r\n");
}

static void put_block(struct writer *w, const struct flow_key *key, bool v4)
{
	size_t skip = v4 ? 12 : 0;
	uint8_t transport =
		key && key->protocol == IPPROTO_UDP ? TRANSPORT_DGRAM : TRANSPORT_STREAM;
	uint8_t fixed[4] = {VERSION_2 << 4 | COMMAND_LOCAL};

	if (key) {
		fixed[0] = VERSION_2 << 4 | COMMAND_PROXY;
		fixed[1] = (uint8_t)((v4 ? FAMILY_INET : FAMILY_INET6) << 4 | transport);
		fixed[3] = v4 ? ADDRESSES_INET : ADDRESSES_INET6;
	}
	put_bytes(w, block_signature, BLOCK_SIGNATURE);
	put_bytes(w, fixed, sizeof(fixed));
	if (!key)
		return;
	put_bytes(w, key->source.bytes + skip, 16 - skip);
	put_bytes(w, key->destination.bytes + skip, 16 - skip);
	put_bytes(w, &key->source_port, 2);
	put_bytes(w, &key->destination_port, 2);
}

size_t proxy_protocol_write(
	unsigned int version, const struct flow_key *key, uint8_t out[PROXY_PROTOCOL_WRITE_MAX])
{
	bool v4 = key && ip_address_is_v4(&key->source) && ip_address_is_v4(&key->destination);
	struct writer w = {.p = out};

	if (version == 1)
		put_line(&w, key, v4);
	else
		put_block(&w, key, v4);
	return (size_t)(w.p - out);
}

size_t proxy_protocol_length(unsigned int version, const struct flow_key *key)
{
	uint8_t scratch[PROXY_PROTOCOL_WRITE_MAX];

	return proxy_protocol_write(version, key, scratch);
}
