// SPDX-License-Identifier: BSD-3-Clause
#include "config/values.h"

// Reads digits at *p as a number of at most `maximum`; false if there is none or it is larger.
static bool take_number(const char **p, uint32_t maximum, uint32_t *out)
{
	uint64_t value = 0;
	const char *at = *p;

	for (; *at >= '0' && *at <= '9'; at++) {
		value = value * 10 + (uint64_t)(*at - '0');
		if (value > maximum)
			return false;
	}
	if (at == *p)
		return false;
	*p = at;
	*out = (uint32_t)value;
	return true;
}

const char *value_cpus(const char *text, struct config_cpus *out)
{
	static const char form[] = "is not a list of CPUs" HINT "write \"0\", \"1-3\" or \"1,3-5\"";
	struct config_cpus cpus = {0};
	const char *p = text;

	for (;;) {
		uint32_t first;
		uint32_t last;

		if (!take_number(&p, INT16_MAX, &first))
			return form;
		last = first;
		if (*p == '-') {
			p++;
			if (!take_number(&p, INT16_MAX, &last) || last < first)
				return form;
		}
		if (last - first >= MAX_WORKERS - cpus.count)
			return "names more than 64 CPUs" HINT "name fewer";
		for (uint32_t cpu = first; cpu <= last; cpu++)
			cpus.items[cpus.count++] = (int16_t)cpu;
		if (*p == '\0')
			break;
		if (*p++ != ',')
			return form;
	}
	*out = cpus;
	return NULL;
}

static const char *port_range(const char *text, unsigned flags, struct config_endpoint *out)
{
	const char *p = text;
	uint32_t first;
	uint32_t last;

	if (!take_number(&p, 65535, &first) || first == 0)
		return "has no port between 1 and 65535" HINT "write ADDR:PORT";
	last = first;
	if (*p == '-' && (flags & ENDPOINT_RANGE)) {
		p++;
		if (!take_number(&p, 65535, &last))
			return "has a range that does not end between 1 and 65535" HINT
			       "write FIRST-LAST";
		if (last < first)
			return "has a range that ends before it begins" HINT "write FIRST-LAST";
	}
	if (*p != '\0')
		return flags & ENDPOINT_RANGE ? "has something behind its port" HINT
						"write ADDR:PORT or ADDR:FIRST-LAST"
					      : "has something behind its port" HINT
						"write ADDR:PORT";
	out->port_first = (uint16_t)first;
	out->port_last = (uint16_t)last;
	return NULL;
}

// Splits HOST:PORT, [HOST]:PORT; port is NULL where there is none. host is at most size - 1 bytes.
static bool endpoint_split(const char *text, char *host, size_t size, const char **port)
{
	const char *end;

	if (text[0] == '[') {
		end = strchr(text, ']');
		text++;
		if (!end || (end[1] != ':' && end[1] != '\0'))
			return false;
		*port = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strrchr(text, ':');
		// Two colons without brackets: an IPv6 address alone.
		if (end && memchr(text, ':', (size_t)(end - text)))
			end = NULL;
		*port = end ? end + 1 : NULL;
		if (!end)
			end = text + strlen(text);
	}
	if ((size_t)(end - text) >= size)
		return false;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	return true;
}

const char *value_endpoint(const char *text, unsigned flags, struct config_endpoint *out)
{
	struct config_endpoint endpoint = {0};
	char host[IP_ADDRESS_TEXT_MAX];
	const char *port;
	const char *wrong = NULL;

	if (!endpoint_split(text, host, sizeof(host), &port))
		return "is not ADDR:PORT" HINT "write 10.0.0.1:80 or [fd00::1]:80";
	if (strcmp(host, "*") == 0 && (flags & ENDPOINT_WILDCARD))
		endpoint.any = true;
	else if (!ip_address_parse(host, &endpoint.address))
		return flags & ENDPOINT_WILDCARD ? "does not begin with an address" HINT
						   "write 10.0.0.1:80, [fd00::1]:80 or *:80"
						 : "does not begin with an address" HINT
						   "write 10.0.0.1:80 or [fd00::1]:80";
	else if (text[0] != '[' && port && !ip_address_is_v4(&endpoint.address))
		return "has an IPv6 address without brackets" HINT "write [fd00::1]:80";
	if (port)
		wrong = port_range(port, flags, &endpoint);
	else if (!(flags & ENDPOINT_PORTLESS))
		wrong = "has no port" HINT "write 10.0.0.1:80 or [fd00::1]:80";
	if (wrong)
		return wrong;
	*out = endpoint;
	return NULL;
}

struct unit_suffix {
	const char *suffix;
	enum schema_unit unit;
	uint64_t numerator; // value * numerator / denominator is in the key's unit
	uint64_t denominator;
};

static const struct unit_suffix unit_suffixes[] = {
	{"ms", UNIT_SECONDS, 1, 1000},
	{"s", UNIT_SECONDS, 1, 1},
	{"min", UNIT_SECONDS, 60, 1},
	{"h", UNIT_SECONDS, 3600, 1},
	{"d", UNIT_SECONDS, 86400, 1},
	{"B", UNIT_MEBIBYTES, 1, 1 << 20},
	{"KiB", UNIT_MEBIBYTES, 1, 1 << 10},
	{"MiB", UNIT_MEBIBYTES, 1, 1},
	{"GiB", UNIT_MEBIBYTES, 1 << 10, 1},
	{"TiB", UNIT_MEBIBYTES, 1 << 20, 1},
	{"B", UNIT_BYTES, 1, 1},
	{"KiB", UNIT_BYTES, 1 << 10, 1},
	{"MiB", UNIT_BYTES, 1 << 20, 1},
	{"GiB", UNIT_BYTES, 1 << 30, 1},
	{"us", UNIT_MICROSECONDS, 1, 1},
	{"ms", UNIT_MICROSECONDS, 1000, 1},
	{"s", UNIT_MICROSECONDS, 1000000, 1},
	{"bit/s", UNIT_BITS_PER_SECOND, 1, 1},
	{"kbit/s", UNIT_BITS_PER_SECOND, 1000, 1},
	{"Mbit/s", UNIT_BITS_PER_SECOND, 1000000, 1},
	{"Gbit/s", UNIT_BITS_PER_SECOND, 1000000000, 1},
	{"%", UNIT_SHARE, 10000000, 1},
	{"ppm", UNIT_SHARE, 1000, 1},
};

static const struct unit_suffix *unit_find(const char *suffix, enum schema_unit unit)
{
	for (size_t i = 0; i < nx_array_size(unit_suffixes); i++)
		if (unit_suffixes[i].unit == unit && strcmp(unit_suffixes[i].suffix, suffix) == 0)
			return &unit_suffixes[i];
	return NULL;
}

static const char *unit_hint(enum schema_unit unit)
{
	switch (unit) {
	case UNIT_SECONDS:
		return "has no unit of time" HINT
		       "write ms, s, min, h or d behind the number, as in \"30s\"";
	case UNIT_MEBIBYTES:
		return "has no unit of size" HINT
		       "write KiB, MiB, GiB or TiB behind the number, as in \"512MiB\"";
	case UNIT_BYTES:
		return "has no unit of size" HINT
		       "write B, KiB, MiB or GiB behind the number, as in \"9000B\"";
	case UNIT_MICROSECONDS:
		return "has no unit of time" HINT
		       "write us, ms or s behind the number, as in \"20ms\"";
	case UNIT_BITS_PER_SECOND:
		return "has no unit of rate" HINT
		       "write bit/s, kbit/s, Mbit/s or Gbit/s behind the number, as in "
		       "\"100Mbit/s\"";
	case UNIT_SHARE:
		return "has no unit of a share" HINT
		       "write % or ppm behind the number, as in \"0.1%\"";
	case UNIT_NONE:
		break;
	}
	return "is not a number" HINT "write an integer without quotes";
}

const char *value_quantity(const char *text, enum schema_unit unit, uint64_t *out)
{
	uint64_t whole = 0;
	uint64_t scale = 1;
	bool fraction = false;
	const char *p = text;

	for (; (*p >= '0' && *p <= '9') || (*p == '.' && !fraction && p > text); p++) {
		if (*p == '.') {
			fraction = true;
			continue;
		}
		whole = whole * 10 + (uint64_t)(*p - '0');
		scale *= fraction ? 10 : 1;
		// Enough for every range of the schema, and no product below can overflow.
		if (whole > UINT32_MAX || scale > 1000000)
			return "is beyond any range" HINT "write a smaller number";
	}
	if (p == text || p[-1] == '.')
		return "does not begin with a number" HINT
		       "write a number and a unit, as in \"30s\"";
	while (*p == ' ')
		p++;

	const struct unit_suffix *suffix = unit_find(p, unit);

	if (!suffix)
		return unit_hint(unit);
	if (whole * suffix->numerator % (suffix->denominator * scale) != 0)
		return "is not a whole number in the key's unit" HINT "round it";
	*out = whole * suffix->numerator / (suffix->denominator * scale);
	return NULL;
}

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool value_is_name(const char *text)
{
	if (text[0] == '-' || text[0] == '.' || text[0] == '\0')
		return false;
	for (; *text; text++)
		if (!is_alphanumeric(*text) && !strchr("-_.", *text))
			return false;
	return true;
}

bool value_is_host(const char *text)
{
	size_t label = 0;
	bool letters = false;

	if (strlen(text) > 253)
		return false;
	for (const char *p = text;; p++) {
		if (*p == '.' || *p == '\0') {
			if ((label == 0 && (*p || p == text)) || label > 63 ||
				(p > text && p[-1] == '-'))
				return false;
			if (*p == '\0')
				break;
			label = 0;
			letters = letters && p[1] == '\0';
			continue;
		}
		if (!is_alphanumeric(*p) && *p != '_' && (*p != '-' || label == 0))
			return false;
		letters = letters || *p < '0' || *p > '9';
		label++;
	}
	// A last label of digits only would be a mistyped address.
	return letters;
}

static const char *target_options(const char *p, struct config_target *target)
{
	static const char form[] =
		"has something else than weight=N or drained behind its port" HINT
		"write HOST:PORT weight=2";
	bool weighted = false;

	while (*p) {
		uint32_t weight;

		while (*p == ' ')
			p++;
		if (strncmp(p, "weight=", 7) == 0 && !weighted) {
			p += 7;
			if (!take_number(&p, 256, &weight) || weight == 0)
				return "has a weight that is not between 1 and 256" HINT
				       "write weight=1 to weight=256";
			target->weight = (uint16_t)weight;
			weighted = true;
		} else if (strncmp(p, "drained", 7) == 0 && !target->drained) {
			p += 7;
			target->drained = true;
		} else {
			return form;
		}
		if (*p != ' ' && *p != '\0')
			return form;
	}
	return NULL;
}

// The HOST:PORT part in `key`.
static const char *target_address(
	const char *key, struct arena *arena, struct config_target *out, bool *out_of_memory)
{
	struct config_endpoint endpoint;
	char host[256];
	const char *port;
	const char *wrong;

	if (!endpoint_split(key, host, sizeof(host), &port) || !port)
		return "is not HOST:PORT" HINT "write 10.0.0.1:80, [fd00::1]:80 or app.example:80";
	wrong = port_range(port, 0, &endpoint);
	if (wrong)
		return wrong;
	out->is_name = !ip_address_parse(host, &out->address);
	if (out->is_name && (key[0] == '[' || !value_is_host(host)))
		return "names neither an address nor a host" HINT
		       "write 10.0.0.1:80, [fd00::1]:80 or app.example:80";
	out->port = endpoint.port_first;
	out->host = arena_copy(arena, host, strlen(host));
	if (!out->host)
		*out_of_memory = true;
	return NULL;
}

const char *value_target(
	const char *text, struct arena *arena, struct config_target *out, bool *out_of_memory)
{
	struct config_target target = {.weight = 1};
	size_t length = strcspn(text, " ");
	const char *wrong;
	char *key;

	if (strlen(text) >= sizeof(((struct snapshot_target *)NULL)->text))
		return "is longer than 127 characters" HINT "use a shorter name";
	target.text = arena_copy(arena, text, strlen(text));
	key = arena_copy(arena, text, length);
	if (!target.text || !key) {
		*out_of_memory = true;
		return NULL;
	}
	target.key = key;
	wrong = target_address(key, arena, &target, out_of_memory);
	if (!wrong)
		wrong = target_options(text + length, &target);
	if (!wrong)
		*out = target;
	return wrong;
}

const char *value_prefix(const char *text, struct ip_prefix *out)
{
	struct ip_prefix prefix;

	if (!strchr(text, '/'))
		return "has no length" HINT "write ADDR/LENGTH, as in 10.0.0.2/24";
	if (!ip_prefix_parse(text, &prefix))
		return "is not ADDR/LENGTH" HINT "write it like 10.0.0.2/24 or fd00::2/64";
	*out = prefix;
	return NULL;
}
