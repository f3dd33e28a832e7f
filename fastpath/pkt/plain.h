// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The way of nearly all packets through the parser: TCP or UDP right behind an IPv4 header without
// options or an IPv6 header, in an untagged frame, whole, in one piece, nothing about it odd, its
// checksums right. What is not plain is no fault: the parser proper (pkt/parse.h) judges it.

#include "pkt/parse.h"

// True: the packet is plain, *p is as packet_parse would fill it, and its checksums are right, or
// said to be by the port. False: nothing is known, and *p is untouched. buffer and netif are left
// alone in any case. Pure function, any thread.
bool packet_parse_plain(struct packet *p, const struct parse_context *context);
