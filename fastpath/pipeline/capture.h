// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Packet capture: the control thread compiles a filter, workers run it on wire bytes and copy a
// snap length into a bounded ring each; what finds the ring full is counted as missed. The control
// thread owns the object; a worker uses it between its CONTROL_CAPTURE and CONTROL_CAPTURE_STOP
// requests.

#include "core/atomic.h"
#include "core/buffer.h"
#include "core/limits.h"

struct worker;
struct bpf_insn;

enum capture_point {
	CAPTURE_RECEIVED = 0,
	CAPTURE_SENT = 1
};
enum {
	CAPTURE_SLOTS = 2048,
	CAPTURE_SNAP_MAX = 65535,
	CAPTURE_FILTER_MAX = 4096
};

struct capture_record {
	usec_t time;       // node clock
	uint32_t length;   // on the wire
	uint32_t captured; // bytes copied
	uint16_t port;
	uint8_t point; // enum capture_point
	uint8_t worker;
};

struct capture;

// expression: pcap-filter syntax, empty for everything. port: index, or UINT16_MAX for all ports.
// snap: bytes copied of each packet. -EINVAL with a line in error for a bad expression, -ENOMEM.
[[nodiscard]] int capture_create(const char *expression, uint16_t port, uint32_t snap,
	uint16_t workers, struct capture **out, char *error, size_t error_size);
void capture_destroy(struct capture *capture);

// Control thread: takes the next record and copies its bytes to data (snap bytes of room). False
// when there is none.
bool capture_take(struct capture *capture, struct capture_record *record, uint8_t *data);
// Packets that matched but found the ring full.
uint64_t capture_missed(const struct capture *capture);

// Worker: offers a burst to the captures that are on.
void capture_burst(struct worker *w, uint16_t port, enum capture_point point,
	struct buffer *const *frames, uint16_t n);
