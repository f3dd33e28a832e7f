// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One direction of an emulated link: frames go in, wait for their turn at the link's rate, travel
// its delay and come out, or are lost, overtaken, repeated or damaged on the way. Sans-IO: time is
// a parameter and everything random comes from a seed, so a run repeats exactly.
//
//   send -> MTU -> queue (bounded, drop-tail, ECN mark) -> rate -> loss -> damage -> delay ->
//   receive
//                                                                         \-> copy  -> delay ->
//
// A change of the configuration holds for frames sent afterwards. One thread at a time, but for the
// counters, which any thread may read. Nothing is allocated once a link is made, except the buffers
// of copies, which come from the source it was given. O(log n) a frame of n under way.

#include "core/atomic.h"
#include "core/buffer.h"
#include "core/memory.h"

#define SHAPE_WHOLE 1000000000u // shares are parts of this: 10 % is 100,000,000

enum shape_jitter {
	SHAPE_JITTER_UNIFORM = 0, // delay - jitter to delay + jitter
	SHAPE_JITTER_NORMAL,      // jitter is the standard deviation
};

// What stands in front of the IP header.
enum shape_frame {
	SHAPE_FRAME_ETHERNET = 0,
	SHAPE_FRAME_IP,
};

// All zero is a link without limits: what goes in comes out at once.
struct shape_config {
	uint64_t rate_bps; // of frames as buffers hold them (no preamble, no FCS); 0: no limit
	uint64_t seed;
	usec_t delay_us;
	usec_t jitter_us; // order is kept: a frame is never in front of one sent before it
	enum shape_jitter jitter;
	enum shape_frame frame;
	uint32_t loss;          // share of frames
	uint32_t loss_burst;    // mean number lost in a row; 0 and 1: each on its own
	uint32_t reorder;       // share that travels only a random part of the delay
	uint32_t duplicate;     // share that arrives twice
	uint32_t corrupt;       // share of IP packets that arrive with one bit flipped
	uint32_t queue_bytes;   // that may wait for the rate; 0: no bound
	uint32_t queue_packets; // 0: no bound
	uint32_t mark_bytes;    // ECN-capable packets are marked from so many waiting; 0: never
	uint32_t mtu;           // bytes of IP packet; 0: any
};

// What became of a frame that was sent.
enum shape_verdict {
	SHAPE_SENT = 0,   // the link has it
	SHAPE_LOST,       // by the share that is lost
	SHAPE_QUEUE_FULL, // more waits for the rate than may
	SHAPE_NO_ROOM,    // as many frames are under way as the link was made for
	SHAPE_TOO_BIG,    // larger than its MTU
};

// What a link counts: name, help.
#define SHAPE_COUNTERS(X)                                                                          \
	X(sent, "frames that the link took")                                                       \
	X(sent_bytes, "bytes of them")                                                             \
	X(received, "frames that came out, copies included")                                       \
	X(lost, "lost by the share that is to be lost")                                            \
	X(queue_full, "dropped because too much waited for the rate")                              \
	X(no_room, "dropped because too many frames were under way")                               \
	X(too_big, "larger than the link's MTU")                                                   \
	X(reordered, "went ahead of the rest")                                                     \
	X(duplicated, "copies made")                                                               \
	X(corrupted, "had a bit flipped")                                                          \
	X(marked, "marked as having experienced congestion")                                       \
	X(not_copied, "could not be repeated, damaged or marked for want of a buffer")

// w: who sends and receives, r: any thread.
struct shape_counters {
#define X(name, help) counter_t name;
	SHAPE_COUNTERS(X)
#undef X
	counter_t queue_bytes; // gauge: waiting for the rate
	counter_t under_way;   // gauge: frames in the link
};

struct shape_link;

// Whether frames on such a link fare otherwise than on none.
static inline bool shape_config_is_active(const struct shape_config *c)
{
	return c->rate_bps > 0 || c->delay_us > 0 || c->jitter_us > 0 || c->loss > 0 ||
	       c->duplicate > 0 || c->corrupt > 0 || c->mtu > 0;
}

// A link that holds up to `capacity` (1 to 2^24) frames, copies included, 40 bytes each. source
// gives the buffers of copies. -ENOMEM, or -EINVAL for a capacity or configuration beyond its
// bounds (shape_config_is_valid).
[[nodiscard]] int shape_link_create(const struct shape_config *config, uint32_t capacity,
	struct buffer_source *source, struct shape_link **out);
// Gives what is still under way back to the source. NULL is allowed.
void shape_link_destroy(struct shape_link *link);

// Shares at most SHAPE_WHOLE, delay and jitter at most an hour, rate at most 1 Tbit/s; loss below
// the whole where it comes in bursts.
bool shape_config_is_valid(const struct shape_config *config);

// From now on frames are treated so. With another seed all streams begin anew; with the same one
// they go on. The configuration is valid.
void shape_link_change(struct shape_link *link, const struct shape_config *config);

// Sends a frame at time `now`, which never goes back. With SHAPE_SENT the frame is the link's; with
// any other verdict it stays the caller's. The link writes to what nobody
// else can hold, a single or first buffer with one reference, and to copies of the rest.
[[nodiscard]] enum shape_verdict shape_link_send(
	struct shape_link *link, struct buffer *frame, usec_t now);

// Takes up to n frames that have arrived by `now`, in the order of their arrival; they are the
// caller's. Returns how many.
uint32_t shape_link_receive(struct shape_link *link, struct buffer **out, uint32_t n, usec_t now);

// When the next frame arrives: shape_link_receive has one then. UINT64_MAX: none is under way.
usec_t shape_link_next(const struct shape_link *link);

const struct shape_counters *shape_link_counters(const struct shape_link *link);
