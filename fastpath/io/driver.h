// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What stands behind port_open: one open function a kind of device. Private to io/.

#include "io/port.h"

// Opens the device `argument` (the text after the kind's colon) into port, whose name, device and
// mtu are filled. Sets the rest and driver. On failure a negative errno, a line in error, nothing
// kept.
typedef int port_open_function(const struct port_request *request, const char *argument,
	struct port *port, char *error, size_t error_size);

port_open_function af_packet_open, tap_open, ring_open, ethdev_open;

// Errors of the drivers read "DEVICE: WHAT; WHAT TO DO". Returns code.
int port_error(const struct port_request *request, int code, char *error, size_t error_size,
	const char *format, ...) __attribute__((format(printf, 5, 6)));
