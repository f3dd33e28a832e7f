// SPDX-License-Identifier: BSD-3-Clause

// JSON of a feed into structs: members in any order, unknown ones passed over, and every text
// refused that RFC 8259 does not allow. A struct's own members must be there, its numbers may have
// 63 characters, and values that are passed over may nest DEPTH deep (RFC 8259, 9).
// The text is what the WebSocket reader gave, so its UTF-8 is judged already.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
	DEPTH = 64,
	UNESCAPED = 16 // longer than any name and symbol of interest
};

struct cursor {
	const char *p;
	const char *end;
	bool failed;
	char unescaped[UNESCAPED]; // what string_take gave, where the text has escapes
};

struct slice {
	const char *p;
	const char *end;
};

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t' || *c->p == '\r'))
		c->p++;
}

static inline bool take(struct cursor *c, char wanted)
{
	if (c->p < c->end && *c->p == wanted) {
		c->p++;
		return true;
	}
	skip_space(c);
	if (c->p < c->end && *c->p == wanted) {
		c->p++;
		return true;
	}
	return false;
}

static inline void need(struct cursor *c, char wanted)
{
	if (!take(c, wanted))
		c->failed = true;
}

// Nothing but white space stands behind the value.
static inline void need_end(struct cursor *c)
{
	skip_space(c);
	c->failed |= c->p != c->end;
}

static unsigned int hex_take(struct cursor *c)
{
	unsigned int value = 0;

	for (int i = 0; i < 4; i++, c->p++) {
		char digit = c->p < c->end ? *c->p : 0;
		char letter = (char)(digit | 32);

		if (digit >= '0' && digit <= '9') {
			value = value << 4 | (unsigned int)(digit - '0');
		} else if (letter >= 'a' && letter <= 'f') {
			value = value << 4 | (unsigned int)(letter - 'a' + 10);
		} else {
			c->failed = true;
			break;
		}
	}
	return value;
}

// Behind "\u": a code point, of two escapes where the first is half of one (RFC 8259, 7).
static unsigned int code_point_take(struct cursor *c)
{
	unsigned int high = hex_take(c), low;

	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || c->end - c->p < 2 || c->p[0] != '\\' || c->p[1] != 'u') {
		c->failed = true;
		return 0;
	}
	c->p += 2;
	low = hex_take(c);
	c->failed |= low < 0xdc00 || low > 0xdfff;
	return 0x10000 + ((high - 0xd800) << 10 | (low & 0x3ff));
}

static size_t utf8_write(char *to, unsigned int point)
{
	if (point < 0x80) {
		to[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		to[0] = (char)(0xc0 | point >> 6);
		to[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		to[0] = (char)(0xe0 | point >> 12);
		to[1] = (char)(0x80 | (point >> 6 & 0x3f));
		to[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	to[0] = (char)(0xf0 | point >> 18);
	to[1] = (char)(0x80 | (point >> 12 & 0x3f));
	to[2] = (char)(0x80 | (point >> 6 & 0x3f));
	to[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

// One character, or what an escape stands for; its length.
static size_t character_take(struct cursor *c, char to[4])
{
	static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (*c->p != '\\') {
		to[0] = *c->p++;
		return 1;
	}
	c->p++;
	if (c->p < c->end && *c->p == 'u') {
		c->p++;
		return utf8_write(to, code_point_take(c));
	}
	name = c->p < c->end && *c->p != 0 ? strchr(names, *c->p) : NULL;
	if (name == NULL) {
		c->failed = true;
		return 0;
	}
	c->p++;
	to[0] = meant[name - names];
	return 1;
}

// From its first escape on, the string that begins at `from`. What does not fit ends it early, at a
// length that nothing of interest has.
__attribute__((cold, noinline)) static struct slice escaped_take(struct cursor *c, const char *from)
{
	size_t length = 0;

	c->p = from;
	while (!c->failed && c->p < c->end && *c->p != '"' && (unsigned char)*c->p >= 0x20) {
		char one[4];
		size_t n = character_take(c, one);

		for (size_t i = 0; i < n && length < UNESCAPED; i++)
			c->unescaped[length++] = one[i];
	}
	return (struct slice){c->unescaped, c->unescaped + length};
}

static inline struct slice string_take(struct cursor *c)
{
	struct slice text;

	need(c, '"');
	text.p = c->p;
	while (c->p < c->end && *c->p != '"' && *c->p != '\\' && (unsigned char)*c->p >= 0x20)
		c->p++;
	text.end = c->p;
	if (c->p < c->end && *c->p == '\\')
		text = escaped_take(c, text.p);
	if (c->p < c->end && *c->p == '"')
		c->p++;
	else
		c->failed = true;
	return text;
}

static uint64_t digits_take(struct cursor *c, uint64_t value, unsigned int *count)
{
	const char *from = c->p;

	while (c->p < c->end && (unsigned char)(*c->p - '0') < 10)
		value = value * 10 + (unsigned char)(*c->p++ - '0');
	*count = (unsigned int)(c->p - from);
	return value;
}

static uint64_t integer_take(struct cursor *c)
{
	unsigned int count;
	const char *from;
	uint64_t value;

	skip_space(c);
	from = c->p;
	value = digits_take(c, 0, &count);
	if (count == 0 || count > 19 || (*from == '0' && count > 1))
		c->failed = true;
	return value;
}

static void digits_need(struct cursor *c)
{
	unsigned int count;

	digits_take(c, 0, &count);
	c->failed |= count == 0;
}

// A number's text (RFC 8259, 6).
static struct slice number_skip(struct cursor *c)
{
	struct slice text = {c->p, c->p};

	if (c->p < c->end && *c->p == '-')
		c->p++;
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else
		digits_need(c);
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		digits_need(c);
	}
	if (c->p < c->end && (*c->p | 32) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		digits_need(c);
	}
	text.end = c->p;
	return text;
}

static double slow_number(struct cursor *c, const char *from)
{
	struct slice text;
	char copy[64];
	double value;
	size_t n;

	c->p = from;
	text = number_skip(c);
	n = (size_t)(text.end - text.p);
	if (c->failed || n >= sizeof(copy)) {
		c->failed = true;
		return 0;
	}
	memcpy(copy, text.p, n);
	copy[n] = 0;
	value = strtod(copy, NULL);
	c->failed |= isinf(value);
	return value;
}

// Exact by one division when digits and power of ten are both exact in a double (Clinger).
static double number_take(struct cursor *c)
{
	static const double powers[] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	unsigned int before, after = 0;
	const char *from, *digits;
	bool is_negative;
	uint64_t value;

	if (c->p < c->end && (unsigned char)*c->p <= ' ')
		skip_space(c);
	from = c->p;
	is_negative = c->p < c->end && *c->p == '-';
	c->p += is_negative;
	digits = c->p;
	value = digits_take(c, 0, &before);
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		value = digits_take(c, value, &after);
		if (after == 0)
			return slow_number(c, from);
	}
	// What is not a number is for the slow way to say.
	if (before == 0 || before + after > 15 || (*digits == '0' && before > 1) ||
		(c->p < c->end && (*c->p | 32) == 'e'))
		return slow_number(c, from);
	return (is_negative ? -(double)value : (double)value) / powers[after];
}

static void symbol_take(struct cursor *c, char symbol[16])
{
	struct slice text = string_take(c);
	size_t n = (size_t)(text.end - text.p);

	c->failed |= n > 15;
	memcpy(symbol, text.p, n < 15 ? n : 15);
	symbol[n < 15 ? n : 15] = 0;
}

static bool is_name(const struct slice *name, const char *wanted, size_t n)
{
	return (size_t)(name->end - name->p) == n && memcmp(name->p, wanted, n) == 0;
}

static void literal_skip(struct cursor *c, const char *literal)
{
	size_t n = strlen(literal);

	if ((size_t)(c->end - c->p) < n || memcmp(c->p, literal, n) != 0)
		c->failed = true;
	else
		c->p += n;
}

static void scalar_skip(struct cursor *c)
{
	switch (c->p < c->end ? *c->p : 0) {
	case '"':
		string_take(c);
		break;
	case 't':
		literal_skip(c, "true");
		break;
	case 'f':
		literal_skip(c, "false");
		break;
	case 'n':
		literal_skip(c, "null");
		break;
	default:
		number_skip(c);
	}
}

static void name_skip(struct cursor *c)
{
	string_take(c);
	need(c, ':');
}

// A value of no interest. Bit 0 of `objects` says that the innermost container is an object,
// bit 1 the one around it, and so on.
static void value_skip(struct cursor *c)
{
	unsigned int depth = 0;
	uint64_t objects = 0;

	while (!c->failed) {
		bool is_object = take(c, '{');

		if (is_object || take(c, '[')) {
			if (depth == DEPTH) {
				c->failed = true;
				break;
			}
			objects = objects << 1 | is_object;
			depth++;
			if (!take(c, is_object ? '}' : ']')) {
				if (is_object)
					name_skip(c);
				continue;
			}
			objects >>= 1;
			depth--;
		} else {
			scalar_skip(c);
		}
		// What was read may have been the last of what holds it.
		while (depth > 0 && !take(c, ',')) {
			need(c, objects & 1 ? '}' : ']');
			objects >>= 1;
			depth--;
		}
		if (depth == 0)
			break;
		if (objects & 1)
			name_skip(c);
	}
}

bool quote_decode(const char *text, size_t length, struct quote *quote)
{
	struct cursor c = {.p = text, .end = text + length};
	unsigned int seen = 0;

	need(&c, '{');
	do {
		struct slice name = string_take(&c);

		need(&c, ':');
		if (is_name(&name, "s", 1)) {
			symbol_take(&c, quote->symbol);
			seen |= 1;
		} else if (is_name(&name, "b", 1)) {
			quote->bid = number_take(&c);
			seen |= 2;
		} else if (is_name(&name, "a", 1)) {
			quote->ask = number_take(&c);
			seen |= 4;
		} else if (is_name(&name, "bs", 2)) {
			quote->bid_size = number_take(&c);
			seen |= 8;
		} else if (is_name(&name, "as", 2)) {
			quote->ask_size = number_take(&c);
			seen |= 16;
		} else if (is_name(&name, "t", 1)) {
			quote->time = integer_take(&c);
			seen |= 32;
		} else {
			value_skip(&c);
		}
	} while (!c.failed && take(&c, ','));
	need(&c, '}');
	need_end(&c);
	return !c.failed && seen == 63;
}

static unsigned int levels_take(struct cursor *c, double levels[LEVELS][2])
{
	unsigned int n = 0;

	need(c, '[');
	if (take(c, ']'))
		return 0;
	do {
		need(c, '[');
		levels[n][0] = number_take(c);
		need(c, ',');
		levels[n][1] = number_take(c);
		need(c, ']');
		n++;
	} while (!c->failed && n < LEVELS && take(c, ','));
	need(c, ']');
	return n;
}

bool order_decode(const char *text, size_t length, struct order *order)
{
	struct cursor c = {.p = text, .end = text + length};
	unsigned int seen = 0;

	need(&c, '{');
	do {
		struct slice name = string_take(&c);

		need(&c, ':');
		if (is_name(&name, "s", 1)) {
			symbol_take(&c, order->symbol);
			seen |= 1;
		} else if (is_name(&name, "bids", 4)) {
			order->bid_count = levels_take(&c, order->bids);
			seen |= 2;
		} else if (is_name(&name, "asks", 4)) {
			order->ask_count = levels_take(&c, order->asks);
			seen |= 4;
		} else if (is_name(&name, "t", 1)) {
			order->time = integer_take(&c);
			seen |= 8;
		} else if (is_name(&name, "u", 1)) {
			order->update = integer_take(&c);
			seen |= 16;
		} else {
			value_skip(&c);
		}
	} while (!c.failed && take(&c, ','));
	need(&c, '}');
	need_end(&c);
	return !c.failed && seen == 31;
}
