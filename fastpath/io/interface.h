// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Questions about a kernel interface, by name, in the network namespace of the calling thread.
// Control thread.

#include "core/base.h"

// Index of the interface, 0 if there is none.
int interface_index(const char *name);
// 0 or a negative errno (-ENODEV: no such interface).
[[nodiscard]] int interface_mtu(const char *name, uint16_t *mtu);
[[nodiscard]] int interface_mac(const char *name, struct mac_address *mac);
// Administratively up with a carrier.
[[nodiscard]] int interface_is_up(const char *name, bool *up);
// Bits a second; 0 where the driver does not say.
uint64_t interface_speed(const char *name);
// Frames that the interface dropped on receive since it exists.
uint64_t interface_receive_dropped(const char *name);
// The same on transmit.
uint64_t interface_transmit_dropped(const char *name);
[[nodiscard]] int interface_set_up(const char *name);

// Whether the kernel holds address on the interface: then it answers for it too, and resets every
// connection that it does not know. prefix_length gets the address's own (0 to 32 or 128), for the
// `ip addr del` line.
bool kernel_holds_address(
	const char *name, const struct ip_address *address, uint8_t *prefix_length);
// Whether the kernel forwards what arrives on the interface: it would send a second copy.
bool kernel_forwards_ipv4(const char *name);
bool kernel_forwards_ipv6(const char *name);
