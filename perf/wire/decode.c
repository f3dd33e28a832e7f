// SPDX-License-Identifier: BSD-3-Clause

// JSON of a feed into structs: members in any order, unknown ones passed over, strict otherwise.
// The text is what the WebSocket reader gave, so its UTF-8 is judged already; what follows it may
// be read (NX_READ_PADDING).

#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct cursor {
	const char *p;
	const char *end;
	bool failed;
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

// A string without escapes, which names and symbols are.
static struct cursor string_take(struct cursor *c)
{
	struct cursor text;

	need(c, '"');
	text.p = c->p;
	while (c->p < c->end && *c->p != '"' && *c->p != '\\' && (unsigned char)*c->p >= 0x20)
		c->p++;
	text.end = c->p;
	need(c, '"');
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
	uint64_t value;

	skip_space(c);
	value = digits_take(c, 0, &count);
	if (count == 0 || count > 19)
		c->failed = true;
	return value;
}

static double slow_number(struct cursor *c, const char *from)
{
	char text[64] = "", *end;
	size_t n = (size_t)(c->end - from);
	double value;

	memcpy(text, from, n < sizeof(text) - 1 ? n : sizeof(text) - 1);
	value = strtod(text, &end);
	c->failed |= end == text;
	c->p = from + (end - text);
	return value;
}

// Exact by one division when digits and power of ten are both exact in a double (Clinger).
static double number_take(struct cursor *c)
{
	static const double powers[] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	unsigned int before, after = 0;
	const char *from;
	bool is_negative;
	uint64_t value;

	if (c->p < c->end && (unsigned char)*c->p <= ' ')
		skip_space(c);
	from = c->p;
	is_negative = c->p < c->end && *c->p == '-';
	c->p += is_negative;
	value = digits_take(c, 0, &before);
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		value = digits_take(c, value, &after);
	}
	if (before == 0 || before + after > 15 || (c->p < c->end && (*c->p | 32) == 'e'))
		return slow_number(c, from);
	return (is_negative ? -(double)value : (double)value) / powers[after];
}

static void symbol_take(struct cursor *c, char symbol[16])
{
	struct cursor text = string_take(c);
	size_t n = (size_t)(text.end - text.p);

	c->failed |= n > 15;
	memcpy(symbol, text.p, n < 15 ? n : 15);
	symbol[n < 15 ? n : 15] = 0;
}

static bool is_name(const struct cursor *name, const char *wanted, size_t n)
{
	return (size_t)(name->end - name->p) == n && memcmp(name->p, wanted, n) == 0;
}

// A value of no interest.
static void value_skip(struct cursor *c)
{
	unsigned int depth = 0;

	do {
		skip_space(c);
		if (c->p == c->end)
			break;
		if (*c->p == '"') {
			string_take(c);
		} else if (*c->p == '{' || *c->p == '[') {
			depth++;
			c->p++;
		} else if (*c->p == '}' || *c->p == ']') {
			depth--;
			c->p++;
		} else {
			c->p++;
		}
	} while (depth > 0 || (c->p < c->end && *c->p != ',' && *c->p != '}'));
}

bool quote_decode(const char *text, size_t length, struct quote *quote)
{
	struct cursor c = {text, text + length, false};

	need(&c, '{');
	do {
		struct cursor name = string_take(&c);

		need(&c, ':');
		if (is_name(&name, "s", 1))
			symbol_take(&c, quote->symbol);
		else if (is_name(&name, "b", 1))
			quote->bid = number_take(&c);
		else if (is_name(&name, "a", 1))
			quote->ask = number_take(&c);
		else if (is_name(&name, "bs", 2))
			quote->bid_size = number_take(&c);
		else if (is_name(&name, "as", 2))
			quote->ask_size = number_take(&c);
		else if (is_name(&name, "t", 1))
			quote->time = integer_take(&c);
		else
			value_skip(&c);
	} while (!c.failed && take(&c, ','));
	need(&c, '}');
	return !c.failed;
}

static unsigned int levels_take(struct cursor *c, double levels[LEVELS][2])
{
	unsigned int n = 0;

	need(c, '[');
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
	struct cursor c = {text, text + length, false};

	need(&c, '{');
	do {
		struct cursor name = string_take(&c);

		need(&c, ':');
		if (is_name(&name, "s", 1))
			symbol_take(&c, order->symbol);
		else if (is_name(&name, "bids", 4))
			order->bid_count = levels_take(&c, order->bids);
		else if (is_name(&name, "asks", 4))
			order->ask_count = levels_take(&c, order->asks);
		else if (is_name(&name, "t", 1))
			order->time = integer_take(&c);
		else if (is_name(&name, "u", 1))
			order->update = integer_take(&c);
		else
			value_skip(&c);
	} while (!c.failed && take(&c, ','));
	need(&c, '}');
	return !c.failed;
}
