// SPDX-License-Identifier: BSD-3-Clause
#include "stack.h"

#include <netinet/in.h>
#include <poll.h>

#include "core/chain.h"
#include "pkt/parse.h"
#include "segment.h"

enum {
	TIMERS_A_TURN = 1000,
	EVENTS_A_TURN = 16,
	SETTLE_SECONDS = 2, // of real time, for the other thread to look
};

static void keep_sent(
	void *context, struct buffer *packet, const struct flow_key *key, uint32_t *way)
{
	struct stack *s = context;
	struct stack_sent *sent = &s->sent[(s->sent_first + s->sent_count) % STACK_SENT_MOST];

	(void)key;
	(void)way;
	nx_bug_on(s->sent_count == STACK_SENT_MOST);
	*sent = (struct stack_sent){.bytes = malloc(packet->total_length),
		.length = packet->total_length,
		.at = s->now};
	nx_bug_on(sent->bytes == NULL);
	chain_copy(packet, 0, packet->total_length, sent->bytes);
	s->sent_count++;
	buffer_heap_put(&buffer_heap_source, packet);
}

struct stack *stack_create(const char *flags)
{
	struct stack *s = calloc(1, sizeof(*s));
	struct tcp_engine_config config = {
		.connections = STACK_SOCKETS,
		.half_open = STACK_SOCKETS,
		.secret = "packetdrill",
		.buffers = &buffer_heap_source,
		.context = s,
		.transmit = keep_sent,
		.now = 1000 * USEC_PER_SECOND,
	};

	nx_bug_on(s == NULL);
	s->now = config.now;
	s->next_port = 40000;
	s->main_thread = pthread_self();
	nx_bug_on(pthread_mutex_init(&s->lock, NULL) != 0);
	nx_bug_on(pthread_cond_init(&s->wake, NULL) != 0);
	nx_bug_on(pthread_cond_init(&s->settled, NULL) != 0);
	if (!stack_flags_read(s, flags))
		exit(EXIT_FAILURE);
	nx_bug_on(tcp_engine_create(&config, &s->engine) != 0);
	return s;
}

void stack_destroy(struct stack *s)
{
	for (uint32_t i = 0; i < STACK_SOCKETS; i++)
		if (s->sockets[i].unread)
			buffer_heap_put(&buffer_heap_source, s->sockets[i].unread);
	tcp_engine_destroy(s->engine);
	for (; s->sent_count > 0; s->sent_count--)
		free(s->sent[s->sent_first++ % STACK_SENT_MOST].bytes);
	nx_bug_on(buffer_heap_alive() != 0);
	pthread_cond_destroy(&s->settled);
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct stack_socket *stack_socket_new(struct stack *s)
{
	for (uint32_t i = 0; i < STACK_SOCKETS; i++) {
		struct stack_socket *socket = &s->sockets[i];

		if (socket->is_used)
			continue;
		*socket = (struct stack_socket){.is_used = true,
			.blocks = true,
			.fd = -1,
			.parent = STACK_NONE,
			.connection = TCP_NONE,
			.profile = s->profile};
		stack_socket_profile(s, socket);
		return socket;
	}
	return NULL;
}

uint32_t stack_socket_number(const struct stack *s, const struct stack_socket *socket)
{
	return (uint32_t)(socket - s->sockets);
}

struct stack_socket *stack_socket_of(struct stack *s, int fd)
{
	for (uint32_t i = 0; i < STACK_SOCKETS; i++)
		if (s->sockets[i].is_used && s->sockets[i].fd == fd && fd >= 0)
			return &s->sockets[i];
	return NULL;
}

struct stack_socket *stack_socket_waiting(struct stack *s, const struct stack_socket *listener)
{
	struct stack_socket *oldest = NULL;

	for (uint32_t i = 0; i < STACK_SOCKETS; i++) {
		struct stack_socket *socket = &s->sockets[i];

		if (socket->is_used && !socket->is_accepted &&
			socket->parent == stack_socket_number(s, listener) &&
			(!oldest || socket->order < oldest->order))
			oldest = socket;
	}
	return oldest;
}

// An accepted connection keeps its listener's profile, so a change goes there.
void stack_socket_profile(struct stack *s, struct stack_socket *socket)
{
	uint32_t number =
		socket->parent == STACK_NONE ? stack_socket_number(s, socket) : socket->parent;

	if (s->engine)
		tcp_profile_set(s->engine, (uint16_t)number, &socket->profile);
}

static struct stack_socket *accepted(struct stack *s, struct stack_socket *listener, uint32_t index)
{
	struct stack_socket *socket = stack_socket_new(s);
	struct tcp_info info;

	nx_bug_on(socket == NULL);
	tcp_info_get(s->engine, index, &info);
	socket->parent = stack_socket_number(s, listener);
	socket->order = s->next_order++;
	socket->is_open = true;
	socket->family = listener->family;
	socket->connection = index;
	socket->profile = listener->profile;
	socket->local = info.key.source;
	socket->local_port = info.key.source_port;
	socket->remote = info.key.destination;
	socket->remote_port = info.key.destination_port;
	tcp_context_set(s->engine, index, stack_socket_number(s, socket));
	listener->readable_edges++;
	return socket;
}

static void event_seen(struct stack *s, const struct tcp_event *event)
{
	struct stack_socket *socket = &s->sockets[event->context];

	if (event->events & TCP_EVENT_ACCEPTED)
		socket = accepted(s, socket, event->connection);
	if (event->events & TCP_EVENT_CONNECTED) {
		socket->is_open = true;
		socket->is_connecting = false;
		socket->writable_edges++;
	}
	if (event->events & (TCP_EVENT_READABLE | TCP_EVENT_END | TCP_EVENT_FAILED))
		socket->readable_edges++;
	if (event->events & (TCP_EVENT_WRITABLE | TCP_EVENT_FAILED))
		socket->writable_edges++;
	if (event->events & TCP_EVENT_END)
		socket->has_ended = true;
	// connect() gives up at what the engine would wait out.
	if ((event->events & TCP_EVENT_FAILED) ||
		((event->events & TCP_EVENT_TROUBLE) && socket->is_connecting &&
			event->error == EHOSTUNREACH)) {
		socket->has_failed = true;
		socket->is_connecting = false;
		socket->error = event->error;
	}
}

void stack_turn(struct stack *s)
{
	struct tcp_event events[EVENTS_A_TURN];
	uint32_t n;

	tcp_timers_run(s->engine, s->now, TIMERS_A_TURN);
	while ((n = tcp_events_take(s->engine, events, EVENTS_A_TURN)) > 0)
		for (uint32_t i = 0; i < n; i++)
			event_seen(s, &events[i]);
	nx_bug_on(!tcp_flush(s->engine, s->now));
}

// The waiting thread looks whether it can go on now, before time passes.
static void settle(struct stack *s)
{
	struct timespec limit;

	if (s->caller != CALLER_WAITING || !pthread_equal(pthread_self(), s->main_thread))
		return;
	s->caller = CALLER_WOKEN;
	pthread_cond_signal(&s->wake);
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += SETTLE_SECONDS;
	while (s->caller == CALLER_WOKEN || s->caller == CALLER_RETURNED)
		if (pthread_cond_timedwait(&s->settled, &s->lock, &limit) == ETIMEDOUT)
			s->caller = CALLER_NONE;
}

bool stack_wait(struct stack *s, usec_t deadline)
{
	if (s->now >= deadline)
		return false;
	if (pthread_equal(pthread_self(), s->main_thread)) {
		usec_t next = u64_min(tcp_timers_next(s->engine), deadline);

		if (next == UINT64_MAX)
			return false;
		s->now = next > s->now ? next : s->now + 1;
		stack_turn(s);
		return true;
	}
	s->caller = CALLER_WAITING;
	s->caller_thread = pthread_self();
	s->caller_deadline = deadline;
	pthread_cond_signal(&s->settled);
	while (s->caller == CALLER_WAITING)
		pthread_cond_wait(&s->wake, &s->lock);
	return true;
}

void stack_return(struct stack *s)
{
	if (s->caller == CALLER_WOKEN && pthread_equal(pthread_self(), s->caller_thread))
		s->caller = CALLER_RETURNED;
}

void stack_clock_read(struct stack *s)
{
	if (s->caller == CALLER_RETURNED && pthread_equal(pthread_self(), s->caller_thread)) {
		s->caller = CALLER_NONE;
		pthread_cond_signal(&s->settled);
	}
}

void stack_pass(struct stack *s, usec_t until, bool until_sent)
{
	for (;;) {
		usec_t next = tcp_timers_next(s->engine);

		if (s->caller == CALLER_WAITING)
			next = u64_min(next, s->caller_deadline);
		if ((until_sent && s->sent_count > 0) || next > until)
			break;
		s->now = next > s->now ? next : s->now + 1;
		stack_turn(s);
		settle(s);
	}
	if ((!until_sent || s->sent_count == 0) && s->now < until)
		s->now = until;
}

static void input(struct stack *s, struct buffer *frame)
{
	struct packet packet = {.buffer = frame};
	struct parse_context context = {.data = buffer_data(frame),
		.contiguous = frame->length,
		.frame = frame->total_length};
	struct checksum_span span = {.data = buffer_data(frame), .length = frame->length};
	struct icmp_quote quote;

	if (packet_parse(&packet, &context) != PARSE_OK ||
		packet_checksum_verify(&packet, &span, 1, false) != PARSE_OK) {
		buffer_heap_put(&buffer_heap_source, frame);
		return;
	}
	if (packet.kind == PACKET_TCP) {
		tcp_segment_input(s->engine, &packet, s->now);
		return;
	}
	if ((packet.kind == PACKET_ICMP4 || packet.kind == PACKET_ICMP6) &&
		icmp_error_parse(&packet, frame->length, &quote) == ICMP_ERROR_PARSED)
		tcp_icmp_error(s->engine, &quote, s->now);
	buffer_heap_put(&buffer_heap_source, frame);
}

void stack_input(struct stack *s, const void *bytes, uint32_t length)
{
	struct buffer *b = buffer_heap_get(&buffer_heap_source, length);

	nx_bug_on(b == NULL);
	memcpy(buffer_data(b), bytes, length);
	b->length = (uint16_t)length;
	b->total_length = length;
	segment_wrap(b, *(const uint8_t *)bytes >> 4 == 6);
	input(s, b);
	stack_turn(s);
	settle(s);
}

uint32_t stack_socket_readable(const struct stack *s, const struct stack_socket *socket)
{
	uint32_t held = socket->unread ? socket->unread->total_length - socket->taken : 0;

	return socket->connection == TCP_NONE
		       ? held
		       : held + tcp_receive_ready(s->engine, socket->connection);
}

short stack_socket_ready(struct stack *s, const struct stack_socket *socket)
{
	short ready = 0;

	if (socket->is_listening)
		return stack_socket_waiting(s, socket) ? POLLIN : 0;
	if (socket->has_failed)
		return POLLIN | POLLOUT | POLLERR | POLLHUP;
	if (!socket->is_open)
		return socket->is_connecting ? 0 : POLLOUT | POLLHUP;
	if (stack_socket_readable(s, socket) > 0 || socket->has_ended || socket->no_reading)
		ready |= POLLIN;
	if (socket->has_ended || socket->no_reading)
		ready |= POLLRDHUP;
	if ((socket->has_ended || socket->no_reading) && socket->no_writing)
		ready |= POLLHUP;
	// As the engine tells it: from a third of the bound on.
	if (socket->no_writing ||
		tcp_send_room(s->engine, socket->connection) > socket->profile.send_memory / 6)
		ready |= POLLOUT;
	return ready;
}
