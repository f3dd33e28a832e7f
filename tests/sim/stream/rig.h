// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A relay between a client's TCP engine and a target's, in virtual time: links with delay and loss,
// a source of buffers that can fail, users who send and check streams. Of the world (tests/packet)
// it takes the snapshot and the flow engine.

#include "stream/relay.h"
#include "world.h"

enum {
	RIG_FLIGHT = 32768,
	RIG_USERS = 192,
};

enum rig_host {
	RIG_CLIENT = 0,
	RIG_TARGET,
	RIG_RELAY,
	RIG_HOSTS
};

// One end of a session as its peer sees it.
struct rig_user {
	uint32_t connection; // TCP_NONE: closed
	uint64_t to_send;
	uint64_t sent;
	uint64_t received;
	uint64_t said;      // bytes that go before its stream and are not checked: rig_say
	uint8_t first[256]; // the first bytes received
	bool echoes;        // sends back what it gets
	bool is_shut;
	bool is_open;
	bool ended; // the peer's FIN came
	bool stops_reading;
	bool keeps_open; // no FIN after what it has to send
	uint16_t error;
};

struct rig_packet {
	usec_t due;
	struct buffer *frame;
	uint8_t to;
};

struct rig_secured;

struct rig {
	struct world *world;
	// In place of checking what users get; NULL: it is the other side's stream.
	void (*take)(
		struct rig *rig, enum rig_host host, uint32_t user, const struct buffer *chain);
	struct rig_secured *secured; // NULL: clients speak no TLS (secured.h)
	struct relay *relay;
	struct tcp_engine *host[2]; // client's, target's
	struct rig_user user[2][RIG_USERS];
	uint32_t users[2];
	usec_t delay;
	usec_t jitter; // at most, of each packet: some overtake others
	uint32_t loss_ppm;
	uint32_t ce_ppm;      // of ECN-capable packets that get marked
	uint64_t rate_bps;    // of each direction of each leg; 0: at once
	usec_t queue;         // what may wait for that, as time
	usec_t free_at[2][2]; // by leg, then direction: when it has sent what waits
	uint32_t fail_ppm;    // of the relay's buffers
	uint32_t gets;        // of buffers, by the relay so far
	uint32_t spares;      // of those that it asked for a large one
	uint32_t fail_from;   // from this one on so many fail
	uint32_t fail_count;
	bool target_deaf;          // what is sent to targets vanishes
	struct flow_key to_target; // of the last packet to one, and its sequence number
	uint32_t to_target_sequence;
	uint64_t random;
	uint32_t count;
	struct rig_packet flight[RIG_FLIGHT];
	uint16_t ports; // given to clients so far
};

void rig_open(struct rig *rig, uint32_t sessions);
// Everything must be given back by now.
void rig_close(struct rig *rig);
// The target's engine accepts on port 80 of this address.
void rig_listen(struct rig *rig, const char *address);
// A client connects; its number among the users of RIG_CLIENT. The target's side of it is the
// user with the same number where connections come in order.
uint32_t rig_connect(struct rig *rig, const char *listener);
// The same from an address of its own.
uint32_t rig_connect_from(struct rig *rig, const char *source, const char *listener);
// Sends bytes of the user's stream, or these.
void rig_send(struct rig *rig, enum rig_host host, uint32_t user, uint64_t bytes);
void rig_say(struct rig *rig, uint32_t user, const void *bytes, uint32_t length);
void rig_reset(struct rig *rig, enum rig_host host, uint32_t user);
// Time passes.
void rig_wait(struct rig *rig, usec_t time);
// A buffer of its own with this text.
struct buffer *rig_text(const char *text);
// A listener's requests, HTTP/2 too, all to the upstream WORLD_TCP; http has room for one route and
// is zeroed.
void rig_route_all(struct snapshot_http *http);
// Until no packet is under way and no user has anything to do, at most so long; whether so.
bool rig_settle(struct rig *rig, usec_t most);
// Payload that the relay has taken over from clients, or targets, so far.
uint64_t rig_received(const struct rig *rig, enum rig_host from);
// Packets that a host got so far.
uint64_t rig_heard(const struct rig *rig, enum rig_host host);
uint64_t rig_sessions(const struct rig *rig);
// What is in use of a pool of the relay's.
uint64_t rig_pool(const struct rig *rig, const char *pool);
uint64_t rig_drops(const struct rig *rig, enum drop_reason reason);
