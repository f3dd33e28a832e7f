// SPDX-License-Identifier: BSD-3-Clause
#include "dialogue_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void fail_here(struct dialogue *d, const char *what, const char *came)
{
	fail_msg("%s:%u (%s, peer's first sequence number %u): %s%s%s", d->path, d->number,
		d->v6 ? "IPv6" : "IPv4", d->peer_base, what, came ? ", but what came is: " : "",
		came ? came : "");
}

void fail_number(struct dialogue *d, const char *what, uint64_t got)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)got);
	fail_here(d, what, text);
}

char *word(struct dialogue *d)
{
	char *start = d->at + strspn(d->at, " \t");
	size_t length = strcspn(start, " \t");

	if (length == 0)
		return NULL;
	d->at = start + length;
	if (*d->at)
		*d->at++ = '\0';
	return start;
}

const char *need_word(struct dialogue *d)
{
	const char *next = word(d);

	if (!next)
		fail_here(d, "the line ends early", NULL);
	return next;
}

uint32_t number_of(struct dialogue *d, const char *text)
{
	char *end;
	long long value = strtoll(text, &end, 0);

	if (end == text || *end != '\0')
		fail_here(d, "no number", text);
	return (uint32_t)value;
}

uint32_t number(struct dialogue *d)
{
	return number_of(d, need_word(d));
}

// "40ms", "3s", "100us"; end is what follows.
static usec_t time_of(struct dialogue *d, const char *text, char **end)
{
	double value = strtod(text, end);

	if (strncmp(*end, "ms", 2) == 0)
		value *= 1000;
	else if (**end == 's')
		value *= 1000000;
	else if (strncmp(*end, "us", 2) != 0)
		fail_here(d, "no time in s, ms or us", text);
	*end += **end == 's' ? 1 : 2;
	return (usec_t)value;
}

usec_t time_word(struct dialogue *d)
{
	char *end;

	return time_of(d, need_word(d), &end);
}

static uint8_t flags_of(struct dialogue *d, const char *text)
{
	static const char letters[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (; *text; text++) {
		const char *letter = strchr(letters, *text);

		if (!letter)
			fail_here(d, "no flags of F S R P A U E C", text);
		flags |= (uint8_t)(1u << (letter - letters));
	}
	return flags;
}

static void read_sack(struct dialogue *d, struct segment *s, uint32_t base)
{
	char *text = (char *)(uintptr_t)need_word(d);
	char *dash = strchr(text, '-');

	if (!dash || s->sack_count == SEGMENT_SACK_MOST)
		fail_here(d, "no range FROM-TO", text);
	*dash = '\0';
	s->sack[s->sack_count++] =
		(struct segment_range){base + number_of(d, text), base + number_of(d, dash + 1)};
}

static void read_raw(struct dialogue *d, struct segment *s)
{
	const char *text = need_word(d);
	char digits[3] = {0};

	for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
		memcpy(digits, text, 2);
		if (strspn(digits, "0123456789abcdef") != 2 || s->raw_bytes == SEGMENT_RAW_MOST)
			fail_here(d, "no bytes in hexadecimal, or too many", digits);
		s->raw[s->raw_bytes++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	if (*text != '\0')
		fail_here(d, "half a byte", text);
}

static void read_after(struct dialogue *d, struct stated *out)
{
	char *end;
	const char *text = need_word(d);

	out->has_after = true;
	out->earliest = time_of(d, text, &end);
	out->latest = strncmp(end, "..", 2) == 0 ? time_of(d, end + 2, &end) : out->earliest;
}

void read_segment(struct dialogue *d, struct stated *out, uint32_t own, uint32_t other)
{
	struct segment *s = &out->segment;
	char *text;

	s->flags = flags_of(d, need_word(d));
	text = (char *)(uintptr_t)need_word(d);
	if (strchr(text, '+')) {
		s->length = number_of(d, strchr(text, '+') + 1);
		*strchr(text, '+') = '\0';
	}
	s->position = number_of(d, text) - !(s->flags & TCP_FLAG_SYN);
	s->sequence = own + number_of(d, text);
	while ((text = word(d)) != NULL) {
		if (strcmp(text, "ack") == 0)
			out->has_ack = true, s->acknowledgement = other + number(d);
		else if (strcmp(text, "win") == 0)
			out->has_window = true, s->window = (uint16_t)number(d);
		else if (strcmp(text, "mss") == 0)
			s->has_mss = true, s->mss = (uint16_t)number(d);
		else if (strcmp(text, "scale") == 0)
			s->has_scale = true, s->scale = (uint8_t)number(d);
		else if (strcmp(text, "sackable") == 0)
			s->sack_permitted = true;
		else if (strcmp(text, "ts") == 0)
			s->has_timestamps = true, s->timestamp = number(d);
		else if (strcmp(text, "echo") == 0)
			out->has_echo = true, s->timestamp_echo = number(d);
		else if (strcmp(text, "late") == 0)
			out->late = number(d);
		else if (strcmp(text, "sack") == 0)
			read_sack(d, s, other);
		else if (strcmp(text, "ecn") == 0)
			out->has_ecn = true, s->ecn = (uint8_t)number(d);
		else if (strcmp(text, "urgent") == 0)
			out->has_urgent = true, s->urgent = (uint16_t)number(d);
		else if (strcmp(text, "dscp") == 0)
			out->has_dscp = true, s->dscp = number(d) & 0x3f;
		else if (strcmp(text, "reserved") == 0)
			s->reserved = number(d) & 0xf;
		else if (strcmp(text, "hops") == 0)
			out->has_hops = true, s->hop_limit = (uint8_t)number(d);
		else if (strcmp(text, "options") == 0)
			read_raw(d, s);
		else if (strcmp(text, "kinds") == 0)
			out->has_kinds = true, read_raw(d, s);
		else if (strcmp(text, "id") == 0)
			out->has_id = true, s->packet_id = (uint16_t)number(d);
		else if (strcmp(text, "after") == 0)
			read_after(d, out);
		else
			fail_here(d, "an unknown word", text);
	}
}
