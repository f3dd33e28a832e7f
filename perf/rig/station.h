// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "rig/rig.h"

// Answers an ARP request or a neighbour solicitation (probes for duplicates aside) as the station
// behind the port. True when the frame was ARP, neighbour discovery or a report of group
// membership, answered or not.
bool station_answer(struct rig *rig, uint16_t port, const uint8_t *bytes, uint32_t length);
