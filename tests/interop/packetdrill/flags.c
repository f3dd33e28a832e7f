// SPDX-License-Identifier: BSD-3-Clause
// What --so_flags says: NAME=VALUE,... The runner makes it from a script's sysctl lines.
#include <strings.h>

#include "stack.h"

struct flag {
	const char *name;
	void (*set)(struct stack *stack, uint32_t value);
};

static void profile_flag(struct stack *s, uint32_t flag, bool on)
{
	s->profile.flags = on ? s->profile.flags | flag : s->profile.flags & ~flag;
}

static void set_timestamps(struct stack *s, uint32_t value)
{
	profile_flag(s, TCP_NO_TIMESTAMPS, value == 0);
}

static void set_sack(struct stack *s, uint32_t value)
{
	profile_flag(s, TCP_NO_SACK, value == 0);
}

static void set_scale(struct stack *s, uint32_t value)
{
	profile_flag(s, TCP_NO_WINDOW_SCALE, value == 0);
}

static void set_ecn(struct stack *s, uint32_t value)
{
	profile_flag(s, TCP_ECN, value != 0);
	s->ecn_only_answers = value == 2;
}

static void set_mtu(struct stack *s, uint32_t value)
{
	s->profile.mtu = (uint16_t)value;
}

static void set_retries_syn(struct stack *s, uint32_t value)
{
	s->profile.retries_syn = (uint8_t)value;
}

static void set_receive_memory(struct stack *s, uint32_t value)
{
	s->profile.receive_memory = value;
}

static void set_send_memory(struct stack *s, uint32_t value)
{
	s->profile.send_memory = value;
}

static const struct flag flags[] = {
	{"timestamps", set_timestamps},
	{"sack", set_sack},
	{"scale", set_scale},
	{"ecn", set_ecn},
	{"mtu", set_mtu},
	{"retries_syn", set_retries_syn},
	{"receive_memory", set_receive_memory},
	{"send_memory", set_send_memory},
};

static bool flag_set(struct stack *s, const char *name, const char *value)
{
	char *end;
	unsigned long number;

	if (strcmp(name, "local4") == 0)
		return ip_address_parse(value, &s->local4);
	if (strcmp(name, "local6") == 0)
		return ip_address_parse(value, &s->local6);
	number = strtoul(value, &end, 10);
	if (*value == '\0' || *end != '\0' || number > UINT32_MAX)
		return false;
	for (size_t i = 0; i < nx_array_size(flags); i++)
		if (strcmp(name, flags[i].name) == 0) {
			flags[i].set(s, (uint32_t)number);
			return true;
		}
	return false;
}

bool stack_flags_read(struct stack *s, const char *text)
{
	char *copy = strdup(text ? text : "");
	char *rest = copy;
	char *word;
	bool good = true;

	nx_bug_on(copy == NULL);
	// As Linux behaves where a script says nothing else.
	s->profile = (struct tcp_profile){.flags = TCP_NAGLE,
		.receive_memory = 15u << 20,
		.send_memory = 4u << 20,
		.retries_syn = 5};
	nx_bug_on(!ip_address_parse("192.168.0.1", &s->local4));
	nx_bug_on(!ip_address_parse("fd3d:a0b:17d6::1", &s->local6));
	while (good && (word = strsep(&rest, ",")) != NULL) {
		char *value = strchr(word, '=');

		if (*word == '\0')
			continue;
		if (value)
			*value++ = '\0';
		good = value && flag_set(s, word, value);
		if (!good)
			fprintf(stderr,
				"nexpath-packetdrill: --so_flags: %s: no such flag or value\n",
				word);
	}
	free(copy);
	return good;
}
