// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Our TCP engine as packetdrill sees it: IP packets in and out, a clock that moves only when
// packetdrill waits, and sockets. One lock: packetdrill makes blocking calls from a second thread.

#include <pthread.h>
#include <sys/socket.h>

#include "tcp/tcp.h"

enum {
	STACK_SENT_MOST = 4096,
	STACK_SOCKETS = 64, // a socket's number is also its profile's
	STACK_NONE = UINT32_MAX,
};

struct stack_sent {
	uint8_t *bytes;
	uint32_t length;
	usec_t at;
};

// The thread that is inside a call that blocks.
enum stack_caller {
	CALLER_NONE,
	CALLER_WAITING,  // time may pass
	CALLER_WOKEN,    // it looks whether it can go on
	CALLER_RETURNED, // it goes on, and time stands still until it has read the clock
};

struct stack_socket {
	bool is_used;
	bool is_listening;
	bool is_accepted; // the user has its descriptor
	bool is_open;     // connected or accepted
	bool is_connecting;
	bool has_ended; // the peer's FIN
	bool has_failed;
	bool no_reading; // shutdown
	bool no_writing;
	bool blocks;
	bool corked;
	bool tells_queue; // TCP_INQ
	bool aborts;      // SO_LINGER with no time
	int fd;           // of /dev/null: packetdrill closes it itself at its end
	int family;
	int error;       // SO_ERROR
	uint32_t parent; // the listener's number; STACK_NONE: none
	uint32_t order;  // of the accept queue
	uint32_t listener;
	uint32_t connection; // TCP_NONE: none
	struct ip_address local;
	struct ip_address remote;
	be16 local_port;
	be16 remote_port;
	struct buffer *unread; // taken from the engine, `taken` bytes of it given to the user
	uint32_t taken;
	uint32_t readable_edges; // how often there was something new, for edge-triggered epoll
	uint32_t writable_edges;
	int send_buffer; // SO_SNDBUF as it reads back, 0: not set
	struct tcp_profile profile;
};

struct stack {
	struct tcp_engine *engine;
	usec_t now;
	pthread_mutex_t lock;
	pthread_cond_t wake;    // the caller may look again
	pthread_cond_t settled; // the caller has looked
	enum stack_caller caller;
	pthread_t caller_thread;
	pthread_t main_thread;
	usec_t caller_deadline; // UINT64_MAX: none
	struct ip_address local4;
	struct ip_address local6;
	struct tcp_profile profile; // of new sockets
	bool ecn_only_answers;
	uint16_t next_port;
	uint32_t next_order;
	uint32_t sent_first;
	uint32_t sent_count;
	struct stack_sent sent[STACK_SENT_MOST];
	struct stack_socket sockets[STACK_SOCKETS];
};

// flags: what --so_flags gave (flags.c). Ends the process with a message where they are wrong.
struct stack *stack_create(const char *flags);
// Ends the process with a message when a buffer is not given back.
void stack_destroy(struct stack *stack);

// NAME=VALUE,... into the profile and addresses; the message is on standard error when false.
bool stack_flags_read(struct stack *stack, const char *flags);

// All with the lock held.
void stack_turn(struct stack *stack); // timers, events, flush
void stack_input(struct stack *stack, const void *packet, uint32_t length);
// Lets time pass; with until_sent no longer than until a packet has left.
void stack_pass(struct stack *stack, usec_t until, bool until_sent);
// For a call that would block: waits until something happened. False when nothing ever will, or
// the deadline is over.
bool stack_wait(struct stack *stack, usec_t deadline);
// A call that may have waited returns to its caller.
void stack_return(struct stack *stack);
// The clock was read by this thread.
void stack_clock_read(struct stack *stack);

struct stack_socket *stack_socket_new(struct stack *stack);
uint32_t stack_socket_number(const struct stack *stack, const struct stack_socket *socket);
// NULL: not one of ours.
struct stack_socket *stack_socket_of(struct stack *stack, int fd);
// The oldest connection that nobody accepted yet; NULL: none.
struct stack_socket *stack_socket_waiting(struct stack *stack, const struct stack_socket *listener);
void stack_socket_profile(struct stack *stack, struct stack_socket *socket);
uint32_t stack_socket_readable(const struct stack *stack, const struct stack_socket *socket);
// POLLIN, POLLOUT, ...
short stack_socket_ready(struct stack *stack, const struct stack_socket *socket);
