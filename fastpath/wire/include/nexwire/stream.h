// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A connection to a server as two buffers of plain bytes, over TCP, with TLS or without
// (pkg-config nexwire-client). The functions are the same however the connection is driven:
//   NX_DRIVE_BLOCKING   they wait, and answer when they are done;
//   NX_DRIVE_READY      they never wait: at NX_CLIENT_AGAIN poll nx_stream_fd for nx_stream_wants
//                       (epoll, poll), until nx_stream_wait_ms, and call again;
//   NX_DRIVE_CARRIED    they never touch the socket: at NX_CLIENT_AGAIN the caller moves bytes with
//                       nx_stream_receive_to, _received, _send_from and _sent (io_uring, a TCP of
//                       its own), and calls again.
// One thread at a time. Nothing is allocated for a message, but what nexwire/tls.h tells of
// OpenSSL.

#include "nexwire/tls.h"
#include "nexwire/url.h"

NX_BEGIN

enum nx_client_verdict {
	NX_CLIENT_DONE,
	NX_CLIENT_AGAIN,     // not done, nothing wrong; never in blocking drive
	NX_CLIENT_TIMED_OUT, // from here on the connection is over
	NX_CLIENT_URL_INVALID,
	NX_CLIENT_TLS_CONTEXT_MISSING, // https or wss without one
	NX_CLIENT_NAME_NOT_FOUND,
	NX_CLIENT_CONNECT_FAILED,
	NX_CLIENT_TLS_FAILED, // nx_stream_why says how
	NX_CLIENT_IO_FAILED,
	NX_CLIENT_CLOSED, // by the peer, where that may happen
	NX_CLIENT_STALE,  // by the peer, before any byte of the answer: ask anew elsewhere
	NX_CLIENT_RESPONSE_INVALID, // nx_rest_fault says how
	NX_CLIENT_BODY_TOO_LARGE,
	NX_CLIENT_BODY_FAILED, // the caller's function wanted no more of one, or could make none
	NX_CLIENT_HANDSHAKE_REFUSED, // of WebSocket: the server's answer is another
	NX_CLIENT_MESSAGE_INVALID,   // of WebSocket: the peer broke the protocol
	NX_CLIENT_POISONED,          // a fault before this call: connect anew
	NX_CLIENT_NO_MEMORY,
	// The caller's own doing; the connection goes on.
	NX_CLIENT_REQUEST_INVALID, // nx_rest_fault says how
	NX_CLIENT_MESSAGE_REFUSED, // of WebSocket: what cannot be written
	NX_CLIENT_BUSY,            // pool: every connection is out, or pauses after a failure
	NX_CLIENT_VERDICTS
};

// One sentence for a log; static storage.
NX_API const char *nx_client_verdict_text(enum nx_client_verdict verdict);

enum nx_drive {
	NX_DRIVE_BLOCKING,
	NX_DRIVE_READY,
	NX_DRIVE_CARRIED
};

struct addrinfo;
struct sockaddr;

// Zero in a member means the default.
struct nx_stream_config {
	enum nx_drive drive;
	struct nx_tls_context *tls; // for https and wss; outlives the stream
	// Where to connect to, else the URL's host is looked up, which waits in every drive. Its
	// addresses are tried one after the other, each with a fair share of the time that is left.
	const struct sockaddr *address;
	unsigned int address_length;
	bool nagle;               // TCP_NODELAY is set unless this is
	int socket_send_bytes;    // SO_SNDBUF; the kernel's own
	int socket_receive_bytes; // SO_RCVBUF; the kernel's own
	unsigned int
		keepalive_s; // probes after so many idle seconds, and between; none, at most 32,767
	unsigned int connect_timeout_ms;      // TCP, to all addresses, and TLS; 10,000
	unsigned int timeout_ms;              // of one request or message; 30,000
	size_t in_bytes;                      // plain bytes received and not consumed; 64 KiB
	size_t receive_most_bytes;            // by one receive, which bounds what it copies; any
	size_t out_bytes;                     // plain bytes to be sent; 64 KiB
	const struct nx_allocator *allocator; // NULL: malloc; TLS objects are OpenSSL's own
};

struct nx_stream {
	struct nx_read_buffer in;
	struct nx_write_buffer out;
	// Private from here.
	struct nx_stream_config config;
	struct nx_tls *tls;
	int fd;
	int error;
	uint8_t phase;
	short wants;
	bool fresh;                  // carried: bytes came that no fill has told
	bool ended;                  // the peer sends no more
	bool hears;                  // nothing waits while it is sent, so that what comes is heard
	bool mute;                   // nothing is sent any more
	enum nx_client_verdict over; // NX_CLIENT_DONE while it lives
	uint64_t deadline_ms;
	uint64_t connect_deadline_ms; // of all addresses, and TLS
	struct addrinfo *addresses;   // of the host, until it is connected
	struct addrinfo *untried;     // the rest of them
};

// Makes the buffers; connects nothing. NX_CLIENT_DONE or NX_CLIENT_NO_MEMORY.
NX_API NX_CHECKED enum nx_client_verdict nx_stream_init(
	struct nx_stream *stream, const struct nx_stream_config *config);

// Closes, and gives all memory back.
NX_API void nx_stream_fini(struct nx_stream *stream);

// Begins to connect to the URL's host; what an earlier connection left is dropped. Until
// nx_stream_fd is connected a carried stream is driven like a ready one, and has no bytes to carry.
NX_API NX_CHECKED enum nx_client_verdict nx_stream_connect(
	struct nx_stream *stream, const struct nx_url *url);

// The same over a connected socket, or in carried drive over none (-1). The socket becomes the
// stream's.
NX_API NX_CHECKED enum nx_client_verdict nx_stream_adopt(
	struct nx_stream *stream, const struct nx_url *url, int fd);

// Goes on connecting, perhaps to another address by another socket: nx_stream_fd is another number
// then. NX_CLIENT_DONE: bytes may flow (at once when they do already).
NX_API NX_CHECKED enum nx_client_verdict nx_stream_ready(struct nx_stream *stream);

// Sends all that `out` holds.
NX_API NX_CHECKED enum nx_client_verdict nx_stream_flush(struct nx_stream *stream);

// Receives at least one byte into `in`; may move what is unread there. NX_CLIENT_CLOSED: the peer
// sends no more. NX_CLIENT_BODY_TOO_LARGE: `in` is full.
NX_API NX_CHECKED enum nx_client_verdict nx_stream_fill(struct nx_stream *stream);

// Has an idle connection ended, or sent what nobody asked for? Never waits.
NX_API bool nx_stream_is_stale(struct nx_stream *stream);

// Sends close_notify where there is TLS, and closes the socket.
NX_API void nx_stream_close(struct nx_stream *stream);

// Begins the time of an operation: nx_stream_fill and nx_stream_flush fail when it is over.
NX_API void nx_stream_begin(struct nx_stream *stream);

// For the caller's loop: the socket, POLLIN and POLLOUT, and how long until the next call must be
// made even if nothing happens.
NX_API int nx_stream_fd(const struct nx_stream *stream);
NX_API short nx_stream_wants(const struct nx_stream *stream);
NX_API int nx_stream_wait_ms(const struct nx_stream *stream);

// Carried drive. Where received bytes go to, then how many came (0: the peer sends no more); no
// call may be made between but the two that follow. What is to be sent, then how many were; others
// may be.
// Lengths are 0 when there is no room, or nothing.
NX_API struct iovec nx_stream_receive_to(struct nx_stream *stream);
NX_API void nx_stream_received(struct nx_stream *stream, size_t n);
NX_API struct iovec nx_stream_send_from(struct nx_stream *stream);
NX_API void nx_stream_sent(struct nx_stream *stream, size_t n);

// More about the verdict that ended the stream: what the kernel or OpenSSL says, "" if nothing.
NX_API const char *nx_stream_why(const struct nx_stream *stream);

NX_END
