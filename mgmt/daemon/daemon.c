// SPDX-License-Identifier: BSD-3-Clause

#include "daemon/daemon.h"

#include <stdarg.h>
#include <time.h>

#include "daemon/events/feed.h"
#include "daemon/events/log.h"

double daemon_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void daemon_event(struct daemon *daemon, enum event_kind kind, const char *format, ...)
{
	static const enum log_level LEVELS[] = {
		[EVENT_INFO] = LOG_LEVEL_INFO,
		[EVENT_WARNING] = LOG_LEVEL_WARNING,
		[EVENT_ERROR] = LOG_LEVEL_ERROR,
	};
	char message[1024];
	va_list arguments;
	enum log_level level = LEVELS[event_kind_severity(kind)];
	const char *hint = event_kind_hint(kind);

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	event_store_add(&daemon->events, kind, daemon_time(), message);
	if (log_is_on(level))
		log_object(level, message,
			hint[0] != '\0' ? json_pack("{s:s, s:s}", "event", event_kind_name(kind),
						  "hint", hint)
					: json_pack("{s:s}", "event", event_kind_name(kind)));
	feed_pump(daemon->feed);
}

void daemon_stop(struct daemon *daemon, int status)
{
	// Time for the answer that said so to reach its client.
	const struct timeval soon = {.tv_usec = 100000};

	daemon->stopping = true;
	daemon->exit_status = status;
	event_base_loopexit(daemon->base, &soon);
}

void daemon_drain(struct daemon *daemon)
{
	uint32_t seconds = daemon->config != NULL ? daemon->config->workers.drain_s : 0;
	const struct timeval limit = {.tv_sec = seconds};

	daemon->stopping = true;
	daemon_event(daemon, EVENT_KIND_STOPPING, "no new sessions; %ju may go on for %u s",
		(uintmax_t)(daemon->node != NULL ? node_sessions(daemon->node) : 0), seconds);
	if (daemon->node != NULL)
		node_drain(daemon->node);
	event_base_loopexit(daemon->base, &limit);
}

const char *endpoint_print(
	const struct ip_address *address, uint16_t port, char out[ENDPOINT_TEXT_BYTES])
{
	char text[IP_ADDRESS_TEXT_MAX];

	ip_address_print(address, text);
	if (ip_address_is_v4(address))
		snprintf(out, ENDPOINT_TEXT_BYTES, "%s:%u", text, port);
	else
		snprintf(out, ENDPOINT_TEXT_BYTES, "[%s]:%u", text, port);
	return out;
}

const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}
